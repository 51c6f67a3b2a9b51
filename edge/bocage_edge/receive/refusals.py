"""Refusals, counted all, written down once a minute each. Pure: time comes in.

A modality with a wrong AE title tries every few seconds for a weekend, and a scanner of ports tries
titles by the thousand. The ledger shall show both, and shall not grow by either.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

# Ours.
FOLD_S = 60.0
MAX_OPEN = 256

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Folded(Generic[K]):
    """So many refusals of one kind, to be written down."""

    key: K
    count: int


@dataclass(frozen=True, slots=True)
class _Window:
    until: float
    unwritten: int


class Book(Generic[K]):
    """Decides which refusals are written now, and folds the others.

    Whoever calls holds a lock.
    """

    def __init__(self) -> None:
        """Start with nothing refused."""
        self._windows: dict[K, _Window] = {}
        self.unlisted = 0  # refusals beyond MAX_OPEN kinds at once: counted, not told apart

    def note(self, key: K, now: float) -> Folded[K] | None:
        """Take one refusal.

        Args:
            now: seconds of a clock that never jumps.

        Returns:
            What to write down now, if this is the first of its kind in a while.
        """
        window = self._windows.get(key)
        if window is not None:
            self._windows[key] = replace(window, unwritten=window.unwritten + 1)
            return None
        if len(self._windows) >= MAX_OPEN:
            self.unlisted += 1
            return None
        self._windows[key] = _Window(now + FOLD_S, 0)
        return Folded(key, 1)

    def due(self, now: float) -> list[Folded[K]]:
        """Give what has gathered since it was last written down, where the minute is over."""
        folded = []
        for key, window in list(self._windows.items()):
            if window.until > now:
                continue
            if window.unwritten:
                folded.append(Folded(key, window.unwritten))
                self._windows[key] = _Window(now + FOLD_S, 0)
            else:
                del self._windows[key]
        return folded

    def rest(self) -> list[Folded[K]]:
        """Give everything that has not been written down, at the end of the process."""
        folded = [Folded(k, w.unwritten) for k, w in self._windows.items() if w.unwritten]
        self._windows.clear()
        return folded


class Tally:
    """Counts by word since the start of the process. Whoever calls holds a lock."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts: Counter[str] = Counter()

    def add(self, word: str, count: int = 1) -> None:
        """Count."""
        self._counts[word] += count

    def of(self, word: str) -> int:
        """How often."""
        return self._counts[word]

    def as_dict(self) -> dict[str, int]:
        """Every count, by word."""
        return dict(sorted(self._counts.items()))
