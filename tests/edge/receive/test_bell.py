"""Waking a thread that waits."""

from __future__ import annotations

import os
import threading
import time

from bocage_edge.receive.bell import Bell, RingingQueue

LONG_S = 30.0


def wait(bell: Bell, other: int | None = None) -> float:
    """Wait, and say how long it took."""
    started = time.monotonic()
    bell.wait(other, LONG_S)
    return time.monotonic() - started


def test_a_ring_before_the_wait_counts() -> None:
    """And only once."""
    bell = Bell()
    bell.ring()
    bell.ring()
    assert wait(bell) < 1
    bell.wait(None, 0.0)
    bell.close()


def test_a_ring_from_another_thread_ends_the_wait() -> None:
    """At once."""
    bell = Bell()
    ringing = threading.Timer(0.05, bell.ring)
    ringing.start()
    assert wait(bell) < LONG_S / 2
    ringing.join()
    bell.close()


def test_something_to_read_ends_the_wait() -> None:
    """A socket, say."""
    bell = Bell()
    reading, writing = os.pipe()
    os.write(writing, b"x")
    assert wait(bell, reading) < 1
    os.close(reading)
    os.close(writing)
    bell.close()


def test_a_closed_bell_may_be_rung_and_waited_for() -> None:
    """Whoever comes late does no harm."""
    bell = Bell()
    bell.close()
    bell.close()
    bell.ring()
    assert wait(bell) < 1


def test_a_queue_rings_after_the_item_is_in() -> None:
    """So that whoever wakes finds it."""
    seen: list[int] = []
    ringing: RingingQueue = RingingQueue(lambda: seen.append(ringing.qsize()))
    ringing.put("x")
    assert seen == [1]
    assert ringing.get_nowait() == "x"
