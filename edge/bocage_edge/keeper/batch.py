"""Group commit: what several units bring at once shares one fsync and one signature a chain.

The first to come writes for everybody who has come by then; those who come while it writes are the
next batch. So a lone entry waits for nobody, and a crowd costs one fsync a batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bocage_edge.errors import KeeperError
from bocage_edge.ledger.own import Addition, Fate

LARGEST_BATCH = 2000

Append = Callable[[Sequence[Addition]], list[Fate]]


@dataclass(slots=True)
class _Waiting:
    additions: Sequence[Addition]
    done: threading.Event = field(default_factory=threading.Event)
    fates: list[Fate] | None = None
    error: KeeperError | None = None


class GroupCommit:
    """The one way into the own ledger. Safe to use from any thread."""

    def __init__(self, append: Append) -> None:
        """Take the function that writes a batch, which is only ever called by one thread."""
        self._append = append
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_writing = False

    @property
    def waiting(self) -> int:
        """How many callers wait for the next batch."""
        with self._lock:
            return len(self._waiting)

    def write(self, additions: Sequence[Addition]) -> list[Fate]:
        """Write additions durably, in their order and not torn apart.

        Returns:
            What became of each.

        Raises:
            KeeperError: the medium refused; none of them was written.
        """
        mine = _Waiting(additions)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_writing
            self._is_writing = True
        if leads:
            self._write_all()
        mine.done.wait()
        if mine.error is not None:
            raise KeeperError(mine.error.message, mine.error.hint)
        if mine.fates is None:
            raise KeeperError("the keeper fell over while it wrote")
        return mine.fates

    def _write_all(self) -> None:
        try:
            while batch := self._next_batch():
                self._write_one(batch)
        except BaseException:
            # A surprise ends the process; until it does, nobody waits for a writer that is gone.
            with self._lock:
                left, self._waiting, self._is_writing = self._waiting, [], False
            for waiting in left:
                waiting.done.set()
            raise

    def _write_one(self, batch: Sequence[_Waiting]) -> None:
        try:
            fates = self._append([each for waiting in batch for each in waiting.additions])
            _hand_out(batch, fates)
        except KeeperError as error:
            for waiting in batch:
                waiting.error = error
        finally:
            for waiting in batch:
                waiting.done.set()

    def _next_batch(self) -> list[_Waiting]:
        with self._lock:
            batch: list[_Waiting] = []
            size = 0
            while self._waiting and (not batch or size < LARGEST_BATCH):
                batch.append(self._waiting.pop(0))
                size += len(batch[-1].additions)
            self._is_writing = bool(batch)
        return batch


def _hand_out(batch: Sequence[_Waiting], fates: Sequence[Fate]) -> None:
    start = 0
    for waiting in batch:
        waiting.fates = list(fates[start : start + len(waiting.additions)])
        start += len(waiting.additions)
