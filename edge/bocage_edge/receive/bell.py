"""Waking a thread that waits for a socket or for another thread, whichever comes first.

pynetdicom's threads look at their queues a thousand times a second: thirty ultrasound machines with
idle associations took 78 % of an x86 core (measured), which a small box does not have.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Callable
from typing import Any


class Bell:
    """Rung from any thread; one thread waits."""

    def __init__(self) -> None:
        """Make it; nobody has rung."""
        self._lock = threading.Lock()
        self._descriptor: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """End the wait, or the next one; after `close` this does nothing."""
        with self._lock:
            if self._descriptor is not None:
                os.eventfd_write(self._descriptor, 1)

    def wait(self, other: int | None, timeout_s: float) -> None:
        """Wait for a ring, for something to read, or for the time.

        Args:
            other: a descriptor that is watched too.
        """
        bell = self._descriptor
        if bell is None:
            return
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        if other is not None:
            poll.register(other, select.POLLIN)
        for ready, _ in poll.poll(timeout_s * 1000):
            if ready == bell:
                os.eventfd_read(bell)

    def close(self) -> None:
        """Give the descriptor back; the thread that waited is over."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


class RingingQueue(queue.Queue[Any]):
    """A queue that tells when something was put into it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        """Make it."""
        super().__init__()
        self._ring = ring

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, then ring."""
        super().put(item, block, timeout)
        self._ring()
