"""A data set rewritten from one encoding to another while it streams by, without recursion.

For transcoding only: what a station takes as it came is never touched, and where only identifiers
change, `rewriting` leaves all other bytes as they are. Values keep their bytes
(swapped where the byte order changes); what changes is how they are framed:

    - group lengths are left out: retired, and they would be wrong afterwards;
    - sequences and items get undefined length, for their size changes with the encoding;
    - an element whose VR implicit encoding does not tell, and no dictionary knows, becomes UN.

Hostile input is bounded: nesting by `MAX_DEPTH`, a value never held whole, a data set that ends
too early or does not hang together is a `DatasetFaultError`.

Source: PS3.5 6.2, 7.1 (element), 7.5 (sequences), Annex A (encodings).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

MAX_DEPTH = 32
CHUNK_BYTES = 1 << 20
MAX_KEPT_VALUE_BYTES = 64

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
PIXEL_REPRESENTATION = 0x00280103
IMAGE_GROUP = 0x0028
UNDEFINED = 0xFFFFFFFF

# PS3.5 7.1.2: two reserved bytes and a length of four.
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
# PS3.5 7.3: size of the words whose byte order differs; all others are strings of bytes.
WORD_BYTES = {
    **dict.fromkeys((b"AT", b"OW", b"SS", b"US"), 2),
    **dict.fromkeys((b"FL", b"OF", b"OL", b"SL", b"UL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 8),
}


class DatasetFaultError(Exception):
    """A data set cannot be rewritten; the message says why, without a word of its content."""


class Encoding(NamedTuple):
    """How elements are written."""

    explicit: bool
    little: bool


EXPLICIT_LE = Encoding(explicit=True, little=True)
IMPLICIT_LE = Encoding(explicit=False, little=True)
EXPLICIT_BE = Encoding(explicit=True, little=False)


class Source:
    """Bytes to be read, from an iterator of blocks."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        """Start at the first block."""
        self._blocks = iter(blocks)
        self._block = memoryview(b"")
        self.position = 0

    def is_at_end(self) -> bool:
        """Whether everything has been read."""
        return not self._fill()

    def read_some(self, limit: int) -> bytes:
        """Read at least one byte and at most `limit`.

        Raises:
            DatasetFaultError: there is nothing left.
        """
        if not self._fill():
            raise DatasetFaultError("the data set ends too early")
        taken = bytes(self._block[:limit])
        self._block = self._block[len(taken) :]
        self.position += len(taken)
        return taken

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes.

        Raises:
            DatasetFaultError: there are fewer.
        """
        if len(self._block) >= size:  # nearly always
            taken = bytes(self._block[:size])
            self._block = self._block[size:]
            self.position += size
            return taken
        parts = bytearray()
        while len(parts) < size:
            parts += self.read_some(size - len(parts))
        return bytes(parts)

    def chunks(self, size: int, unit: int = 1) -> Iterator[bytes]:
        """Read exactly `size` bytes in pieces whose length is a multiple of `unit`."""
        left = size
        while left:
            take = min(left, CHUNK_BYTES // unit * unit)
            yield self.read(take)
            left -= take

    def rest(self) -> Iterator[bytes]:
        """Give whatever is left as it comes, without looking at it."""
        while len(self._block):
            yield self.read_some(CHUNK_BYTES)
        for block in self._blocks:
            yield block
            del block  # not two large ones at a time

    def _fill(self) -> bool:
        while not len(self._block):
            self._block = memoryview(b"")  # an empty view still holds its whole block
            block = next(self._blocks, None)
            if block is None:
                return False
            self._block = memoryview(block)
        return True


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The head of (7FE0,0010) at the top level; its value is still to be read.

    Args:
        vr: as the source says; OW where it does not.
        length: in bytes; `UNDEFINED` where the value is encapsulated.
    """

    vr: bytes
    length: int

    @property
    def is_encapsulated(self) -> bool:
        """Whether the value is a list of fragments."""
        return self.length == UNDEFINED


@dataclass(slots=True)
class _Level:
    """An open sequence, or an open item of one."""

    is_item: bool
    end: int | None  # position where it ends; None: at its delimiter
    encoding: Encoding
    is_signed: bool = False


class Rewriter:
    """One pass over a data set.

    `elements` yields until the pixel data, whose head is then in `pixels`; whoever reads them has
    them read from `source` to their end, and calls `elements` again for what follows.
    """

    def __init__(self, source: Source, encoding: Encoding, target: Encoding) -> None:
        """Stand before the first element.

        Args:
            target: little endian, always.
        """
        self.source = source
        self.pixels: PixelElement | None = None
        self.image: dict[int, bytes] = {}  # small values of group 0028, top level, little endian
        self._target = target
        self._root = _Level(is_item=True, end=None, encoding=encoding)
        self._open: list[_Level] = []

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """Yield the rewritten data set in pieces, each with the tag at the top level it is of.

        Raises:
            DatasetFaultError: it does not hang together, or goes too deep.
        """
        self.pixels = None
        top = 0
        while True:
            if self._closes_by_length():
                yield top, self._close()
                continue
            if not self._open and self.source.is_at_end():
                return
            level = self._open[-1] if self._open else self._root
            tag = self._read_tag(level.encoding)
            if not self._open:
                top = tag
            if not level.is_item:
                yield top, self._item_or_end(tag, level)
                continue
            if tag == ITEM_END:
                yield top, self._item_end(level)
                continue
            yield from ((top, piece) for piece in self._element(tag, level))
            if self.pixels is not None:
                return

    def _element(self, tag: int, level: _Level) -> Iterator[bytes]:
        vr, length = self._read_head(tag, level)
        if tag & 0xFFFF == 0:
            for _ in self.source.chunks(_defined(length)):
                pass
        elif tag == PIXEL_DATA and not self._open:
            self.pixels = PixelElement(vr, length)
        elif vr == b"SQ" or length == UNDEFINED:
            yield self._open_sequence(tag, vr, length, level)
        else:
            yield head(tag, vr, length, self._target)
            yield from self._value(tag, vr, length, level)

    def _value(self, tag: int, vr: bytes, length: int, level: _Level) -> Iterator[bytes]:
        unit = 1 if level.encoding.little else WORD_BYTES.get(vr, 1)
        if length % unit:
            raise DatasetFaultError("a value is not a whole number of words")
        for chunk in self.source.chunks(length, unit):
            piece = swap(chunk, unit)
            if length <= MAX_KEPT_VALUE_BYTES and tag >> 16 == IMAGE_GROUP:
                self._keep(tag, piece, level)
            yield piece

    def _keep(self, tag: int, value: bytes, level: _Level) -> None:
        if not self._open:
            self.image[tag] = value
        if tag == PIXEL_REPRESENTATION:
            level.is_signed = value[:1] == b"\x01"

    def _read_tag(self, encoding: Encoding) -> int:
        group, element = struct.unpack("<HH" if encoding.little else ">HH", self.source.read(4))
        return int(group << 16 | element)

    def _read_head(self, tag: int, level: _Level) -> tuple[bytes, int]:
        order = "<" if level.encoding.little else ">"
        if not level.encoding.explicit:
            (length,) = struct.unpack("<I", self.source.read(4))
            return implicit_vr(tag, level.is_signed), length
        vr, short = struct.unpack(order + "2sH", self.source.read(4))
        if vr in SHORT_VRS:
            return vr, short
        if vr not in LONG_VRS:
            raise DatasetFaultError("an element has a VR that is none")
        (length,) = struct.unpack(order + "I", self.source.read(4))
        return vr, length

    def _open_sequence(self, tag: int, vr: bytes, length: int, level: _Level) -> bytes:
        if vr not in (b"SQ", b"UN"):
            if tag == PIXEL_DATA:
                raise DatasetFaultError("an icon image is compressed by itself")
            raise DatasetFaultError("an element has no length")
        # PS3.5 6.2.2: UN of undefined length is a sequence in implicit little endian.
        encoding = IMPLICIT_LE if vr == b"UN" and level.encoding.explicit else level.encoding
        self._push(_Level(False, self._end(length), encoding, level.is_signed))
        return head(tag, b"SQ", UNDEFINED, self._target)

    def _item_or_end(self, tag: int, level: _Level) -> bytes:
        order = "<I" if level.encoding.little else ">I"
        (length,) = struct.unpack(order, self.source.read(4))
        if tag == SEQUENCE_END and level.end is None:
            return self._close()
        if tag != ITEM:
            raise DatasetFaultError("a sequence holds something that is no item")
        self._push(_Level(True, self._end(length), level.encoding, level.is_signed))
        return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, UNDEFINED)

    def _item_end(self, level: _Level) -> bytes:
        self.source.read(4)
        if level.end is not None or not self._open:
            raise DatasetFaultError("an item ends where none is open")
        return self._close()

    def _end(self, length: int) -> int | None:
        if length == UNDEFINED:
            return None
        end = self.source.position + length
        if self._open and self._open[-1].end is not None and end > self._open[-1].end:
            raise DatasetFaultError("an item is longer than its sequence")
        return end

    def _push(self, level: _Level) -> None:
        if len(self._open) >= 2 * MAX_DEPTH:
            raise DatasetFaultError(f"sequences are nested more than {MAX_DEPTH} deep")
        self._open.append(level)

    def _closes_by_length(self) -> bool:
        if not self._open or self._open[-1].end is None:
            return False
        if self.source.position > self._open[-1].end:
            raise DatasetFaultError("an element is longer than its item")
        return self.source.position == self._open[-1].end

    def _close(self) -> bytes:
        tag = ITEM_END if self._open.pop().is_item else SEQUENCE_END
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, 0)


def head(tag: int, vr: bytes, length: int, target: Encoding) -> bytes:
    """Write tag, VR and length of an element.

    A value too long for its VR's short length is written as UN.

    Source: PS3.5 7.1.2, 7.1.3, 6.2.2 note.
    """
    group, element = tag >> 16, tag & 0xFFFF
    order = "<" if target.little else ">"
    if not target.explicit:
        return struct.pack("<HHI", group, element, length)
    if vr in SHORT_VRS:
        if length <= 0xFFFF:
            return struct.pack(order + "HH2sH", group, element, vr, length)
        vr = b"UN"
    return struct.pack(order + "HH2sHI", group, element, vr, 0, length)


def implicit_vr(tag: int, is_signed: bool) -> bytes:
    """Say which VR an element has that does not tell; UN where nobody knows.

    Args:
        is_signed: Pixel Representation of the data set it stands in, which decides "US or SS".

    Source: PS3.6; PS3.5 7.8.1 (private creators), Annex A.1 (OW where OB or OW).
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1:
        return b"LO" if 0x10 <= element <= 0xFF else b"UN"
    if element == 0:
        return b"UL"
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return b"UN"
    if vr.endswith("OW"):  # OB or OW, US or OW, US or SS or OW
        return b"OW"
    if vr == "US or SS":
        return b"SS" if is_signed else b"US"
    return vr.encode()


def swap(words: bytes, unit: int) -> bytes:
    """Turn the byte order of words of `unit` bytes round; `unit` 1: nothing to do."""
    if unit == 1:
        return words
    turned = bytearray(len(words))
    for place in range(unit):
        turned[place::unit] = words[unit - 1 - place :: unit]
    return bytes(turned)


def _defined(length: int) -> int:
    if length == UNDEFINED:
        raise DatasetFaultError("an element has no length")
    return length
