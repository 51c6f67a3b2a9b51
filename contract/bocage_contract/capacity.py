"""How much a box may send on a link, by the time of day at its site. Pure.

Times of day are the wall clock's: a window from 02:30 to 03:30 is not there on the night the clocks
go forward past it, and is there twice on the night they go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import Field

from bocage_contract.model import Model
from bocage_contract.names import TimeOfDay

_MINUTE_S = 60
# Every schedule of one day has shown all it does after two days and a change of the clocks.
_LOOK_AHEAD_MINUTES = 49 * 60


class CapWindow(Model):
    """A part of the day with a cap: from a minute on, up to and without another.

    `to` before `from` goes over midnight; the same minute twice is the whole day.
    """

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    mbit: int = Field(ge=1, le=100_000)

    def holds_at(self, minute: int) -> bool:
        """Say whether a minute of the day, 0 to 1439, lies in the window."""
        start, end = _minute_of(self.start), _minute_of(self.end)
        if start < end:
            return start <= minute < end
        return minute >= start or minute < end


@dataclass(frozen=True, slots=True)
class Cap:
    """What holds now.

    Args:
        mbit: Mbit/s; None: as much as the line takes.
        until: Unix seconds at which it changes next; None: never.
    """

    mbit: int | None
    until: float | None = None


def cap_at(windows: Sequence[CapWindow], timezone: str, now: float) -> Cap:
    """Say what cap holds, and until when.

    Args:
        timezone: the site's, such as Europe/Paris.
        now: Unix seconds.
    """
    mbit = mbit_at(windows, timezone, now)
    if not windows:
        return Cap(mbit)
    this_minute = int(now // _MINUTE_S)
    for minute in range(this_minute + 1, this_minute + _LOOK_AHEAD_MINUTES):
        if mbit_at(windows, timezone, minute * _MINUTE_S) != mbit:
            return Cap(mbit, float(minute * _MINUTE_S))
    return Cap(mbit)


def mbit_at(windows: Sequence[CapWindow], timezone: str, now: float) -> int | None:
    """Say what cap holds at an instant, Mbit/s; None: as much as the line takes. See `cap_at`."""
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    return min((each.mbit for each in windows if each.holds_at(minute)), default=None)


def _minute_of(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
