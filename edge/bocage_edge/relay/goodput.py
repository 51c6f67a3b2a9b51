"""How fast a link really was lately: bytes the partner committed over seconds in which some waited.

Pure. The figure fades: what was measured a busy minute ago counts a third as much. Idle time does
not count at all, so a quiet night does not make the line slow.
"""

from __future__ import annotations

import math

FADE_S = 60.0
# Chosen. Less says nothing of a line: one small object measures the round trip.
LEAST_BYTES = 256 * 1024


class Goodput:
    """The moving figure of one link; it outlives connections."""

    def __init__(self, bytes_s: int = 0) -> None:
        """Begin with what was remembered; 0: nothing."""
        self._bytes = float(bytes_s)
        self._seconds = 1.0 if bytes_s else 0.0
        self._since: float | None = None
        self._is_remembered = bytes_s > 0

    @property
    def bytes_s(self) -> int:
        """Bytes a second; 0: not known."""
        if not self._is_remembered and self._bytes < LEAST_BYTES:
            return 0
        return int(self._bytes / self._seconds) if self._seconds > 0 else 0

    def busy(self, ticks: float) -> None:
        """Something is on its way.

        Args:
            ticks: seconds of a clock that nobody sets.
        """
        if self._since is None:
            self._since = ticks

    def committed(self, count: int, ticks: float, *, is_idle: bool) -> None:
        """The partner has committed bytes; `is_idle`: nothing else is on its way."""
        if self._since is not None:
            passed_s = max(ticks - self._since, 1e-3)
            left = math.exp(-passed_s / FADE_S)
            self._bytes = self._bytes * left + count
            self._seconds = self._seconds * left + passed_s
        self._since = None if is_idle else ticks

    def cut(self) -> None:
        """The connection is gone; time without one is not the line's speed."""
        self._since = None
