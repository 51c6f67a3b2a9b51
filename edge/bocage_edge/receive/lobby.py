"""How many may be connected, before anybody gets a thread. Pure.

Callers we know and strangers have separate room, so that no number of strangers keeps a modality
out; and one address cannot take all of either.
"""

from __future__ import annotations

from collections import Counter

# Ours. A connection is refused later and in better manners than this where it can be: these bounds
# are for floods.
SPARE_CONNECTIONS = 8
MAX_STRANGERS = 8
MAX_OF_ONE_STRANGER = 2


class Lobby:
    """Connections that are open, with or without an association. Whoever calls holds a lock."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._known: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()

    def enter(self, address: str, *, is_known: bool, max_associations: int) -> bool:
        """Whether one more connection may come in; if so it is counted.

        Args:
            is_known: the address is one of a configured caller.
        """
        if is_known:
            may = self._known.total() < 2 * max_associations + SPARE_CONNECTIONS
            may = may and self._known[address] < max_associations + SPARE_CONNECTIONS
        else:
            may = self._strangers.total() < MAX_STRANGERS
            may = may and self._strangers[address] < MAX_OF_ONE_STRANGER
        if may:
            (self._known if is_known else self._strangers)[address] += 1
        return may

    def leave(self, address: str) -> None:
        """Count a connection no longer, in whichever room it is."""
        for room in (self._known, self._strangers):
            if room[address]:
                room[address] -= 1
                if not room[address]:
                    del room[address]
                return

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._known.total() + self._strangers.total()
