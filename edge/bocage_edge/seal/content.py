"""The content digest: the same for one instance in any lossless transfer syntax.

It covers every element by tag, nesting and value, with pixel data decoded. Left out is what a
change of transfer syntax may change: VR, lengths and delimiters, byte order, group lengths, padding
at the end of texts and of the data set, planar configuration, the split of encapsulated frames.
Where any of it cannot be known for certain there is no digest; it is never a guess.

A false "different" costs an alarm and a second object; a false "same" would lose an instance. So
where the two were at odds, the former was chosen: values over 4 KiB and private values keep their
padding, and pixels keep bits outside Bits Stored.

    token   "=" tag length u32, value     a value of up to 4 KiB
            "L" tag length u64, bytes     a longer one
            "(" tag · "[" · "]" · ")"     a sequence and its items
            "P"                           the place of pixel data
    digest  SHA-256 over: name of this form, SHA-256 of the tokens, number of frames u64, and the
            SHA-256 of each frame, decoded: little endian, colour by pixel

Source: design, "The road of an exam", 3; PS3.5 7, 8, A.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence

from bocage_edge.seal import dictionary as dd

_NAME = b"bocage content digest 1\n"
_VALUE = struct.Struct(">cII")
_LONG = struct.Struct(">cIQ")
_OPEN = struct.Struct(">cI")
_LEFT_OUT = frozenset(
    {
        dd.DATA_SET_TRAILING_PADDING,
        dd.PLANAR_CONFIGURATION,
        dd.EXTENDED_OFFSET_TABLE,
        dd.EXTENDED_OFFSET_TABLE_LENGTHS,
        dd.ENCAPSULATED_VALUE_LENGTH,
    }
)
# What DCMTK puts around Derivation Description when it compresses without loss: about the transfer
# syntax, not about the instance.
_CODING_REMARK = re.compile(
    rb"Lossless JPEG compression, selection value \d, point transform \d+,"
    rb" compression ratio [\d.]+(?: \[(.*)\])?",
    re.DOTALL,
)
# What decodes to RGB is RGB (PS3.3 C.7.6.3.1.2).
_SAME_COLOURS = {b"YBR_RCT": b"RGB", b"YBR_ICT": b"RGB"}


class ContentDigest:
    """Takes what the scanner tells (`scanner.ContentSink`) and, at the end, the frames."""

    def __init__(self) -> None:
        """Begin an instance."""
        self._hash = hashlib.sha256()
        self._parts: list[bytes] = []
        self._number_bytes = 1
        self._odd = b""
        self._is_muted = False
        self._opened: int | None = None  # a sequence of which no item has come yet
        self.is_given_up = False

    def value(self, tag: int, value: bytes, number_bytes: int) -> None:
        """Take a whole value."""
        if tag in _LEFT_OUT or not tag & 0xFFFF or self.is_given_up:
            return  # group lengths are the elements numbered 0
        if tag in dd.TEXT_TAGS:
            value = value.rstrip(b" \0")
            if tag == dd.DERIVATION_DESCRIPTION:
                value = _without_coding_remark(value)
                if not value:
                    return
            if tag == dd.PHOTOMETRIC_INTERPRETATION:
                value = _SAME_COLOURS.get(value, value)
        elif number_bytes > 1:
            value = swapped(value, number_bytes)
        self._parts.append(_VALUE.pack(b"=", tag, len(value)))
        self._parts.append(value)

    def long_value(self, tag: int, length: int, number_bytes: int) -> None:
        """Announce a long value."""
        self._is_muted = tag in _LEFT_OUT
        self._number_bytes, self._odd = number_bytes, b""
        if length % number_bytes:
            self.give_up()
        if not self._is_muted:
            self._parts.append(_LONG.pack(b"L", tag, length))

    def more(self, data: memoryview) -> None:
        """Take a part of a long value."""
        if self.is_given_up or self._is_muted:
            return
        self.flush()
        if self._number_bytes == 1:
            self._hash.update(data)
            return
        held = self._odd + data
        whole = len(held) - len(held) % self._number_bytes
        self._hash.update(swapped(held[:whole], self._number_bytes))
        self._odd = held[whole:]

    def begin_sequence(self, tag: int) -> None:
        """Open a sequence; one that stays empty counts as an empty value.

        An empty private element in implicit VR does not show whether it is a sequence.
        """
        self._opened = tag

    def end_sequence(self) -> None:
        """Close a sequence."""
        if self._opened is None:
            self._parts.append(b")")
        else:
            self._parts.append(_VALUE.pack(b"=", self._opened, 0))
            self._opened = None

    def begin_item(self) -> None:
        """Open an item."""
        if self._opened is not None:
            self._parts.append(_OPEN.pack(b"(", self._opened))
            self._opened = None
        self._parts.append(b"[")

    def end_item(self) -> None:
        """Close an item."""
        self._parts.append(b"]")

    def pixels(self) -> None:
        """Mark the place of the pixel data."""
        self._parts.append(b"P")

    def give_up(self) -> None:
        """Give no digest."""
        self.is_given_up = True

    def flush(self) -> None:
        """Hash what was collected; called once a fragment, not once an element."""
        if self._parts:
            self._hash.update(b"".join(self._parts))
            self._parts.clear()

    def finish(self, frames: Sequence[bytes] | None) -> str | None:
        """Give the digest.

        Args:
            frames: SHA-256 of each decoded frame; none where there is no pixel data; None where a
                frame could not be decoded.
        """
        if self.is_given_up or frames is None:
            return None
        self.flush()
        whole = hashlib.sha256(_NAME + self._hash.digest() + struct.pack(">Q", len(frames)))
        whole.update(b"".join(frames))
        return whole.hexdigest()


def _without_coding_remark(value: bytes) -> bytes:
    while found := _CODING_REMARK.fullmatch(value):
        value = found[1] or b""
    return value


def swapped(value: bytes, number_bytes: int) -> bytes:
    """Turn big endian numbers to little endian; bytes beyond the last whole number stay."""
    whole = len(value) - len(value) % number_bytes
    out = bytearray(value)
    for place in range(number_bytes):
        out[place:whole:number_bytes] = value[number_bytes - 1 - place : whole : number_bytes]
    return bytes(out)
