"""Writes a text in the character repertoire of a data set that was written in another. Pure.

Whatever is written is read again by `heard.decoded` before it is believed. A repertoire that lacks
the letters may be extended (ISO 2022), which leaves every text that stands there as it is.

Source: PS3.3 C.12.1.1.2 (Specific Character Set); PS3.5 6.1.2.5 (code extensions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bocage_edge.exam.heard import decoded, encodings

# Escape sequences that put a single-byte repertoire into G1, or a Korean or Chinese one.
_ESCAPES = {
    "ISO 2022 IR 100": b"\x1b-A",
    "ISO 2022 IR 101": b"\x1b-B",
    "ISO 2022 IR 109": b"\x1b-C",
    "ISO 2022 IR 110": b"\x1b-D",
    "ISO 2022 IR 126": b"\x1b-F",
    "ISO 2022 IR 127": b"\x1b-G",
    "ISO 2022 IR 138": b"\x1b-H",
    "ISO 2022 IR 144": b"\x1b-L",
    "ISO 2022 IR 148": b"\x1b-M",
    "ISO 2022 IR 166": b"\x1b-T",
    "ISO 2022 IR 203": b"\x1b-b",
    "ISO 2022 IR 149": b"\x1b$)C",
    "ISO 2022 IR 58": b"\x1b$)A",
}
_CODECS = {
    "ISO 2022 IR 6": "ascii",
    "ISO 2022 IR 100": "latin_1",
    "ISO 2022 IR 101": "iso8859_2",
    "ISO 2022 IR 109": "iso8859_3",
    "ISO 2022 IR 110": "iso8859_4",
    "ISO 2022 IR 126": "iso8859_7",
    "ISO 2022 IR 127": "iso8859_6",
    "ISO 2022 IR 138": "iso8859_8",
    "ISO 2022 IR 144": "iso8859_5",
    "ISO 2022 IR 148": "iso8859_9",
    "ISO 2022 IR 166": "tis_620",
    "ISO 2022 IR 203": "iso8859_15",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 58": "gb2312",
    # Python's codecs of these write the escape sequences themselves.
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 159": "iso2022_jp_2",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_WRITE_ESCAPES = frozenset(("ISO 2022 IR 87", "ISO 2022 IR 159"))
# They have no code extensions (PS3.3 C.12.1.1.2).
_CLOSED = frozenset(("ISO_IR 192", "GB18030", "GBK", "ISO 2022 GBK"))
_DEFAULT = "ISO 2022 IR 6"
# What a text in UTF-8 may be extended by, as receivers know them longest.
_EXTENSIONS = tuple(f"ISO 2022 IR {number}" for number in (100, 101, 109, 110, 144, 126, 148))
_DELIMITERS = re.compile(r"([\^=])")


@dataclass(frozen=True, slots=True)
class Written:
    """A text as bytes, and the Specific Character Set that the data set must have for it."""

    value: bytes
    character_set: bytes


def encoded(text: str, character_set: bytes) -> bytes | None:
    """Write a text or a person's name in a repertoire; None where it lacks the letters.

    Args:
        character_set: (0008,0005) as the element holds it; empty: the default repertoire.
    """
    terms = _terms(character_set)
    parts = [_part(part, terms) for part in _DELIMITERS.split(text)]
    value = b"".join(part for part in parts if part is not None)
    if None in parts or decoded(value, encodings(_said(character_set))) != text.strip(" \0"):
        return None
    return value


def written(text: str, raw: bytes, own: bytes, there: bytes) -> Written | None:
    """Write a text of one data set for another.

    Args:
        raw: the text as it stands where it comes from.
        own: the character set of that data set.
        there: that of the data set it is for.

    Returns:
        None where no way is known that leaves the other texts of the data set as they are.
    """
    value = encoded(text, there)
    if value is not None:
        return Written(value, there)
    if set(_terms(there)) == {_DEFAULT}:
        # Its texts have no letters but those of ASCII, which every repertoire has.
        return Written(raw, own)
    if not _CLOSED.isdisjoint(_terms(there)):
        return None
    terms = _terms(own)
    extensions = _EXTENSIONS if not _CLOSED.isdisjoint(terms) else terms
    for term in extensions:
        extended = "\\".join((*_terms(there), term)).encode("ascii")
        value = encoded(text, extended) if term in _ESCAPES or term in _WRITE_ESCAPES else None
        if value is not None:
            return Written(value, extended)
    return None


def _part(part: str, terms: tuple[str, ...]) -> bytes | None:
    """Write a part of a name, or a delimiter, behind which the first repertoire holds again."""
    for place, term in enumerate(terms):
        codec = _CODECS.get(term)
        if codec is None:
            continue
        try:
            value = part.encode(codec)
        except UnicodeEncodeError:
            continue
        if place == 0 or term in _WRITE_ESCAPES or value.isascii():
            return value
        return _ESCAPES.get(term, b"") + value
    return None


def _said(character_set: bytes) -> str:
    return character_set.decode("ascii", "replace")


def _terms(character_set: bytes) -> tuple[str, ...]:
    """Give the terms of a character set as those with code extensions are called."""
    terms = [term.strip(" \0") or _DEFAULT for term in _said(character_set).split("\\")]
    return tuple(
        term if term in _CLOSED else term.replace("ISO_IR ", "ISO 2022 IR ") for term in terms
    )
