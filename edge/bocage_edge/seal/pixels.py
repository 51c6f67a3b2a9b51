"""Pixel data on its way: cut into frames, coded, and heard for the content digest.

`NativePixels` for uncompressed data, `CodedPixels` for encapsulated. Both see every byte once, in
order, and put each into the outflow exactly once.

Source: PS3.5 A.4 (fragments, Basic Offset Table); PS3.3 C.7.6.3.1.8 (Extended Offset Table)
"""

from __future__ import annotations

import hashlib
import struct
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError

from bocage_edge.seal.content import swapped
from bocage_edge.seal.errors import CodecFailedError
from bocage_edge.seal.frames import (
    Coding,
    NativePlan,
    canonical_frame,
    choose_coding,
    strips,
    zstd_level,
)
from bocage_edge.seal.layout import BLOCK_LIMIT_BYTES, FrameLayout, PixelFormat
from bocage_edge.seal.outflow import PLAIN_BLOCK_BYTES, Outflow
from bocage_edge.seal.pool import Budget, CodecPool

RAW_BLOCK_BYTES = 256 * 1024
# Codestreams of one writer that wait to be decoded for the content digest.
WAITING_BYTES = 16 * 1024 * 1024
OFFSETS_LIMIT_BYTES = 4 * 1024 * 1024

_VALUE_END = b"\xfe\xff\xdd\xe0"  # (FFFE,E0DD), little endian


class NativePixels:
    """Uncompressed pixel data."""

    def __init__(
        self,
        plan: NativePlan | None,
        outflow: Outflow,
        codec: CodecPool,
        *,
        is_big_endian: bool = False,
    ) -> None:
        """Begin the value.

        Args:
            plan: None where the attributes do not explain the length: then it is bytes to us.
            is_big_endian: then such bytes cannot be compared with those of other syntaxes.
        """
        self._is_comparable = plan is not None or not is_big_endian
        self._plan = plan
        self._outflow = outflow
        self._codec = codec
        self._frame: bytearray | None = None  # being filled, where it goes to the codec
        self._strips: list[FrameLayout] = []  # of that frame, not coded yet; the next one last
        self._coded = 0  # bytes of that frame that have gone to the codec
        self._place = 0  # in the frame
        self._done = 0  # frames
        self._plain = bytearray()
        self._hash = hashlib.sha256()
        self._odd = b""
        self._digests: list[bytes] | None = []

    def take(self, piece: memoryview) -> None:
        """Take the next bytes of the value."""
        if self._plan is None:
            self._hash.update(piece)
            self._put_plain(piece)
            return
        while len(piece) and self._done < self._plan.frames:
            if not self._place:
                self._begin_frame(self._plan)
            step = min(len(piece), self._plan.frame_bytes - self._place)
            self._take_of_frame(self._plan, piece[:step])
            piece = piece[step:]
        self._put_plain(piece)  # the padding after the last frame

    def close(self) -> None:
        """Say that the value ends here, be it whole or cut."""
        if self._frame is not None:
            self._plain += memoryview(self._frame)[self._coded : self._place]
            self._outflow.release(len(self._frame) - self._coded)
            self._frame = None
        self._flush_plain()

    def digests(self, deadline: float) -> list[bytes] | None:
        """Give the SHA-256 of each frame in canonical form, None where that is not known."""
        if not self._is_comparable:
            return None
        if self._plan is None:
            return [self._hash.digest()]
        return self._digests if self._done == self._plan.frames else None

    def _begin_frame(self, plan: NativePlan) -> None:
        self._frame = None
        is_wanted = plan.layout is not None or self._must_be_whole(plan)
        if is_wanted and self._outflow.reserve(plan.frame_bytes):
            self._flush_plain()
            self._frame, self._coded = bytearray(plan.frame_bytes), 0
            self._strips = []
            if plan.layout is not None:
                codec = self._codec
                cut = strips(plan.layout, plan.frames, codec.workers, codec.backlog_bytes)
                self._strips = cut[::-1]

    def _take_of_frame(self, plan: NativePlan, part: memoryview) -> None:
        if not plan.is_planar:
            self._hear(plan, part)
        after = self._place + len(part)
        if self._frame is None:
            self._put_plain(part)
        else:
            self._frame[self._place : after] = part
            self._end_strips(self._frame, after)
        self._place = after
        if after == plan.frame_bytes:
            self._end_frame(plan)

    def _hear(self, plan: NativePlan, part: memoryview) -> None:
        if plan.number_bytes == 1:
            self._hash.update(part)
            return
        held = self._odd + part
        whole = len(held) - len(held) % plan.number_bytes
        self._hash.update(swapped(held[:whole], plan.number_bytes))
        self._odd = held[whole:]

    def _end_frame(self, plan: NativePlan) -> None:
        self._note_digest(plan)
        self._place, self._done = 0, self._done + 1
        frame, self._frame = self._frame, None
        if frame is not None and self._coded < len(frame):
            self._outflow.plain(frame, self._level())
            self._outflow.release(len(frame))

    def _end_strips(self, frame: bytearray, after: int) -> None:
        """Code the strips that are whole."""
        while self._strips and self._coded + self._strips[-1].size_bytes <= after:
            layout = self._strips.pop()
            end = self._coded + layout.size_bytes
            self._code(layout, memoryview(frame)[self._coded : end])
            self._coded = end

    @staticmethod
    def _must_be_whole(plan: NativePlan) -> bool:
        """Whether a frame can be heard only once it is there."""
        return plan.is_planar and plan.frame_bytes <= BLOCK_LIMIT_BYTES

    def _code(self, layout: FrameLayout, strip: memoryview) -> None:
        codec = self._codec
        coding = choose_coding(len(strip), codec.backlog_bytes, codec.rate_bytes_s, codec.workers)
        if coding is Coding.HTJ2K:
            self._outflow.frame(codec.code_block(layout, strip), layout, strip)
            self._outflow.drain()
        else:
            self._outflow.plain(strip, self._level())
            self._outflow.release(len(strip))

    def _note_digest(self, plan: NativePlan) -> None:
        if plan.is_planar:
            if self._frame is None:
                self._digests = None  # it went by in parts
            else:
                self._hash.update(canonical_frame(plan, self._frame))
        if self._digests is not None:
            self._digests.append(self._hash.digest())
        self._hash = hashlib.sha256()

    def _put_plain(self, part: memoryview) -> None:
        self._plain += part
        if len(self._plain) >= PLAIN_BLOCK_BYTES:
            self._flush_plain()

    def _flush_plain(self) -> None:
        if self._plain:
            self._outflow.plain(self._plain, self._level())
            self._plain = bytearray()

    def _level(self) -> int:
        return zstd_level(self._codec.backlog_bytes, self._codec.rate_bytes_s)


class CodedPixels:
    """Encapsulated pixel data: goes as it is; frames are decoded by the pool to be heard."""

    def __init__(
        self,
        syntax: str,
        form: PixelFormat | None,
        frames: int,
        outflow: Outflow,
        codec: CodecPool,
    ) -> None:
        """Begin the value.

        Args:
            form: what a frame decodes to; None where we cannot tell: then there is no digest.
            frames: Number of Frames.
        """
        self._syntax = syntax
        self._form = form
        self._frames = frames
        self._outflow = outflow
        self._codec = codec
        self._raw = bytearray()
        self._fragment = -1  # number of the fragment; the first one is the Basic Offset Table
        self._starts = frozenset[int]()  # of frames, counted from the end of that table
        self._offset = 0
        self._frame = bytearray()
        self._waiting: list[Future[bytes]] = []
        self._room = Budget(WAITING_BYTES)
        self._is_lost = form is None or frames < 1

    def take_item(self, head: memoryview) -> None:
        """Take the head of a fragment, or the end of the value."""
        self._put(head)
        if self._fragment == 0:
            self._read_offsets()
        elif self._fragment > 0 and self._ends_frame(is_end=bytes(head[:4]) == _VALUE_END):
            self._end_frame()
        if self._fragment >= 0:
            self._offset += len(head)
        self._fragment += 1

    def take_fragment(self, part: memoryview) -> None:
        """Take bytes of a fragment."""
        self._put(part)
        if self._is_lost:
            return
        if self._fragment:
            self._offset += len(part)
        self._frame += part
        limit = BLOCK_LIMIT_BYTES if self._fragment else OFFSETS_LIMIT_BYTES
        if len(self._frame) > limit:
            self._lose()

    def close(self) -> None:
        """Say that the value ends here."""
        if self._raw:
            self._outflow.raw(self._raw)
            self._raw = bytearray()

    def digests(self, deadline: float) -> list[bytes] | None:
        """Give the SHA-256 of each decoded frame; None where one failed or is not in time."""
        try:
            if self._is_lost or len(self._waiting) != self._frames:
                return None
            monotonic = self._outflow.monotonic
            return [each.result(max(0.0, deadline - monotonic())) for each in self._waiting]
        except (CodecFailedError, NotInTimeError):
            return None
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop what still waits."""
        for each in self._waiting:
            each.cancel()
        self._waiting = []

    def _put(self, part: memoryview) -> None:
        self._raw += part
        if len(self._raw) >= RAW_BLOCK_BYTES:
            self.close()

    def _read_offsets(self) -> None:
        table, self._frame = bytes(self._frame), bytearray()
        if len(table) % 4:
            self._lose()
        elif table:
            self._starts = frozenset(struct.unpack(f"<{len(table) // 4}I", table))

    def _ends_frame(self, *, is_end: bool) -> bool:
        """Whether a frame ends before the item whose head was just met."""
        if is_end:
            return True
        if self._frames == 1:
            return False
        # Without a table there is one fragment a frame, or their number will not fit.
        return not self._starts or self._offset in self._starts

    def _end_frame(self) -> None:
        stream, self._frame = self._frame, bytearray()
        if self._is_lost or self._form is None:
            return
        size = len(stream)
        if len(self._waiting) >= self._frames or not self._take_room(size):
            self._lose()
            return
        heard = self._codec.digest(self._syntax, self._form, stream)
        heard.add_done_callback(lambda _done: self._give_room(size))
        self._waiting.append(heard)

    def _take_room(self, size: int) -> bool:
        """Whether the codestream may wait; where decoding cannot keep up the digest is given up."""
        if not self._room.try_take(size):
            return False
        if self._codec.budget.try_take(size):
            return True
        self._room.give_back(size)
        return False

    def _give_room(self, size: int) -> None:
        self._room.give_back(size)
        self._codec.budget.give_back(size)

    def _lose(self) -> None:
        self._is_lost = True
        self._frame = bytearray()
        self.abort()
