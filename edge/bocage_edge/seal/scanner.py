"""Walks a data set as it arrives: who it is, where its pixels lie, and is it whole.

Written for hostile bytes: no recursion, nothing kept but short values, and a budget for depth,
elements and the way to the Study Instance UID. It changes nothing and loses nothing: the pieces it
gives back, joined, are the bytes it was fed.

A fault before the instance is identified makes it `unidentified`. A fault later makes the rest
opaque: it still travels, byte for byte, but we say nothing about its content.

Source: PS3.5 7 (data set), A.4 (encapsulated pixel data).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Protocol

from bocage_edge.seal import dictionary as dd
from bocage_edge.seal.attributes import Attributes, Noted
from bocage_edge.seal.syntax import BIG, EXPLICIT, IMPLICIT, Encoding, encoding_of

# Longer values are passed through and never kept; every value we read is far shorter.
KEPT_VALUE_BYTES = 4096
BOUNDLESS = 1 << 62
_ENCAPSULATING_VRS = (b"OB", b"OW")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a data set we are willing to follow."""

    levels: int = 64  # a sequence and its item are two
    elements: int = 2_000_000
    identify_bytes: int = 16 * 1024 * 1024


class Fault(Enum):
    """What is wrong with a data set that we identified all the same."""

    TRUNCATED = "ends inside an element or an open sequence"
    MALFORMED = "is not a data set of its transfer syntax all the way"
    OVER_BUDGET = "is nested too deeply or has too many elements"


class Kind(IntEnum):
    """What a piece of the data set is."""

    PLAIN = 0
    PIXELS = 1  # native pixel data, without the element's head
    ITEM = 2  # head of a fragment (8 bytes), or the end of encapsulated pixel data
    FRAGMENT = 3  # inside a fragment


Piece = tuple[Kind, memoryview]


class ContentSink(Protocol):
    """Hears of every element, in a form that no transfer syntax shows in."""

    def value(self, tag: int, value: bytes, number_bytes: int) -> None:
        """Take a whole value. `number_bytes` > 1: big endian numbers of that size."""

    def long_value(self, tag: int, length: int, number_bytes: int) -> None:
        """Announce a value of which the bytes follow by `more`."""

    def more(self, data: memoryview) -> None:
        """Take a part of a long value."""

    def begin_sequence(self, tag: int) -> None:
        """Open a sequence."""

    def end_sequence(self) -> None:
        """Close a sequence."""

    def begin_item(self) -> None:
        """Open an item."""

    def end_item(self) -> None:
        """Close an item."""

    def pixels(self) -> None:
        """Mark the place of the pixel data; its samples are told elsewhere."""

    def give_up(self) -> None:
        """Say nothing about the content of this instance."""

    def flush(self) -> None:
        """No reference to what was fed is kept after this."""


class _State(IntEnum):
    ELEMENTS = 0
    VALUE = 1
    PIXELS = 2
    ITEMS = 3
    FRAGMENT = 4
    OPAQUE = 5


_KIND_OF = (Kind.PLAIN, Kind.PLAIN, Kind.PIXELS, Kind.ITEM, Kind.FRAGMENT, Kind.PLAIN)


class _MalformedError(Exception):
    """The element at hand cannot be; caught in `feed`."""

    def __init__(self, fault: Fault = Fault.MALFORMED) -> None:
        self.fault = fault


@dataclass(frozen=True, slots=True)
class _Level:
    """A sequence or an item we are in."""

    is_sequence: bool
    is_defined: bool  # its length is known
    bound: int  # absolute end of it, or of the nearest defined level around it
    encoding: Encoding
    is_guess: bool  # taken for a sequence by its look


class Scanner:
    """See the module."""

    def __init__(
        self, transfer_syntax: str, content: ContentSink, limits: Limits | None = None
    ) -> None:
        """Begin a data set.

        Args:
            transfer_syntax: UID of the presentation context.
        """
        encoding = encoding_of(transfer_syntax)
        self.noted = Noted()
        self.unidentified: str | None = None
        self.fault: Fault | None = None
        self.pixel_length: int | None = None  # of native pixel data, once we are there
        self.pixel_vr = b""
        self._content = content
        self._limits = limits or Limits()
        self._state = _State.ELEMENTS
        self._left = b""
        self._base = 0  # absolute place of the first byte of `_left`
        self._remaining = 0
        self._elements = 0
        self._hears_value = False
        self._has_pixels = False
        self._is_at_pixels = False  # as against other encapsulated data, such as an icon
        self._levels: list[_Level] = []
        self._set_encoding(encoding or EXPLICIT)
        self._bound = BOUNDLESS
        if encoding is None:
            self._cannot_identify("the transfer syntax is compressed as a whole")

    @property
    def is_identified(self) -> bool:
        """Whether study, SOP class and SOP instance are known."""
        return self.noted.is_identified and self.unidentified is None

    @property
    def attributes(self) -> Attributes:
        """What we know of the image so far."""
        return self.noted.attributes()

    def feed(self, data: bytes | bytearray | memoryview) -> list[Piece]:
        """Take more bytes; gives the pieces that are understood, in order.

        An element that has not come whole waits inside, at most `KEPT_VALUE_BYTES` and its head.
        """
        buffer = b"".join((self._left, data)) if self._left else bytes(data)
        view, place, pieces = memoryview(buffer), 0, list[Piece]()
        while True:
            state = self._state
            try:
                after = _STEPS[state](self, buffer, place)
            except _MalformedError as error:
                after = place
                self._recover(error.fault, place)
            if after > place:
                kind = _KIND_OF[state] if self._is_at_pixels else Kind.PLAIN
                pieces.append((kind, view[place:after]))
            elif self._state is state:
                break
            place = after
        self._left = buffer[place:]
        self._base += place
        self._content.flush()
        self._check_identity_budget()
        return pieces

    def close(self) -> list[Piece]:
        """Say that the data set ends here; gives what was still waiting."""
        piece: list[Piece] = [(Kind.PLAIN, memoryview(self._left))] if self._left else []
        if self._state is not _State.OPAQUE:
            self._close_levels(0)
            if self._left or self._levels or self._state is not _State.ELEMENTS:
                self._blame(Fault.TRUNCATED)
        if not self.noted.is_identified:
            self._cannot_identify(self.noted.missing())
        self._left = b""
        return piece

    # -- states: each takes what it can of the buffer and gives the place after it

    def _read_elements(self, buffer: bytes, place: int) -> int:
        size, base = len(buffer), self._base
        while self._state is _State.ELEMENTS:
            if base + place >= self._bound:
                self._close_levels(place)
            if size - place < 8:
                return place
            try:
                after = self._element(buffer, place)
            except _MalformedError as error:
                self._recover(error.fault, place)
                return place
            if after < 0:
                return place
            place = after
        return place

    def _read_value(self, buffer: bytes, place: int) -> int:
        after = self._pass(buffer, place, _State.ELEMENTS)
        if self._hears_value:
            self._content.more(memoryview(buffer)[place:after])
        return after

    def _read_pixels(self, buffer: bytes, place: int) -> int:
        return self._pass(buffer, place, _State.ELEMENTS)

    def _read_fragment(self, buffer: bytes, place: int) -> int:
        return self._pass(buffer, place, _State.ITEMS)

    def _read_items(self, buffer: bytes, place: int) -> int:
        if len(buffer) - place < 8:
            return place
        tag, length = _item_head(buffer, place)
        if self._base + place + 8 > self._bound or tag not in (dd.ITEM, dd.SEQUENCE_END):
            raise _MalformedError
        if tag == dd.SEQUENCE_END:
            self._state = _State.ELEMENTS
        elif length == dd.UNDEFINED:
            raise _MalformedError
        else:
            self._check_room(place + 8, length)
            self._remaining, self._state = length, _State.FRAGMENT
        return place + 8

    def _read_opaque(self, buffer: bytes, place: int) -> int:
        return len(buffer)

    def _pass(self, buffer: bytes, place: int, then: _State) -> int:
        step = min(self._remaining, len(buffer) - place)
        self._remaining -= step
        if not self._remaining:
            self._state = then
        return place + step

    # -- elements

    def _element(self, buffer: bytes, place: int) -> int:
        """Take one element, or open what it opens; gives the place after, -1 for more bytes."""
        group, number = self._tag(buffer, place)
        tag = group << 16 | number
        if group == 0xFFFE:
            return self._delimiter(tag, buffer, place)
        if self._levels and self._levels[-1].is_sequence:
            raise _MalformedError
        vr, start, length = self._head(buffer, place)
        if start < 0:
            return -1
        if length == dd.UNDEFINED or tag == dd.PIXEL_DATA or vr in _SEQUENCE_VRS:
            opened = self._open(tag, vr, buffer, start, length)
            if opened is not None:
                return opened
        return self._value(tag, vr, buffer, start, length)

    def _explicit_head(self, buffer: bytes, place: int) -> tuple[bytes, int, int]:
        vr = buffer[place + 4 : place + 6]
        if vr in dd.SHORT_VRS:
            return vr, place + 8, self._u16(buffer, place + 6)[0]
        if not (vr.isalpha() and vr.isupper()):
            raise _MalformedError
        if len(buffer) - place < 12:
            return vr, -1, 0
        return vr, place + 12, self._u32(buffer, place + 8)[0]

    def _implicit_head(self, buffer: bytes, place: int) -> tuple[bytes, int, int]:
        return b"", place + 8, self._u32(buffer, place + 4)[0]

    def _value(self, tag: int, vr: bytes, buffer: bytes, start: int, length: int) -> int:
        after = start + length
        if self._base + after > self._bound:
            raise _MalformedError
        if length <= KEPT_VALUE_BYTES and after > len(buffer):
            return -1
        self._elements += 1
        if self._elements > self._limits.elements:
            raise _MalformedError(Fault.OVER_BUDGET)
        number_bytes = dd.NUMBER_BYTES.get(vr, 1) if self._is_big else 1
        if not self._levels and self.unidentified is None:
            self._note(tag, buffer, start, length)
        if length <= KEPT_VALUE_BYTES:
            self._content.value(tag, buffer[start:after], number_bytes)
            return after
        self._content.long_value(tag, length, number_bytes)
        self._remaining, self._state, self._hears_value = length, _State.VALUE, True
        return start

    def _note(self, tag: int, buffer: bytes, start: int, length: int) -> None:
        if tag > dd.STUDY_INSTANCE_UID and not self.noted.is_identified:
            self._cannot_identify(self.noted.missing())
        elif tag in dd.NOTED_TAGS and length <= KEPT_VALUE_BYTES:
            problem = self.noted.note(tag, buffer[start : start + length], is_big=self._is_big)
            if problem:
                self._cannot_identify(problem)

    # -- what opens and closes

    def _open(self, tag: int, vr: bytes, buffer: bytes, start: int, length: int) -> int | None:
        """Open pixel data or a sequence; None where the element is a value after all."""
        if tag == dd.PIXEL_DATA and not self._levels:
            return self._open_pixels(vr, start, length)
        if length == dd.UNDEFINED and vr in _ENCAPSULATING_VRS:
            # Encapsulated data in a place we know nothing of, such as an icon: not comparable.
            self._content.give_up()
            self._state, self._is_at_pixels = _State.ITEMS, False
            return start
        if length != dd.UNDEFINED and vr not in _SEQUENCE_VRS:
            return None  # pixels of an icon
        if vr == b"SQ":
            return self._open_sequence(tag, start, length, self._encoding, is_guess=False)
        if vr not in _SEQUENCE_VRS:
            raise _MalformedError  # undefined length, and nothing that may have one
        encoding = IMPLICIT  # PS3.5 6.2.2 Note 4: UN of undefined length is a sequence, implicit
        if length == dd.UNDEFINED:
            return self._open_sequence(tag, start, length, encoding, is_guess=False)
        may_be = tag in dd.SEQUENCE_TAGS or tag >> 16 & 1
        if not may_be or length < 8:
            return None
        if len(buffer) < start + 8:
            return -1
        if not _looks_like_items(buffer, start, length):
            return None
        return self._open_sequence(tag, start, length, encoding, is_guess=True)

    def _open_pixels(self, vr: bytes, start: int, length: int) -> int:
        if not self.noted.is_identified:
            self._cannot_identify(self.noted.missing())
            return start
        if self._has_pixels:
            raise _MalformedError
        self._has_pixels = self._is_at_pixels = True
        self.pixel_vr = vr
        self._content.pixels()
        if length == dd.UNDEFINED:
            self._state = _State.ITEMS
            return start
        self._check_room(start, length)
        self._remaining = self.pixel_length = length
        self._hears_value, self._state = False, _State.PIXELS
        return start

    def _open_sequence(
        self, tag: int, start: int, length: int, encoding: Encoding, *, is_guess: bool
    ) -> int:
        if not self._levels and self.unidentified is None:
            self._note(tag, b"", 0, 0)
        self._push(start, length, encoding, is_sequence=True, is_guess=is_guess)
        self._content.begin_sequence(tag)
        return start

    def _delimiter(self, tag: int, buffer: bytes, place: int) -> int:
        length = self._u32(buffer, place + 4)[0]
        level = self._levels[-1] if self._levels else None
        if level is None or self._base + place + 8 > self._bound:
            raise _MalformedError
        if tag == dd.ITEM and level.is_sequence:
            self._push(place + 8, length, level.encoding, is_sequence=False, is_guess=False)
            self._content.begin_item()
        elif (
            tag == (dd.SEQUENCE_END if level.is_sequence else dd.ITEM_END) and not level.is_defined
        ):
            self._pop()
        else:
            raise _MalformedError
        return place + 8

    def _push(
        self, start: int, length: int, encoding: Encoding, *, is_sequence: bool, is_guess: bool
    ) -> None:
        self._elements += 1
        if len(self._levels) >= self._limits.levels or self._elements > self._limits.elements:
            raise _MalformedError(Fault.OVER_BUDGET)
        is_defined, bound = length != dd.UNDEFINED, self._bound
        if is_defined:
            self._check_room(start, length)
            bound = self._base + start + length
        self._levels.append(_Level(is_sequence, is_defined, bound, encoding, is_guess))
        self._bound = bound
        if encoding is not self._encoding:
            self._set_encoding(encoding)

    def _pop(self) -> None:
        if self._levels.pop().is_sequence:
            self._content.end_sequence()
        else:
            self._content.end_item()
        around = self._levels[-1] if self._levels else None
        self._bound = around.bound if around else BOUNDLESS
        self._set_encoding(around.encoding if around else self._outermost)

    def _close_levels(self, place: int) -> None:
        """Close what ends by its length exactly here."""
        here = self._base + place
        while self._levels and self._levels[-1].is_defined and self._levels[-1].bound == here:
            self._pop()

    def _check_room(self, start: int, length: int) -> None:
        if self._base + start + length > self._bound:
            raise _MalformedError

    def _set_encoding(self, encoding: Encoding) -> None:
        if not self._levels:
            self._outermost = encoding
        order = ">" if encoding.is_big_endian else "<"
        self._encoding, self._is_big = encoding, encoding is BIG
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u16 = struct.Struct(order + "H").unpack_from
        self._u32 = struct.Struct(order + "I").unpack_from
        self._head = self._explicit_head if encoding.is_explicit else self._implicit_head

    # -- faults

    def _recover(self, fault: Fault, place: int) -> None:
        """Leave what only looked like a sequence; without one, the rest is opaque."""
        guesses = [depth for depth, level in enumerate(self._levels) if level.is_guess]
        self._content.give_up()
        if not guesses or fault is Fault.OVER_BUDGET:
            self._blame(fault)
            return
        end = self._levels[guesses[0]].bound
        while len(self._levels) > guesses[0]:
            self._pop()
        self._remaining, self._hears_value = end - self._base - place, False
        self._state = _State.VALUE if self._remaining else _State.ELEMENTS

    def _blame(self, fault: Fault) -> None:
        self.fault, self._state = fault, _State.OPAQUE
        self._content.give_up()
        if not self.noted.is_identified:
            self._cannot_identify(f"the data set {fault.value}")

    def _cannot_identify(self, reason: str) -> None:
        if self.unidentified is None:
            self.unidentified = reason
        self._content.give_up()
        self._state = _State.OPAQUE

    def _check_identity_budget(self) -> None:
        if not self.noted.is_identified and self._base > self._limits.identify_bytes:
            self._cannot_identify("no Study Instance UID within the first 16 MiB")


_SEQUENCE_VRS = (b"SQ", b"UN", b"")
_STEPS = (
    Scanner._read_elements,
    Scanner._read_value,
    Scanner._read_pixels,
    Scanner._read_items,
    Scanner._read_fragment,
    Scanner._read_opaque,
)
_ITEM_HEAD = struct.Struct("<HHI")


def _item_head(buffer: bytes, place: int) -> tuple[int, int]:
    group, number, length = _ITEM_HEAD.unpack_from(buffer, place)
    return group << 16 | number, length


def _looks_like_items(buffer: bytes, start: int, length: int) -> bool:
    tag, item_length = _item_head(buffer, start)
    return tag == dd.ITEM and (item_length == dd.UNDEFINED or item_length + 8 <= length)
