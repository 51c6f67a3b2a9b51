"""When exams that wait will have gone over the line: one reckoning for watch, status and doctor.

The line's future is a row of stretches of time in which speed and windows stay as they are. In each
the more urgent classes go first; routine exams go in their order while their window is open. What
is still to be sent, not yet known, is not reckoned with. Pure. Instants are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which nothing about the line changes.

    Args:
        start: from then on.
        bytes_s: the line's speed, the least of what it does and of what it may; 0: none.
        is_open: routine exams may travel.
    """

    start: float
    bytes_s: float
    is_open: bool = True


def arrivals(
    urgent_bytes: float, routine_bytes: Sequence[float], ahead: Iterable[Stretch], now: float
) -> list[float]:
    """Say for each routine exam when its last byte will have gone.

    Args:
        urgent_bytes: waiting in classes that go before routine exams.
        routine_bytes: of each exam, in the order in which they go.
        ahead: stretches from now on, in order, at least one; the last one goes on for ever.

    Returns:
        An instant for each; `inf` where the last stretch lets nothing go.
    """
    found: list[float] = []
    line = _Line(urgent_bytes, list(routine_bytes))
    stretches = iter(ahead)
    this = next(stretches)
    while line.waits:
        following = next(stretches, None)
        since = max(this.start, now)
        until = float("inf") if following is None else max(following.start, since)
        found += line.go(this, since, until)
        if following is None:
            found += [float("inf")] * line.waits
            break
        this = following
    return found


class _Line:
    def __init__(self, urgent_bytes: float, routine_bytes: list[float]) -> None:
        self._urgent = urgent_bytes
        self._routine = routine_bytes[::-1]

    @property
    def waits(self) -> int:
        """Exams that have not gone yet."""
        return len(self._routine)

    def go(self, stretch: Stretch, since: float, until: float) -> list[float]:
        """Let go what can, and give when each exam that ends in this stretch has gone."""
        at, gone = since, list[float]()
        if stretch.bytes_s <= 0:
            return gone
        took = min(self._urgent / stretch.bytes_s, until - at)
        self._urgent = max(self._urgent - took * stretch.bytes_s, 0.0)
        at += took
        while self._routine and stretch.is_open and at < until and self._urgent <= _SPECK:
            took = self._routine[-1] / stretch.bytes_s
            if at + took > until:
                self._routine[-1] -= (until - at) * stretch.bytes_s
                break
            at += took
            self._routine.pop()
            gone.append(at)
        return gone


# What rounding leaves of a byte.
_SPECK = 1e-3
