"""Threads that want the same thing take turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One lock a name, as long as somebody wants it."""

    def __init__(self) -> None:
        """Start with no name in use."""
        self._lock = threading.Lock()
        self._in_use: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Wait for the turn of this name."""
        with self._lock:
            turn, wanted = self._in_use.get(name, (threading.Lock(), 0))
            self._in_use[name] = (turn, wanted + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, wanted = self._in_use[name]
                if wanted == 1:
                    del self._in_use[name]
                else:
                    self._in_use[name] = (turn, wanted - 1)
