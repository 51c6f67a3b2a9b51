"""Time as an argument: what needs the hour takes a `Clock`, so that a test owns it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: the wall's, which may jump, and one that only ever goes on."""

    def now(self) -> float:
        """Unix seconds, for what people and partners read."""

    def monotonic(self) -> float:
        """Seconds from an unnamed start, for measuring how long something takes."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; goes on through changes of the wall clock."""
        return time.monotonic()
