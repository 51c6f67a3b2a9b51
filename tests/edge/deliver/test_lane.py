"""A lane with a scripted worker."""

from __future__ import annotations

import queue
import threading

from bocage_edge.deliver.attempt import Attempt, Order
from bocage_edge.deliver.echo import EchoResult
from bocage_edge.deliver.lane import Lane, Result
from bocage_edge.deliver.outcome import Deferred, Delivered, Scope

ECHO = EchoResult(True, "", 1)
WAIT_S = 10.0


class Scripted:
    """A worker that delivers, or raises where the object is called so."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.released = threading.Event()
        self.aborted = 0

    def deliver(self, order: Order) -> Attempt:
        """Make an attempt."""
        if order.object == "poison":
            raise ValueError("Doe^Jane")
        return Attempt(Delivered())

    def release(self) -> None:
        """End in good order."""
        self.released.set()

    def abort(self) -> None:
        """End at once."""
        self.aborted += 1


def lane_of(worker: Scripted, release_after_s: float) -> tuple[Lane, queue.Queue[Result]]:
    """Start a lane whose results come on a queue."""
    results: queue.Queue[Result] = queue.Queue()
    lane = Lane(
        worker,
        lambda: ECHO,
        lambda _lane, _order, result: results.put(result),
        release_after_s=release_after_s,
    )
    return lane, results


def test_orders_are_done_one_after_the_other() -> None:
    lane, results = lane_of(Scripted(), 60.0)
    assert lane.give(Order(1, "a"))
    assert results.get(timeout=WAIT_S) == Attempt(Delivered())
    assert lane.give(Order(None))
    assert results.get(timeout=WAIT_S) == ECHO
    lane.close()
    assert lane.join(WAIT_S)


def test_a_surprise_is_contained_and_tells_nothing_of_the_data_set() -> None:
    worker = Scripted()
    lane, results = lane_of(worker, 60.0)
    lane.give(Order(1, "poison"))
    attempt = results.get(timeout=WAIT_S)
    assert attempt == Attempt(Deferred("internal fault (ValueError)", Scope.INSTANCE))
    assert worker.aborted == 1
    lane.give(Order(2, "a"))
    assert results.get(timeout=WAIT_S) == Attempt(Delivered())
    lane.close()
    assert lane.join(WAIT_S)


def test_an_idle_lane_releases_its_association_and_takes_no_more() -> None:
    worker = Scripted()
    lane, _ = lane_of(worker, 0.01)
    assert worker.released.wait(WAIT_S)
    assert lane.join(WAIT_S)
    assert lane.is_ended
    assert not lane.give(Order(1, "a"))


def test_closing_lets_the_order_at_hand_finish() -> None:
    lane, results = lane_of(Scripted(), 60.0)
    lane.give(Order(1, "a"))
    lane.close()
    assert results.get(timeout=WAIT_S) == Attempt(Delivered())
    assert lane.join(WAIT_S)
