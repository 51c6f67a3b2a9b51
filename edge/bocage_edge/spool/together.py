"""Group commit: what several threads bring at once shares its fsyncs and its transaction.

The first to come acts for everybody who has come by then; those who come while it acts are the next
group. So a lone one waits for nobody, and a crowd costs one commit a group.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

LARGEST_GROUP = 64

Wish = TypeVar("Wish")
# What became of each wish, in their order: an error, or None where it is done.
Fates = Sequence[BaseException | None]


@dataclass(slots=True)
class _Waiting(Generic[Wish]):
    wish: Wish
    awake: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    error: BaseException | None = None


class Together(Generic[Wish]):
    """One way in for many threads."""

    def __init__(self, act: Callable[[Sequence[Wish]], Fates]) -> None:
        """Take what does a group; only one thread at a time calls it.

        Args:
            act: an error it raises is everybody's: then nothing of the group was done.
        """
        self._act = act
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Wish]] = []
        self._is_acting = False

    @property
    def waiting(self) -> list[Wish]:
        """Those of the next group."""
        with self._lock:
            return [each.wish for each in self._waiting]

    def do(self, wish: Wish) -> None:
        """Do it, with others.

        Raises:
            BaseException: what `act` gave for this wish, or raised for its group.
        """
        mine = _Waiting(wish)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_acting
            self._is_acting = True
        if not leads:
            mine.awake.wait()
        if not mine.is_done:
            self._do(self._next_group())
            self._hand_over()
        if mine.error is not None:
            raise mine.error

    def _do(self, group: Sequence[_Waiting[Wish]]) -> None:
        fates: Fates
        try:
            fates = self._act([each.wish for each in group])
        except BaseException as error:  # nobody may be left waiting; each raises it
            fates = [error] * len(group)
        for each, fate in zip(group, fates, strict=True):
            each.error, each.is_done = fate, True
            each.awake.set()

    def _next_group(self) -> list[_Waiting[Wish]]:
        with self._lock:
            group = self._waiting[:LARGEST_GROUP]
            del self._waiting[:LARGEST_GROUP]
        return group

    def _hand_over(self) -> None:
        """Let the first of those who came meanwhile act; nobody acts for others without end."""
        with self._lock:
            self._is_acting = bool(self._waiting)
            if self._waiting:
                self._waiting[0].awake.set()
