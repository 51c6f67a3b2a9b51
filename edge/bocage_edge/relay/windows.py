"""When routine exams and priors may travel: the windows of the convention in force. Pure.

Times of day are the wall clock's of the convention, by the minute, on holidays too. What has been
offered within a window is finished after it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bocage_contract.capacity import CapWindow
from bocage_contract.convention.calendar import DAY, days_of, time_of
from bocage_contract.convention.model import Convention, Window
from bocage_contract.convention.versions import governing
from bocage_contract.exam_class import ExamClass

_MINUTE_S = 60
# A week of windows has shown all it does after nine days and a change of the clocks.
_LOOK_AHEAD_MINUTES = 9 * 24 * 60


class TransferWindows:
    """The windows of one link; they may change at any time. Safe to ask often."""

    def __init__(self, versions: Sequence[Convention]) -> None:
        self._versions = list(versions)
        self._opens: tuple[int, float | None] | None = None  # the minute asked for, and the answer

    def follow(self, versions: Sequence[Convention]) -> None:
        """Keep to other versions of the agreement from now on."""
        if self._versions != list(versions):
            self._versions = list(versions)
            self._opens = None

    def least_urgent(self, now: float) -> ExamClass:
        """Name the least urgent class that may travel now."""
        return ExamClass.REPORT if self.opens_at(now) is not None else ExamClass.PRIOR

    def opens_at(self, now: float) -> float | None:
        """Say when routine exams may travel again, Unix seconds; None: they may now.

        Where no window opens within nine days, the end of these is given.
        """
        minute = int(now // _MINUTE_S)
        if self._opens is None or not self._holds(minute):
            self._opens = minute, self._find(minute)
        return self._opens[1]

    def _holds(self, minute: int) -> bool:
        if self._opens is None:
            return False
        asked, opens_at = self._opens
        if opens_at is None or minute < asked:
            return minute == asked
        return minute * _MINUTE_S < opens_at

    def _find(self, minute: int) -> float | None:
        for ahead in range(_LOOK_AHEAD_MINUTES):
            if is_open_at(self._versions, (minute + ahead) * _MINUTE_S):
                return None if ahead == 0 else float((minute + ahead) * _MINUTE_S)
        return float((minute + _LOOK_AHEAD_MINUTES) * _MINUTE_S)


def agreed_caps(versions: Sequence[Convention], now: float) -> tuple[list[CapWindow], str]:
    """Give the bandwidth caps of the convention in force, and their time zone."""
    convention = governing(versions, now)
    if convention is None:
        return [], "UTC"
    return list(convention.transfer.cap_mbit), convention.timezone


def is_open_at(versions: Sequence[Convention], at: float) -> bool:
    """Say whether routine exams and priors may travel at an instant."""
    convention = governing(versions, at)
    # What was accepted travels, also after the agreement has ended.
    if convention is None or convention.transfer.routine == "always":
        return True
    local = _local(convention, at)
    return any(_lies_in(window, local) for window in convention.transfer.routine)


def _lies_in(window: Window, local: datetime.datetime) -> bool:
    start, end = time_of(window.start), time_of(window.end)
    days, time = days_of(window.days), local.time()
    is_today, is_since_yesterday = local.weekday() in days, (local - DAY).weekday() in days
    if start < end:
        return is_today and start <= time < end
    return (is_today and time >= start) or (is_since_yesterday and time < end)


def _local(convention: Convention, at: float) -> datetime.datetime:
    zone = ZoneInfo(convention.timezone)
    return datetime.datetime.fromtimestamp(at, zone).replace(second=0, microsecond=0, tzinfo=None)
