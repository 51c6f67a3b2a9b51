"""Reads the box's own ledger on and puts what is to be told into the queue.

The ledger is the one source: nothing is noted anywhere else, so an exam's road waits for none of
this, and a message that could not be queued yet is still in the ledger tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bocage_contract.audit import AuditEvent
from bocage_contract.ledger import Entry, Head, read_entry
from bocage_edge.audit.happening import (
    Happening,
    Transfer,
    read_transfer,
    write_happening,
    write_transfer,
)
from bocage_edge.audit.reading import Reader
from bocage_edge.spool.audit_queue import AuditQueue
from bocage_system import logs

LOG = logs.get(__name__)

PAGE_ENTRIES = 1000
MAX_WAITING = 1_000_000  # some 400 bytes each


class Ledger(Protocol):
    """The box's own chains, as the keeper gives them. Every method raises KeeperError."""

    def head(self, chain: str) -> Head:
        """Give the head of a chain."""

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Give a page of a chain, and the head that ends with it."""


class Clerk:
    """See the module. For one thread."""

    def __init__(self, queue: AuditQueue, ledger: Ledger, max_waiting: int = MAX_WAITING) -> None:
        """Hold the parts."""
        self._queue = queue
        self._ledger = ledger
        self._max_waiting = max_waiting
        self.is_full = False

    def step(
        self, chains: Iterable[str], events: Sequence[AuditEvent], quiet_s: float, now: float
    ) -> bool:
        """Read on.

        Args:
            chains: full names. One that was never read is read from its end: what was before
                somebody wanted to be told is not told.
            quiet_s: see `reading.Reader`.
            now: Unix seconds.

        Returns:
            Whether there is more to read at once.

        Raises:
            KeeperError: the keeper does not answer.
            SpoolError: the index failed; nothing was noted.
        """
        self.is_full = self._queue.audit_backlog()[0] >= self._max_waiting
        if self.is_full:
            return False
        known = self._queue.audit_positions()
        before = {each.key: each for each in map(read_transfer, self._queue.audit_under_way())}
        reader = Reader(events, before.values(), quiet_s)
        positions: dict[str, int] = {}
        happened: list[Happening] = []
        is_more = False
        for chain in chains:
            after = known.get(chain)
            if after is None:
                positions[chain] = self._ledger.head(chain).n
                continue
            entries, end = self._page(chain, after)
            # A page is as long as it may be in entries or in bytes: only an empty one is the end.
            is_more = is_more or bool(entries)
            if end != after:
                positions[chain] = end
            for entry in entries:
                happened += reader.take(entry)
        if not is_more:
            # Only once everything is read is it known that nothing came for a while.
            happened += reader.close(now)
        self._note(positions, before, reader.under_way, happened)
        return is_more

    def stop(self) -> None:
        """Begin anew the next time, with what happens then."""
        if self._queue.audit_positions():
            self._queue.stop_audit()

    def _page(self, chain: str, after: int) -> tuple[list[Entry], int]:
        raws, head = self._ledger.entries(chain, after, PAGE_ENTRIES)
        if not raws:
            if head.n < after:
                LOG.warning("the ledger is shorter than it was", chain=chain)
            return [], head.n
        return [read_entry(raw) for raw in raws], after + len(raws)

    def _note(
        self,
        positions: dict[str, int],
        before: dict[str, Transfer],
        after: dict[str, Transfer],
        happened: Sequence[Happening],
    ) -> None:
        changed = {key: each for key, each in after.items() if before.get(key) != each}
        over = [key for key in before if key not in after]
        if not (positions or changed or over or happened):
            return
        in_order = sorted(happened, key=lambda each: each.at)
        self._queue.note_audit(
            positions,
            {key: write_transfer(each) for key, each in changed.items()},
            over,
            [write_happening(each) for each in in_order],
        )
