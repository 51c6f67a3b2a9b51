"""The audit's chain: every entry names the hash of the one before. Pure.

It shows an edit, a removal and a reordering; that the whole was replaced is shown by the last hash,
which whoever audits takes home.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bocage_contract.canonical import canonical_json

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Args:
        at: Unix seconds.
        who: the person or process that acted.
        what: the act, such as "device fenced".
        about: what it was done to.
        detail: JSON values without floats.
    """

    n: int
    at: int
    who: str
    what: str
    about: str
    detail: dict[str, Any]
    prev: str

    @property
    def hash(self) -> str:
        """SHA-256 over the entry's canonical JSON, 64 hex digits."""
        value = {
            "n": self.n,
            "at": self.at,
            "who": self.who,
            "what": self.what,
            "about": self.about,
            "detail": self.detail,
            "prev": self.prev,
        }
        return hashlib.sha256(canonical_json(value)).hexdigest()


def faults(entries: Iterable[tuple[Entry, str]]) -> list[str]:
    """Check a whole chain; give what does not hold, in words. Empty: it holds.

    Args:
        entries: in their order, each with the hash that stands beside it.
    """
    found, n, prev = [], 0, GENESIS
    for entry, stored in entries:
        if entry.n != n + 1:
            found.append(f"entry {n + 1} is missing: {entry.n} follows {n}")
        elif entry.prev != prev:
            found.append(f"entry {entry.n} does not follow the one before")
        if entry.hash != stored:
            found.append(f"entry {entry.n} was changed after it was written")
        n, prev = entry.n, stored
    return found
