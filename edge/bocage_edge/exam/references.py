"""The data sets of storage commitment: which instances it is about, and what became of them. Pure.

    request   Transaction UID, Referenced SOP Sequence
    result    the same, and a Failed SOP Sequence with a reason for each

Written for hostile bytes. They are read in one walk without recursion, within bounds of size, depth
and number; a fault ends the reading, and its text never quotes what was sent.

Source: PS3.4 J.3.2, J.3.3; PS3.3 C.14; PS3.5 7.1 (elements), 7.5 (sequences), 9.1 (UIDs).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# PS3.6 annex A
COMMITMENT_CLASS = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"  # the one well-known instance of it
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"

# PS3.4 J.3.2, J.3.3: Action Type ID, Event Type IDs
REQUEST_COMMITMENT = 1
ALL_COMMITTED, FAILURES_EXIST = 1, 2

# Ours. A day of a busy CT scanner, and what that takes in implicit VR with room to spare.
MAX_REFERENCES = 10_000
MAX_DATA_SET_BYTES = 4 << 20
MAX_ELEMENTS = 16 * MAX_REFERENCES
MAX_DEPTH = 16

REFERENCED_CLASS, REFERENCED_INSTANCE = 0x00081150, 0x00081155
TRANSACTION, FAILURE_REASON = 0x00081195, 0x00081197
FAILED_SEQUENCE, REFERENCED_SEQUENCE = 0x00081198, 0x00081199
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF

_UID = re.compile(rb"[0-9.]{1,64}")
# PS3.5 7.1.2: these have a length of 16 bits in explicit VR.
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_HEAD = struct.Struct("<HHI")
_US = struct.Struct("<H")


class ReferencesError(ValueError):
    """The bytes are no such data set; the text is ours alone."""


class TooManyReferencesError(ReferencesError):
    """More instances than are followed up at once."""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One instance somebody asks about: SOP class and instance UID."""

    sop_class: str
    sop_instance: str


@dataclass(frozen=True, slots=True)
class Request:
    """What an N-ACTION brings. Source: PS3.4 table J.3-1."""

    transaction: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What an N-EVENT-REPORT brings. Source: PS3.4 table J.3-2.

    Args:
        failed: each with its Failure Reason (0008,1197).
    """

    transaction: str
    committed: tuple[Reference, ...] = ()
    failed: tuple[tuple[Reference, int], ...] = ()

    @property
    def event_type(self) -> int:
        """Event Type ID, PS3.4 J.3.3.1."""
        return FAILURES_EXIST if self.failed else ALL_COMMITTED


def read_request(raw: bytes, transfer_syntax: str) -> Request:
    """Read the data set of an N-ACTION.

    Raises:
        TooManyReferencesError: it names more than 10,000 instances.
        ReferencesError: it cannot be read, or lacks what it must have.
    """
    found = _Reader(raw, transfer_syntax).read()
    references = tuple(reference for reference, _ in found.items(REFERENCED_SEQUENCE))
    if not references:
        raise ReferencesError("it names no instance")
    return Request(found.transaction(), references)


def read_result(raw: bytes, transfer_syntax: str) -> Result:
    """Read the data set of an N-EVENT-REPORT.

    Raises:
        ReferencesError: as `read_request`.
    """
    found = _Reader(raw, transfer_syntax).read()
    committed = tuple(reference for reference, _ in found.items(REFERENCED_SEQUENCE))
    failed = tuple(found.items(FAILED_SEQUENCE))
    if not committed and not failed:
        raise ReferencesError("it names no instance")
    return Result(found.transaction(), committed, failed)


def transaction_digest(transaction: str) -> str:
    """Name a transaction of our own, 32 hex digits: its UID is random, so this hides it."""
    return hashlib.sha256(transaction.encode("ascii")).hexdigest()[:32]


def write_request(request: Request) -> bytes:
    """Write the data set of an N-ACTION, in implicit VR little endian."""
    items = (_reference(each) for each in request.references)
    return _element(TRANSACTION, _uid(request.transaction)) + _sequence(REFERENCED_SEQUENCE, items)


def write_result(result: Result) -> bytes:
    """Write the data set of an N-EVENT-REPORT, in implicit VR little endian.

    A sequence without an item is left out: an empty one says something else.
    """
    written = _element(TRANSACTION, _uid(result.transaction))
    if result.failed:
        items = (
            _reference(each) + _element(FAILURE_REASON, _US.pack(reason))
            for each, reason in result.failed
        )
        written += _sequence(FAILED_SEQUENCE, items)
    if result.committed:
        written += _sequence(REFERENCED_SEQUENCE, (_reference(each) for each in result.committed))
    return written


def _reference(reference: Reference) -> bytes:
    return _element(REFERENCED_CLASS, _uid(reference.sop_class)) + _element(
        REFERENCED_INSTANCE, _uid(reference.sop_instance)
    )


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + bytes(len(value) % 2)


def _element(tag: int, value: bytes) -> bytes:
    return _HEAD.pack(tag >> 16, tag & 0xFFFF, len(value)) + value


def _sequence(tag: int, items: Iterable[bytes]) -> bytes:
    return _element(tag, b"".join(_element(_ITEM, item) for item in items))


class _Found:
    """The values of one data set that count."""

    def __init__(self) -> None:
        self.outer: dict[int, bytes] = {}
        self.sequences: dict[int, list[dict[int, bytes]]] = {}

    def transaction(self) -> str:
        return _read_uid(self.outer, TRANSACTION)

    def items(self, tag: int) -> Iterator[tuple[Reference, int]]:
        """Give each reference of a sequence, with its failure reason where there is one."""
        for item in self.sequences.get(tag, ()):
            reason = item.get(FAILURE_REASON, b"")
            reference = Reference(
                _read_uid(item, REFERENCED_CLASS), _read_uid(item, REFERENCED_INSTANCE)
            )
            yield reference, _US.unpack(reason)[0] if len(reason) == _US.size else 0


def _read_uid(values: dict[int, bytes], tag: int) -> str:
    value = values.get(tag, b"").rstrip(b"\0 ").lstrip(b" ")
    if not _UID.fullmatch(value):
        raise ReferencesError(f"({tag >> 16:04x},{tag & 0xFFFF:04x}) is missing or no UID")
    return value.decode("ascii")


class _Reader:
    """One walk over a data set.

    `_open` holds what we are inside of: a sequence or an item each, with its end where it has one.
    """

    def __init__(self, raw: bytes, transfer_syntax: str) -> None:
        if len(raw) > MAX_DATA_SET_BYTES:
            raise TooManyReferencesError(f"it has {len(raw)} bytes")
        if transfer_syntax not in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG):
            raise ReferencesError("it is in a transfer syntax of no use here")
        order = ">" if transfer_syntax == EXPLICIT_BIG else "<"
        self._raw = raw
        self._is_explicit = transfer_syntax != IMPLICIT_LITTLE
        self._is_big = transfer_syntax == EXPLICIT_BIG
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u16 = struct.Struct(order + "H").unpack_from
        self._u32 = struct.Struct(order + "I").unpack_from
        self._open: list[tuple[bool, int | None]] = []  # is a sequence, where it ends
        self._sequence = 0  # tag of the outermost one we are in
        self._found = _Found()

    def read(self) -> _Found:
        """Walk to the end."""
        place = elements = 0
        while True:
            self._close(place)
            if place == len(self._raw):
                break
            elements += 1
            if elements > MAX_ELEMENTS:
                raise TooManyReferencesError("it has too many elements")
            place = self._step(place)
        if self._open:
            raise ReferencesError("it ends inside a sequence")
        return self._found

    def _close(self, place: int) -> None:
        while self._open and self._open[-1][1] == place:
            self._open.pop()

    def _step(self, place: int) -> int:
        """Take one element or delimiter; give the place after it, or inside what it opens."""
        self._need(place, 8)
        group, number = self._tag(self._raw, place)
        tag = group << 16 | number
        is_in_sequence = bool(self._open) and self._open[-1][0]
        if tag in (_ITEM_END, _SEQUENCE_END):
            return self._end(tag, place, is_in_sequence)
        if tag == _ITEM or is_in_sequence:
            return self._item(tag, place, is_in_sequence)
        vr, start, length = self._head(place)
        is_sequence = vr == b"SQ" or tag in (REFERENCED_SEQUENCE, FAILED_SEQUENCE)
        if is_sequence or length == _UNDEFINED:
            if vr not in (b"", b"SQ"):
                raise ReferencesError("it has an element of undefined length that is no sequence")
            if not self._open:
                self._sequence = tag
            return self._enter(start, length, is_sequence=True)
        self._need(start, length)
        self._keep(tag, self._raw[start : start + length])
        return start + length

    def _end(self, tag: int, place: int, is_in_sequence: bool) -> int:
        is_right = tag == (_SEQUENCE_END if is_in_sequence else _ITEM_END)
        if not self._open or not is_right or self._open[-1][1] is not None:
            raise ReferencesError("it has a delimiter where nothing ends")
        self._open.pop()
        return place + 8

    def _item(self, tag: int, place: int, is_in_sequence: bool) -> int:
        if tag != _ITEM or not is_in_sequence:
            raise ReferencesError("it has an item outside of a sequence, or something else in one")
        if len(self._open) == 1:
            items = self._found.sequences.setdefault(self._sequence, [])
            items.append({})
            if len(items) > MAX_REFERENCES:
                raise TooManyReferencesError(f"it names more than {MAX_REFERENCES} instances")
        return self._enter(place + 8, self._u32(self._raw, place + 4)[0], is_sequence=False)

    def _enter(self, start: int, length: int, *, is_sequence: bool) -> int:
        if len(self._open) >= MAX_DEPTH:
            raise ReferencesError("it is nested too deeply")
        if length != _UNDEFINED:
            self._need(start, length)
        self._open.append((is_sequence, None if length == _UNDEFINED else start + length))
        return start

    def _head(self, place: int) -> tuple[bytes, int, int]:
        if not self._is_explicit:
            return b"", place + 8, self._u32(self._raw, place + 4)[0]
        vr = self._raw[place + 4 : place + 6]
        if vr in _SHORT_VRS:
            return vr, place + 8, self._u16(self._raw, place + 6)[0]
        if not (vr.isalpha() and vr.isupper()):
            raise ReferencesError("it has an element without a value representation")
        self._need(place, 12)
        return vr, place + 12, self._u32(self._raw, place + 8)[0]

    def _keep(self, tag: int, value: bytes) -> None:
        if self._is_big and tag == FAILURE_REASON:
            value = value[::-1]
        if not self._open:
            self._found.outer[tag] = value
        elif len(self._open) == 2:
            self._found.sequences[self._sequence][-1][tag] = value

    def _need(self, start: int, length: int) -> None:
        """See that so many bytes are there, in what we are inside of."""
        bound = next((end for _, end in reversed(self._open) if end is not None), len(self._raw))
        if start + length > bound:
            raise ReferencesError("it is cut short, or a length in it lies")
