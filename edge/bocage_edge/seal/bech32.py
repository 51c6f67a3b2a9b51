"""Bech32, the spelling of age keys. Pure.

Only what age needs: lower or upper case, any length, no error location.

Source: BIP 173.
"""

from __future__ import annotations

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CHECKSUM_CHARS = 6


class Bech32Error(ValueError):
    """A text that is not Bech32. The text may be a secret and is not part of the message."""


def encode(prefix: str, data: bytes) -> str:
    """Spell bytes under a lower-case prefix."""
    values = _regroup(data, 8, 5, pad=True)
    tail = _polymod([*_expand(prefix), *values, *([0] * CHECKSUM_CHARS)]) ^ 1
    check = [tail >> 5 * (CHECKSUM_CHARS - 1 - place) & 31 for place in range(CHECKSUM_CHARS)]
    return prefix + "1" + "".join(ALPHABET[value] for value in [*values, *check])


def decode(text: str) -> tuple[str, bytes]:
    """Read a text back into its prefix (lower case) and bytes.

    Raises:
        Bech32Error: mixed case, foreign characters or a wrong checksum.
    """
    if text not in (text.lower(), text.upper()):
        raise Bech32Error("upper and lower case are mixed")
    prefix, separator, tail = text.lower().rpartition("1")
    if not separator or not prefix or len(tail) < CHECKSUM_CHARS:
        raise Bech32Error("too short, or without a prefix")
    if not set(tail) <= set(ALPHABET):
        raise Bech32Error("a character that Bech32 does not use")
    values = [ALPHABET.index(char) for char in tail]
    if _polymod([*_expand(prefix), *values]) != 1:
        raise Bech32Error("wrong checksum: mistyped or cut")
    return prefix, bytes(_regroup(values[:-CHECKSUM_CHARS], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii", "replace")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(values: list[int]) -> int:
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATOR):
            total ^= generator if top >> bit & 1 else 0
    return total


def _regroup(values: bytes | list[int], width: int, to: int, *, pad: bool) -> list[int]:
    """Read a row of `width`-bit numbers as one of `to`-bit numbers."""
    held, bits, out = 0, 0, []
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= to:
            bits -= to
            out.append(held >> bits & (1 << to) - 1)
        held &= (1 << bits) - 1
    if pad and bits:
        out.append(held << to - bits & (1 << to) - 1)
    if not pad and (bits >= width or held):
        raise Bech32Error("bits left over")
    return out
