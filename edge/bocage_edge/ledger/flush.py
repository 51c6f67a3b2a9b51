"""From the spool's outbox into the ledger: each entry exactly once, whatever is killed when.

An entry leaves the outbox only when the keeper has it. If this process, or the keeper, is killed
between the two, it is handed over again and the keeper knows it by its place and content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.types import PendingEntry

BATCH_ENTRIES = 500


class Outbox(Protocol):
    """Where entries wait: the spool."""

    @property
    def source(self) -> str:
        """Name of this outbox; another one never has the same."""

    def pending_entries(self, limit: int) -> list[PendingEntry]:
        """List the oldest."""

    def forget_entries(self, ids: Sequence[int]) -> None:
        """Remove those that are written."""


class LedgerWriter(Protocol):
    """Who writes them: the keeper."""

    def append(self, source: str, entries: Sequence[tuple[int | str, str, EntryDraft]]) -> int:
        """Write entries that are not written yet, durably."""


def flush(spool: Outbox, keeper: LedgerWriter, source: str | None = None) -> int:
    """Hand everything that waits to the keeper.

    Args:
        source: name of the outbox; the spool's own where it is not given.

    Returns:
        How many entries were handed over.

    Raises:
        KeeperError: the keeper is not there or cannot write; the rest waits for the next time.
        SpoolError: the index failed.
    """
    named = source if source is not None else spool.source
    handed_over = 0
    while waiting := spool.pending_entries(BATCH_ENTRIES):
        keeper.append(named, waiting)
        spool.forget_entries([entry.id for entry in waiting])
        handed_over += len(waiting)
    return handed_over
