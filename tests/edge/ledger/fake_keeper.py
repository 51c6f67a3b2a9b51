"""A keeper in memory: it knows what it has written, as the real one does."""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.ledger import EntryDraft
from bocage_edge.errors import KeeperError


class FakeKeeper:
    """Entries in the order they were written; each place of each outbox once."""

    def __init__(self) -> None:
        """Start with an empty ledger."""
        self.entries: dict[tuple[str, int | str], tuple[str, EntryDraft]] = {}
        self.is_silent = False

    def append(self, source: str, entries: Sequence[tuple[int | str, str, EntryDraft]]) -> int:
        """Write what is not written yet."""
        if self.is_silent:
            raise KeeperError("the keeper does not answer")
        before = len(self.entries)
        for number, chain, entry in entries:
            self.entries.setdefault((source, number), (chain, entry))
        return len(self.entries) - before
