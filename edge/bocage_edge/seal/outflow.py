"""From blocks to sealed bytes, in order, while frames are still being coded.

Everything happens in the caller's thread: the sink is written to, and zstd runs, where the writer
is used. Frames that the pool has not coded in time are taken back and go as zstd.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass

import zstandard

from bocage_edge.seal.age import AgeWriter
from bocage_edge.seal.container import (
    MAGIC,
    BlockType,
    Header,
    Trailer,
    block_head,
    json_block,
    zstd_payload_head,
)
from bocage_edge.seal.errors import CodecFailedError
from bocage_edge.seal.frames import ZSTD_FAST
from bocage_edge.seal.layout import FrameLayout
from bocage_edge.seal.pool import Budget

# Text and numbers repeat within this; a longer block would only take memory.
PLAIN_BLOCK_BYTES = 1024 * 1024
# Frames of one writer that are coded or wait for it; one frame may always.
PENDING_BYTES = 24 * 1024 * 1024
# Blocks that are ready and wait behind such frames.
READY_BYTES = 2 * 1024 * 1024
ZSTD_FAST_BYTES_S = 150e6  # of the slowest machine we know: what taking back must reckon with

Bytes = bytes | bytearray | memoryview


@dataclass(slots=True)
class _Frame:
    """A frame on its way through the pool."""

    coded: Future[bytes]
    layout: FrameLayout
    raw: Bytes


class Outflow:
    """The ordered way out of one writer."""

    def __init__(
        self,
        out_write: Callable[[bytes], object],
        budget: Budget,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without writing anything yet.

        Args:
            out_write: takes every byte it is given, or raises; its errors pass through here.
        """
        self.coded_bytes = 0
        self._out_write = out_write
        self._budget = budget
        self.monotonic = monotonic
        self._seal: AgeWriter | None = None
        self._pending: deque[_Frame | list[bytes]] = deque()
        self._frame_bytes = 0
        self._ready_bytes = 0
        self._zstd: dict[int, zstandard.ZstdCompressor] = {}

    @property
    def is_open(self) -> bool:
        """Whether the header is out."""
        return self._seal is not None

    def open(self, recipients: list[str], header: Header) -> None:
        """Write the header; what was put before follows it."""
        self._seal = AgeWriter(self._count, recipients)
        self._seal.write(MAGIC + json_block(BlockType.HEADER, header.to_json()))
        self.drain()

    # -- in

    def raw(self, data: Bytes) -> None:
        """Put bytes as they are."""
        if len(data):
            self._put([block_head(BlockType.RAW, len(data)), bytes(data)])

    def plain(self, data: Bytes, level: int) -> None:
        """Put bytes coded with zstd, or as they are where that does not shrink them."""
        for start in range(0, len(data), PLAIN_BLOCK_BYTES):
            self._plain_block(memoryview(data)[start : start + PLAIN_BLOCK_BYTES], level)

    def reserve(self, size: int) -> bool:
        """Take room for a frame, after waiting for our own earlier ones; False: there is none.

        Never waits for other writers, so that none can hold up another for good.
        """
        self._emit_ready()
        while not self._may_take(size):
            if not self._frame_bytes:
                return False
            self._emit_first(None)
        self._frame_bytes += size
        return True

    def _may_take(self, size: int) -> bool:
        if self._frame_bytes and self._frame_bytes + size > PENDING_BYTES:
            return False
        return self._budget.try_take(size)

    def release(self, size: int) -> None:
        """Give back what `reserve` took and `frame` did not get."""
        self._frame_bytes -= size
        self._budget.give_back(size)

    def frame(self, coded: Future[bytes], layout: FrameLayout, raw: Bytes) -> None:
        """Put a frame, or a strip of one, for which room was reserved."""
        self._pending.append(_Frame(coded, layout, raw))

    # -- out

    def drain(self) -> None:
        """Write what is ready, without waiting."""
        if self._seal is not None:
            self._emit_ready()

    def finish(self, deadline: float) -> None:
        """Write everything; frames still uncoded near the deadline go as zstd, or raw past it.

        Args:
            deadline: by `monotonic`.
        """
        while self._pending:
            catching_up_s = self._frame_bytes / ZSTD_FAST_BYTES_S
            self._emit_first(deadline - catching_up_s)

    def close(self, trailer: Trailer) -> None:
        """Write the trailer and end the seal; everything put before must be out."""
        if self._seal is None or self._pending:
            raise AssertionError("closed before it was finished")
        self._seal.write(json_block(BlockType.TRAILER, trailer.to_json()))
        self._seal.close()

    def abort(self) -> None:
        """Drop everything; what the sink has got is worthless."""
        for entry in self._pending:
            if isinstance(entry, _Frame):
                entry.coded.cancel()
        self._pending.clear()
        self._ready_bytes = 0
        self._budget.give_back(self._frame_bytes)
        self._frame_bytes = 0

    # -- within

    def _put(self, parts: list[bytes]) -> None:
        self._pending.append(parts)
        self._ready_bytes += sum(map(len, parts))
        if self._seal is None:
            return
        self._emit_ready()
        while self._ready_bytes > READY_BYTES:
            self._emit_first(None)

    def _plain_block(self, data: memoryview, level: int) -> None:
        self._put(self._zstd_parts(data, level))

    def _zstd_parts(self, data: memoryview, level: int) -> list[bytes]:
        compressor = self._zstd.get(level)
        if compressor is None:
            compressor = self._zstd[level] = zstandard.ZstdCompressor(level=level)
        coded = compressor.compress(data)
        head = zstd_payload_head(len(data))
        if len(head) + len(coded) < len(data):
            return [block_head(BlockType.ZSTD, len(head) + len(coded)), head, coded]
        return [block_head(BlockType.RAW, len(data)), bytes(data)]

    def _emit_ready(self) -> None:
        while self._pending:
            first = self._pending[0]
            if isinstance(first, _Frame) and not first.coded.done():
                return
            self._emit_first(None)

    def _emit_first(self, until: float | None) -> None:
        """Write the first entry; a frame is waited for, at most to `until`."""
        first = self._pending.popleft()
        if isinstance(first, list):
            self._ready_bytes -= sum(map(len, first))
            self._write(first)
            return
        self._write(self._coded_parts(first, until))
        self.release(len(first.raw))

    def _coded_parts(self, frame: _Frame, until: float | None) -> Iterable[bytes]:
        wait_s = None if until is None else max(0.0, until - self.monotonic())
        try:
            stream = frame.coded.result(wait_s)
        except (CodecFailedError, NotInTimeError):
            frame.coded.cancel()
            return self._taken_back(frame.raw)
        payload_bytes = len(stream) + len(frame.layout.pack())
        if payload_bytes >= len(frame.raw):
            return self._taken_back(frame.raw)
        return [block_head(BlockType.FRAME, payload_bytes), frame.layout.pack(), stream]

    def _taken_back(self, raw: Bytes) -> Iterator[bytes]:
        # A part at a time: the frame may be 64 MiB.
        for start in range(0, len(raw), PLAIN_BLOCK_BYTES):
            data = memoryview(raw)[start : start + PLAIN_BLOCK_BYTES]
            yield from self._zstd_parts(data, ZSTD_FAST)

    def _write(self, parts: Iterable[bytes]) -> None:
        if self._seal is None:
            raise AssertionError("bytes before the header")
        for part in parts:
            self._seal.write(part)

    def _count(self, data: bytes) -> None:
        self._out_write(data)
        self.coded_bytes += len(data)
