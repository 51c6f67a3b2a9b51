"""Calls that block for as long as a peer takes, beside the lanes: a few at once, one for each peer.

What came of a call is taken in by the thread that gave it, in `take_in`: only that one changes the
spool.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

from bocage_system import logs

LOG = logs.get(__name__)

AT_ONCE = 8

T = TypeVar("T")


class Errands:
    """See the module."""

    def __init__(self, wake: Callable[[], None], at_once: int = AT_ONCE) -> None:
        """Start with nothing under way.

        Args:
            wake: called in an errand's thread when there is something to take in.
        """
        self._wake = wake
        self._at_once = at_once
        self._threads: dict[Hashable, threading.Thread] = {}
        self._done: queue.SimpleQueue[tuple[Hashable, Callable[[], None]]] = queue.SimpleQueue()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, or waits to be taken in."""
        return not self._threads

    def start(
        self, peer: Hashable, call: Callable[[], T], then: Callable[[T | None], None]
    ) -> bool:
        """Make a call in a thread of its own.

        Args:
            peer: whom it goes to.
            then: takes what came of it, in `take_in`; None: the call failed in an unforeseen way.

        Returns:
            False where one to this peer, or too many, are under way; nothing was started.
        """
        if not self.has_room(peer):
            return False

        def run() -> None:
            try:
                result = call()
            except Exception as error:
                # The text of a foreign exception may quote what was sent: only its kind is told.
                LOG.error("call failed", error=type(error).__name__)
                result = None
            self._done.put((peer, lambda: then(result)))
            self._wake()

        thread = threading.Thread(target=run, name="errand", daemon=True)
        self._threads[peer] = thread
        thread.start()
        return True

    def has_room(self, peer: Hashable) -> bool:
        """Whether a call to this peer may be started now."""
        return peer not in self._threads and len(self._threads) < self._at_once

    def take_in(self) -> None:
        """Act on what the calls came to."""
        while not self._done.empty():
            peer, then = self._done.get()
            del self._threads[peer]
            then()

    def join(self, within_s: float) -> None:
        """Wait a while for what is under way, and act on it."""
        for thread in list(self._threads.values()):
            thread.join(within_s / max(1, len(self._threads)))
        self.take_in()
