"""Codec workers, shared by every writer, reader and transcoder of a process.

Each worker process has a thread here that hands it one job at a time. A job whose worker dies gets
another one, once: it may have been killed for a reason of its own, such as want of memory. A second
death or a time-out costs that job (`CodecFailedError`), and the next job gets a new worker.
Nothing here raises into a caller's thread but through the job it asked for.

The pool also keeps the memory budget that the writers of a process share, and measures how fast
frames are coded.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

from bocage_edge.seal import wire
from bocage_edge.seal.errors import CodecFailedError
from bocage_edge.seal.layout import FrameLayout, PixelFormat
from bocage_edge.seal.sandbox import Walls
from bocage_edge.seal.wire import Operation, Outcome
from bocage_system.command import Child, CommandError, spawn
from bocage_system.logs import get

START_WITHIN_S = 20.0
JOB_WITHIN_S = 10.0
BUDGET_BYTES = 128 * 1024 * 1024
FIRST_GUESS_BYTES_S = 60e6  # of one worker, until measured
KEPT_OF_OLD_RATE = 0.8
# A frame this small says more about the round trip than about the codec.
MEASURED_FROM_BYTES = 64 * 1024
URGENT, NORMAL, LATER = 0, 1, 2
WORKER = (sys.executable, "-P", "-m", "bocage_edge.seal.worker")

log = get(__name__)


@dataclass(order=True, slots=True)
class _Job:
    """What is asked; holds its frame until it is done, so nothing may hold on to a job."""

    priority: int
    number: int
    operation: Operation = field(compare=False)
    head: bytes = field(compare=False)
    payload: wire.Bytes = field(compare=False)
    read_reply: Callable[[bytes, bytearray], Any] = field(compare=False)
    future: Future[Any] = field(compare=False, default_factory=Future)


class Budget:
    """Bytes that the writers of a process may hold together."""

    def __init__(self, limit_bytes: int) -> None:
        """Begin with nothing taken."""
        self.limit_bytes = limit_bytes
        self._taken = 0
        self._lock = threading.Lock()

    def try_take(self, size: int) -> bool:
        """Take `size` bytes if they are there; never waits.

        One taker may always go over an untouched budget, so that any frame has a way through.
        """
        with self._lock:
            if self._taken and self._taken + size > self.limit_bytes:
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        """Return what was taken."""
        with self._lock:
            self._taken -= size

    @property
    def taken(self) -> int:
        """Bytes taken now."""
        return self._taken


class CodecPool:
    """See the module. Use as a context manager, or `close` it."""

    def __init__(
        self,
        workers: int | None = None,
        *,
        budget_bytes: int = BUDGET_BYTES,
        job_within_s: float = JOB_WITHIN_S,
        argv: Sequence[str] = WORKER,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the threads; each starts its worker with its first job.

        Args:
            workers: processes; None for one a processor.
            job_within_s: after this a worker is ended and its job has failed.
            argv: how a worker is started; our process id is added.
        """
        self.workers = workers or max(1, len(os.sched_getaffinity(0)))
        self.budget = Budget(budget_bytes)
        self.walls: Walls | None = None  # of the worker that started last
        self._monotonic = monotonic
        self._job_within_s = job_within_s
        self._argv = list(argv)
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._coding_bytes = 0
        self._rate_bytes_s = FIRST_GUESS_BYTES_S
        self._closing = False
        self._seats = [_Seat(self) for _ in range(self.workers)]
        for seat in self._seats:
            seat.start()

    def __enter__(self) -> Self:
        """Give the pool itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close."""
        self.close()

    # -- what can be asked

    def code_block(self, layout: FrameLayout, frame: wire.Bytes) -> Future[bytes]:
        """Code a native frame for a J block; the result restores the very bytes.

        The frame must stay as it is until the future is done or cancelled.
        """
        size = len(frame)
        with self._lock:
            self._coding_bytes += size
        coded = self._submit(NORMAL, Operation.CODE_BLOCK, layout.pack(), frame, _payload)
        coded.add_done_callback(lambda _done: self._coded(size))
        return coded

    def open_block(self, layout: FrameLayout, stream: wire.Bytes) -> Future[bytearray]:
        """Give the exact bytes of a frame from the codestream of a J block."""
        return self._submit(NORMAL, Operation.OPEN_BLOCK, layout.pack(), stream, _as_it_came)

    def decode(self, syntax: str, form: PixelFormat, stream: wire.Bytes) -> Future[bytes]:
        """Decode a frame of a compressed transfer syntax: little endian, colour by pixel.

        What the samples then are is `decoded_photometric(form.photometric)`.
        """
        return self._submit(NORMAL, Operation.DECODE, _head(syntax, form), stream, _payload)

    def digest(self, syntax: str, form: PixelFormat, stream: wire.Bytes) -> Future[bytes]:
        """Give the SHA-256 (32 bytes) of what `decode` would give."""
        return self._submit(LATER, Operation.DIGEST, _head(syntax, form), stream, _payload)

    def encode(self, syntax: str, form: PixelFormat, raw: wire.Bytes) -> Future[tuple[bytes, str]]:
        """Code a frame without loss for a compressed transfer syntax (`LOSSLESS_TARGETS`).

        Gives the codestream, unpadded, and the photometric interpretation to state with it.
        """
        return self._submit(NORMAL, Operation.ENCODE, _head(syntax, form), raw, _coded_frame)

    def try_walls(self) -> Future[dict[str, str]]:
        """Let a worker try what it must not be able to do: attempt -> errno name, or `allowed`."""
        return self._submit(URGENT, Operation.TRY_WALLS, b"", b"", _attempts)

    # -- what is known

    @property
    def rate_bytes_s(self) -> float:
        """What all workers together code in a second, as measured."""
        return self._rate_bytes_s * self.workers

    @property
    def backlog_bytes(self) -> int:
        """Frames to be coded that are not done."""
        return self._coding_bytes

    def worker_pids(self) -> list[int]:
        """Give the processes that run now."""
        return [seat.child.pid for seat in self._seats if seat.child is not None]

    def close(self) -> None:
        """End the workers; jobs that wait fail."""
        self._closing = True
        for _ in self._seats:
            self._submit(LATER + 1, Operation.TRY_WALLS, b"", b"", _attempts)
        for seat in self._seats:
            seat.stop()
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            _shut_out(job)

    # -- between the threads

    def _submit(
        self,
        priority: int,
        operation: Operation,
        head: bytes,
        payload: wire.Bytes,
        read_reply: Callable[[bytes, bytearray], Any],
    ) -> Future[Any]:
        job = _Job(priority, next(self._numbers), operation, head, payload, read_reply)
        future = job.future
        self._jobs.put(job)
        return future

    def _coded(self, size: int) -> None:
        with self._lock:
            self._coding_bytes -= size

    def _measured(self, size: int, took_s: float) -> None:
        if size < MEASURED_FROM_BYTES or took_s <= 0:
            return
        with self._lock:
            new = (1 - KEPT_OF_OLD_RATE) * size / took_s
            self._rate_bytes_s = KEPT_OF_OLD_RATE * self._rate_bytes_s + new


class _Seat(threading.Thread):
    """One thread and the worker it serves; the worker dies with the thread."""

    def __init__(self, pool: CodecPool) -> None:
        super().__init__(name="codec", daemon=True)
        self.child: Child | None = None
        self._pool = pool
        self._sock: socket.socket | None = None
        self._give_up_at = 0.0

    def run(self) -> None:
        """Serve until the pool closes."""
        while True:
            job = self._pool._jobs.get()
            if self._pool._closing:
                _shut_out(job)
                break
            if job.future.set_running_or_notify_cancel():
                self._serve(job)
            del job  # its frame would stay in memory until the next one comes
        self._end_worker()

    def stop(self) -> None:
        """End the worker, which ends a job it may be at, and wait for the thread."""
        child = self.child
        if child is not None:
            child.kill()
        self.join()

    def _serve(self, job: _Job) -> None:
        try:
            outcome, head, payload = self._answer(job)
        except (OSError, wire.WireError, CommandError) as error:
            job.future.set_exception(CodecFailedError(f"the codec ended on a frame: {error}"))
            return
        if outcome != Outcome.DONE:
            said = head.decode("utf-8", "replace")
            job.future.set_exception(CodecFailedError(f"the codec refused a frame: {said}"))
            return
        try:
            job.future.set_result(job.read_reply(head, payload))
        except (ValueError, TypeError) as error:
            self._end_worker()
            job.future.set_exception(CodecFailedError(f"the codec answered nonsense: {error}"))

    def _answer(self, job: _Job) -> tuple[int, bytes, bytearray]:
        """Ask the worker, and another one if it died meanwhile."""
        try:
            return self._ask(job)
        except (OSError, wire.WireError, CommandError):
            if self._pool._closing or self._pool._monotonic() >= self._give_up_at:
                raise
        return self._ask(job)

    def _ask(self, job: _Job) -> tuple[int, bytes, bytearray]:
        try:
            sock = self._sock or self._start_worker()
            begun = self._pool._monotonic()
            self._give_up_at = begun + self._pool._job_within_s
            self._within_time()
            wire.send(sock, job.operation, job.head, job.payload)
            answer = wire.receive(sock, self._within_time)
        except (OSError, wire.WireError, CommandError) as error:
            self._end_worker()
            log.warning("codec worker ended", operation=job.operation.name, error=str(error))
            raise
        if job.operation is Operation.CODE_BLOCK and answer[0] == Outcome.DONE:
            self._pool._measured(len(job.payload), self._pool._monotonic() - begun)
        return answer

    def _start_worker(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [*self._pool._argv, str(os.getpid())]
            # The numeric libraries would start threads of their own, outside the walls.
            single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self.child = spawn(argv, stdin=theirs.fileno(), env=single)
        self._sock = ours
        self._give_up_at = self._pool._monotonic() + START_WITHIN_S
        outcome, head, _payload = wire.receive(ours, self._within_time)
        if outcome != Outcome.READY:
            raise wire.WireError("the worker did not start as it should")
        self._pool.walls = Walls(**json.loads(head))
        return ours

    def _within_time(self) -> None:
        left = self._give_up_at - self._pool._monotonic()
        if left <= 0 or self._sock is None:
            raise wire.WireError("out of time")
        self._sock.settimeout(left)

    def _end_worker(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        child, self.child = self.child, None
        if child is not None:
            child.kill()
            with contextlib.suppress(TimeoutError):
                child.wait(5)


def _shut_out(job: _Job) -> None:
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(CodecFailedError("the codecs were shut down"))


def decoded_photometric(photometric: str) -> str:
    """Say what samples are once `CodecPool.decode` has undone what the codestream carries.

    Source: PS3.3 C.7.6.3.1.2.
    """
    if photometric in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def _head(syntax: str, form: PixelFormat) -> bytes:
    return json.dumps({"syntax": syntax, **form.to_json()}).encode()


def _payload(_head: bytes, payload: bytearray) -> bytes:
    return bytes(payload)


def _as_it_came(_head: bytes, payload: bytearray) -> bytearray:
    return payload


def _coded_frame(head: bytes, payload: bytearray) -> tuple[bytes, str]:
    return bytes(payload), head.decode("ascii")


def _attempts(head: bytes, _payload: bytearray) -> dict[str, str]:
    return dict(json.loads(head))
