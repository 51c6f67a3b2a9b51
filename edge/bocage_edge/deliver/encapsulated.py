"""Encapsulated pixel data: fragments in, whole coded frames out, one at a time.

Where a frame begins is told, in this order, by the basic offset table, by the extended one, by
there being one frame only, by RLE (a fragment is a frame), or by a fragment that starts as a
codestream does. Whatever tells it, the count must be the one the data set states.

Source: PS3.5 A.4 (encapsulation), 8.2; PS3.3 C.7.6.3.1.8 (extended offset table).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from bocage_edge.deliver.elements import ITEM, SEQUENCE_END, DatasetFaultError, Source

MAX_CODED_FRAME_BYTES = 64 * 1024 * 1024
MAX_OFFSET_TABLE_BYTES = 8 * 1024 * 1024
# JPEG and JPEG-LS: SOI and a marker; JPEG 2000: SOC and SIZ, or the signature box of a JP2.
FRAME_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


def coded_frames(
    source: Source, frames: int, *, is_rle: bool, extended: Sequence[int] = ()
) -> Iterator[bytes]:
    """Read the fragments of one pixel data element to its end, joined to frames.

    Args:
        source: stands behind the head of the element.
        frames: as the data set states.
        is_rle: a fragment is a frame.
        extended: offsets of the extended offset table, empty where there is none.

    Raises:
        DatasetFaultError: the fragments do not make `frames` frames.
    """
    table = _offset_table(source) or list(extended)
    starts = frozenset(table) if len(table) == frames else None
    given, joined, size, offset = 0, list[bytes](), 0, 0
    for fragment in _fragments(source):
        begins = _begins(fragment, offset, starts, is_rle) if frames > 1 else False
        if joined and begins:
            yield b"".join(joined)
            given, joined, size = given + 1, [], 0
        joined.append(fragment)
        size += len(fragment)
        offset += 8 + len(fragment)
        if size > MAX_CODED_FRAME_BYTES:
            raise DatasetFaultError("a coded frame is larger than 64 MiB")
    if joined:
        yield b"".join(joined)
        given += 1
    if given != frames:
        raise DatasetFaultError(f"there are {given} coded frames, the data set states {frames}")


def encapsulate(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Write frames as an encapsulated value: empty offset table, one fragment a frame."""
    yield _item(b"")
    for frame in frames:
        yield _item(frame)
    yield struct.pack("<HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)


def _begins(fragment: bytes, offset: int, starts: frozenset[int] | None, is_rle: bool) -> bool:
    if is_rle:
        return True
    if starts is not None:
        return offset in starts
    return fragment.startswith(FRAME_STARTS)


def _offset_table(source: Source) -> list[int]:
    length = _item_length(source)
    if length is None:
        raise DatasetFaultError("encapsulated pixel data without an offset table item")
    if length % 4 or length > MAX_OFFSET_TABLE_BYTES:
        raise DatasetFaultError("the basic offset table is damaged")
    return list(struct.unpack(f"<{length // 4}I", source.read(length)))


def _fragments(source: Source) -> Iterator[bytes]:
    while (length := _item_length(source)) is not None:
        if length > MAX_CODED_FRAME_BYTES:
            raise DatasetFaultError("a fragment is larger than 64 MiB")
        yield source.read(length)


def _item_length(source: Source) -> int | None:
    group, element, length = struct.unpack("<HHI", source.read(8))
    tag = group << 16 | element
    if tag == SEQUENCE_END:
        return None
    if tag != ITEM:
        raise DatasetFaultError("encapsulated pixel data holds something that is no item")
    return int(length)


def _item(value: bytes) -> bytes:
    padded = value + b"\0" * (len(value) & 1)
    return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(padded)) + padded
