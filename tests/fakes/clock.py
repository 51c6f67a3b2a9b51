"""A clock that a test owns."""

from __future__ import annotations


class FakeClock:
    """Both clocks of a machine, moved by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        """Start at a moment, Unix seconds."""
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as NTP or a person would; the other goes on."""
        self._now += seconds
