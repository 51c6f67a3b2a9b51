"""A few top-level elements of a data set put in others' place; every other byte stays as it came.

What identifies stands in the first groups, up to the Study Instance UID: these elements are read
and held, then somebody says what becomes of them, and the rest streams by. It is walked only as far
as Original Attributes Sequence, where what was changed is kept, and never into the pixel data.

Two things are left out where something is changed, for they would be wrong afterwards: the group
lengths of groups that are touched, and Length to End; both are retired.

Hostile input is bounded: what is held by `MAX_HEAD_BYTES`, nesting by `MAX_DEPTH`, a value is never
held whole behind the head, and there is no recursion.

Source: PS3.5 7.1 (element), 7.2 (group length), 7.5 (sequences), A.4 (encapsulated pixel data);
PS3.3 C.12.1 (Original Attributes Sequence).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bocage_edge.deliver.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    DatasetFaultError,
    Encoding,
    Rewriter,
    Source,
    head,
    implicit_vr,
)
from bocage_edge.seal import syntax

MAX_HEAD_BYTES = 8 * 1024 * 1024
MAX_ORIGINAL_BYTES = 256 * 1024

LENGTH_TO_END = 0x00080001
STUDY_INSTANCE_UID = 0x0020000D
ORIGINAL_ATTRIBUTES, MODIFIED_ATTRIBUTES = 0x04000561, 0x04000550
MODIFIED_AT, MODIFYING_SYSTEM = 0x04000562, 0x04000563
SOURCE_OF_PREVIOUS, REASON_OF_CHANGE = 0x04000564, 0x04000565

_ELEMENT_COSTS = 100  # of memory, beside its bytes
_DELIMITER_BYTES = 8
_FRAGMENT_VRS = frozenset((b"OB", b"OW"))
_SEQUENCE_VRS = frozenset((b"SQ", b"UN", b""))
_ENCODINGS = {syntax.IMPLICIT: IMPLICIT_LE, syntax.EXPLICIT: EXPLICIT_LE, syntax.BIG: EXPLICIT_BE}

# A value's bytes, or the items of a sequence.
Content = bytes | tuple[Mapping[int, "Content"], ...]


@dataclass(frozen=True, slots=True)
class Put:
    """The element is to have this content, whether it stood there or not; text without padding."""

    content: Content


@dataclass(frozen=True, slots=True)
class Append:
    """The sequence gets one more item, and is made where it did not stand.

    Args:
        copied: elements of the data set's top level that go into the item as they are.
    """

    item: Mapping[int, Content]
    copied: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Remove:
    """The element is left out."""


Change = Put | Append | Remove


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is said of a change beside the original values: texts in the default repertoire.

    Args:
        at: `YYYYMMDDHHMMSS+0000`, the same whenever the same instance is sent.
        source: where the original values came from.
        reason: COERCE or CORRECT.
    """

    at: str
    system: str
    source: str
    reason: str = "COERCE"


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of the head: all its bytes, and where its value begins."""

    vr: bytes
    raw: bytes
    start: int
    is_open: bool  # of undefined length

    @property
    def value(self) -> bytes:
        return self.raw[self.start :]


@dataclass(slots=True)
class _Level:
    """An open sequence, or an open item of one."""

    is_item: bool
    encoding: Encoding
    is_fragments: bool = False


@dataclass(slots=True)
class _Walk:
    """Walks over elements and gives their bytes on."""

    source: Source
    encoding: Encoding
    last: int = -1
    is_ordered: bool = True

    def next_tag(self, encoding: Encoding | None = None) -> tuple[bytes, int]:
        """Read the next tag; at the top level they should ascend."""
        raw = self.source.read(4)
        order = "<HH" if (encoding or self.encoding).little else ">HH"
        group, number = struct.unpack(order, raw)
        tag = int(group << 16 | number)
        if encoding is None:
            self.is_ordered &= tag > self.last
            self.last = tag
        return raw, tag

    def head(self, raw_tag: bytes, encoding: Encoding) -> tuple[bytes, bytes, int]:
        """Read the rest of an element's head: its bytes, VR (empty if implicit) and length."""
        order = "<" if encoding.little else ">"
        rest = self.source.read(4)
        if not encoding.explicit:
            return raw_tag + rest, b"", struct.unpack("<I", rest)[0]
        vr = rest[:2]
        if vr in SHORT_VRS:
            return raw_tag + rest, vr, struct.unpack(order + "H", rest[2:])[0]
        if not (vr.isalpha() and vr.isupper()):
            raise DatasetFaultError("an element has a VR that is none")
        rest += self.source.read(4)
        return raw_tag + rest, vr, struct.unpack(order + "I", rest[4:])[0]

    def value(self, vr: bytes, length: int) -> Iterator[bytes]:
        """Give the value of a top-level element; of undefined length, its delimiter comes last."""
        if length == UNDEFINED:
            return self._open_ended(vr)
        return self.source.chunks(length)

    def _open_ended(self, vr: bytes) -> Iterator[bytes]:
        levels = [_opened(vr, self.encoding)]
        while levels:
            level = levels[-1]
            raw_tag, tag = self.next_tag(level.encoding)
            if not level.is_item:
                yield from self._item_or_end(raw_tag, tag, levels)
            elif tag == ITEM_END:
                levels.pop()
                yield raw_tag + self.source.read(4)
            else:
                raw, vr, length = self.head(raw_tag, level.encoding)
                yield raw
                if length == UNDEFINED:
                    _push(levels, _opened(vr, level.encoding))
                else:
                    yield from self.source.chunks(length)

    def _item_or_end(self, raw_tag: bytes, tag: int, levels: list[_Level]) -> Iterator[bytes]:
        level = levels[-1]
        raw_length = self.source.read(4)
        if tag == SEQUENCE_END:
            levels.pop()
        elif tag != ITEM:
            raise DatasetFaultError("a sequence holds something that is no item")
        yield raw_tag + raw_length
        if tag == SEQUENCE_END:
            return
        (length,) = struct.unpack("<I" if level.encoding.little else ">I", raw_length)
        if length != UNDEFINED:
            yield from self.source.chunks(length)
        elif level.is_fragments:
            raise DatasetFaultError("a fragment has no length")
        else:
            _push(levels, _Level(is_item=True, encoding=level.encoding))


class Identified:
    """A data set whose identifying elements have been read and whose rest is still to stream."""

    def __init__(self, dataset: Iterable[bytes], transfer_syntax: str) -> None:
        """Read up to the Study Instance UID.

        Raises:
            DatasetFaultError: it cannot be followed so far; what the iterator raises comes through.
        """
        encoding = syntax.encoding_of(transfer_syntax)
        if encoding is None:
            raise DatasetFaultError("it is compressed as a whole")
        self.transfer_syntax = transfer_syntax
        self._encoding = _ENCODINGS[encoding]
        self._source = Source(dataset)
        self._walk = _Walk(self._source, self._encoding)
        self._elements: dict[int, _Element] = {}
        self._raws: list[bytes] = []
        self._pending: tuple[bytes, int] | None = None  # the tag of what comes next
        self._read_head()

    def value(self, tag: int) -> bytes:
        """Give a value without its padding; empty where it is not there, or is a sequence."""
        element = self._elements.get(tag)
        if element is None or element.is_open or element.vr == b"SQ":
            return b""
        return element.value.strip(b" \0")

    def has(self, tag: int) -> bool:
        """Whether an element stands there, and has any value."""
        element = self._elements.get(tag)
        return element is not None and bool(element.value)

    def raw(self, tag: int) -> bytes:
        """Give all bytes of an element; empty where it is not there."""
        element = self._elements.get(tag)
        return b"" if element is None else element.raw

    def unchanged(self) -> Iterator[bytes]:
        """Give the very bytes that came; to be called once."""
        yield from self._raws
        if self._pending is not None:
            yield self._pending[0]
        yield from self._source.rest()

    def rewritten(self, changes: Mapping[int, Change], stamp: Stamp) -> Iterator[bytes]:
        """Give the data set with these elements changed; to be called once.

        Args:
            changes: of elements up to the Study Instance UID; at least one.

        Raises:
            DatasetFaultError: it cannot be followed up to its Original Attributes Sequence, or
                what is to be kept is too much; part of it may have been given already.
        """
        if not changes or max(changes) > STUDY_INSTANCE_UID:
            raise ValueError("changes are of elements up to the Study Instance UID")
        self._check_order()
        originals = self._originals(changes)
        touched = {tag >> 16 for tag in changes}
        for tag in sorted({*self._elements, *changes}):
            change, element = changes.get(tag), self._elements.get(tag)
            if change is not None:
                yield self._changed(tag, change, element)
            elif element is not None and not _is_stale(tag, touched):
                yield element.raw
        yield from self._behind(originals, stamp)

    # -- the head

    def _read_head(self) -> None:
        held = 0
        while not self._source.is_at_end():
            raw_tag, tag = self._walk.next_tag()
            if tag > STUDY_INSTANCE_UID:
                self._pending = raw_tag, tag
                return
            raw, vr, length = self._walk.head(raw_tag, self._encoding)
            pieces = bytearray(raw)
            held += len(raw) + _ELEMENT_COSTS
            for piece in self._walk.value(vr, length):
                pieces += piece
                held += len(piece)
                _check_held(held)
            _check_held(held)
            element = _Element(vr, bytes(pieces), len(raw), length == UNDEFINED)
            self._raws.append(element.raw)
            self._elements.setdefault(tag, element)

    def _changed(self, tag: int, change: Change, element: _Element | None) -> bytes:
        if isinstance(change, Remove):
            return b""
        if isinstance(change, Put):
            return written(tag, change.content, self._encoding)
        if element is None:
            item = self._item(change, self._encoding)
            return head(tag, b"SQ", len(item), self._encoding) + item
        cut = -_DELIMITER_BYTES if element.is_open else len(element.value)
        return b"".join(
            self._longer(
                (element.raw[: element.start], element.vr),
                UNDEFINED if element.is_open else len(element.value),
                iter((element.value[:cut], element.value[cut:])),
                lambda encoding: self._item(change, encoding),
            )
        )

    def _item(self, change: Append, encoding: Encoding) -> bytes:
        parts = {tag: written(tag, content, encoding) for tag, content in change.item.items()}
        for tag in change.copied:
            if tag in self._elements:
                parts[tag] = _reframed(self._elements[tag].raw, self._encoding, encoding)
        return _framed(b"".join(parts[tag] for tag in sorted(parts)), encoding)

    def _longer(
        self,
        its_head: tuple[bytes, bytes],
        length: int,
        value: Iterator[bytes],
        item: Callable[[Encoding], bytes],
    ) -> Iterator[bytes]:
        """Give a sequence with one more item at its end.

        Args:
            its_head: the bytes of its head, and its VR.
            value: of undefined length: the delimiter comes last, by itself.
            item: writes the item in an encoding.
        """
        raw, vr = its_head
        if vr not in _SEQUENCE_VRS:
            raise DatasetFaultError("what should be a sequence is none")
        # PS3.5 6.2.2: what has VR UN is written as implicit.
        added = item(IMPLICIT_LE if vr == b"UN" else self._encoding)
        if length == UNDEFINED:
            yield raw
            last = b""
            for piece in value:
                yield last
                last = piece
            yield added + last
            return
        if length + len(added) >= UNDEFINED:
            raise DatasetFaultError("a sequence has no room for one more item")
        order = "<I" if self._encoding.little else ">I"
        yield raw[:-4] + struct.pack(order, length + len(added))
        yield from value
        yield added

    def _check_order(self) -> None:
        if not self._walk.is_ordered:
            raise DatasetFaultError("its elements are out of order")

    # -- what was there before

    def _originals(self, changes: Mapping[int, Change]) -> bytes:
        """Give the changed elements as they stood; without a value where they did not."""
        kept = b"".join(
            self._elements[tag].raw
            if tag in self._elements
            else head(tag, implicit_vr(tag, False), 0, self._encoding)
            for tag in sorted(changes)
        )
        if len(kept) > MAX_ORIGINAL_BYTES:
            raise DatasetFaultError("the values to be kept are larger than 256 KiB")
        return kept

    def _behind(self, originals: bytes, stamp: Stamp) -> Iterator[bytes]:
        """Give what comes after the head, with one more item of Original Attributes Sequence."""

        def told(encoding: Encoding) -> bytes:
            return _told(_reframed(originals, self._encoding, encoding), stamp, encoding)

        while self._pending is not None and self._pending[1] <= ORIGINAL_ATTRIBUTES:
            raw_tag, tag = self._pending
            raw, vr, length = self._walk.head(raw_tag, self._encoding)
            value = self._walk.value(vr, length)
            if tag == ORIGINAL_ATTRIBUTES:
                yield from self._longer((raw, vr), length, value, told)
                yield from self._source.rest()
                return
            if tag == ORIGINAL_ATTRIBUTES & 0xFFFF0000:
                for _ in value:  # a group length
                    pass
            else:
                yield raw
                yield from value
            self._pending = None if self._source.is_at_end() else self._walk.next_tag()
            self._check_order()
        item = told(self._encoding)
        yield head(ORIGINAL_ATTRIBUTES, b"SQ", len(item), self._encoding) + item
        if self._pending is not None:
            yield self._pending[0]
            yield from self._source.rest()


def written(tag: int, content: Content, encoding: Encoding) -> bytes:
    """Write an element: a text with its padding, or a sequence of known length."""
    vr = implicit_vr(tag, False)
    if isinstance(content, tuple):
        items = b"".join(
            _framed(b"".join(written(it, item[it], encoding) for it in sorted(item)), encoding)
            for item in content
        )
        return head(tag, b"SQ", len(items), encoding) + items
    if len(content) & 1:
        content += b"\0" if vr == b"UI" else b" "
    return head(tag, vr, len(content), encoding) + content


def _told(originals: bytes, stamp: Stamp, encoding: Encoding) -> bytes:
    """Write one item of Original Attributes Sequence. Source: PS3.3 C.12.1."""
    kept = _framed(originals, encoding)
    said = {
        MODIFIED_AT: stamp.at,
        MODIFYING_SYSTEM: stamp.system,
        SOURCE_OF_PREVIOUS: stamp.source,
        REASON_OF_CHANGE: stamp.reason,
    }
    parts = [head(MODIFIED_ATTRIBUTES, b"SQ", len(kept), encoding) + kept]
    parts += [written(tag, text.encode("ascii"), encoding) for tag, text in said.items()]
    return _framed(b"".join(parts), encoding)


def _framed(elements: bytes, encoding: Encoding) -> bytes:
    order = "<HHI" if encoding.little else ">HHI"
    return struct.pack(order, ITEM >> 16, ITEM & 0xFFFF, len(elements)) + elements


def _reframed(elements: bytes, encoding: Encoding, target: Encoding) -> bytes:
    if encoding == target:
        return elements
    rewriter = Rewriter(Source([elements]), encoding, target)
    return b"".join(piece for _, piece in rewriter.elements())


def _opened(vr: bytes, encoding: Encoding) -> _Level:
    """Open what has undefined length."""
    if vr in _FRAGMENT_VRS:
        return _Level(is_item=False, encoding=encoding, is_fragments=True)
    if vr not in _SEQUENCE_VRS:
        raise DatasetFaultError("an element has no length")
    return _Level(is_item=False, encoding=IMPLICIT_LE if vr == b"UN" else encoding)


def _push(levels: list[_Level], level: _Level) -> None:
    if len(levels) >= 2 * MAX_DEPTH:
        raise DatasetFaultError(f"sequences are nested more than {MAX_DEPTH} deep")
    levels.append(level)


def _check_held(held: int) -> None:
    if held > MAX_HEAD_BYTES:
        raise DatasetFaultError("what stands before its study is larger than 8 MiB")


def _is_stale(tag: int, touched: Collection[int]) -> bool:
    """Whether an element told a length that no longer holds."""
    return tag == LENGTH_TO_END or (tag & 0xFFFF == 0 and tag >> 16 in touched)
