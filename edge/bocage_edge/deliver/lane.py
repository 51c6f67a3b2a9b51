"""A lane: one thread, one association at a time, to one station. It does one order after another.

    idle --give--> busy --report--> idle --(nothing for a while, or closed)--> ended

Whatever goes wrong with one object is contained here and told; the neighbours go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from bocage_edge.deliver.attempt import Attempt, Order
from bocage_edge.deliver.echo import EchoResult
from bocage_edge.deliver.outcome import Deferred, Scope
from bocage_system import logs

LOG = logs.get(__name__)

# Stations drop idle associations after 30 s and more; a run of objects has shorter gaps.
RELEASE_AFTER_S = 10.0

Result = Attempt | EchoResult
Report = Callable[["Lane", Order, Result], None]


class Worker(Protocol):
    """What a lane drives: `attempt.Sender`, or a scripted one in tests."""

    def deliver(self, order: Order) -> Attempt:
        """Make one attempt."""

    def release(self) -> None:
        """End the association in good order."""

    def abort(self) -> None:
        """End the association at once."""


class Lane:
    """One thread's worth of sending."""

    def __init__(
        self,
        sender: Worker,
        ask: Callable[[], EchoResult],
        report: Report,
        *,
        release_after_s: float = RELEASE_AFTER_S,
    ) -> None:
        """Start the thread; it waits for its first order.

        Args:
            ask: makes a C-ECHO.
            report: called in the lane's thread when an order is done.
        """
        self._sender = sender
        self._ask = ask
        self._report = report
        self._release_after_s = release_after_s
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._lock = threading.Lock()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="lane", daemon=True)
        self._thread.start()

    def give(self, order: Order) -> bool:
        """Give an order to an idle lane.

        Returns:
            False where the lane has just ended.
        """
        with self._lock:
            if self._is_ended:
                return False
            self._orders.put(order)
            return True

    @property
    def is_ended(self) -> bool:
        """Whether it takes no more orders."""
        with self._lock:
            return self._is_ended

    def close(self) -> None:
        """Let it end after the order it is at."""
        with self._lock:
            if not self._is_ended:
                self._orders.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (order := self._next()) is not None:
            self._report(self, order, self._do(order))
        self._sender.release()

    def _next(self) -> Order | None:
        try:
            order = self._orders.get(timeout=self._release_after_s)
        except queue.Empty:
            order = None
        with self._lock:
            if order is None and not self._orders.empty():
                order = self._orders.get_nowait()
            self._is_ended = order is None
        return order

    def _do(self, order: Order) -> Result:
        if order.delivery is None:
            return self._ask()
        try:
            return self._sender.deliver(order)
        except Exception as error:
            # One poisoned object must not end the process, and with it its neighbours' sending.
            # The text of a foreign exception may quote the data set: only its kind is told.
            LOG.error("attempt failed", object=order.object, error=type(error).__name__)
            self._sender.abort()
            reason = f"internal fault ({type(error).__name__})"
            return Attempt(Deferred(reason, Scope.INSTANCE))
