"""When the agreed reading sessions are. Pure.

A session belongs to the day it starts on: that day must be one of its week days, lie within the
convention's validity and be no public holiday. It starts at the first instant at which the wall
clock of the convention's time zone shows `from` or later, and ends at the first instant at which it
shows `to` or later. So on the night the clocks go forward a time that is skipped is the end of the
gap (a session wholly inside it is not there), and on the night they go back a time that is shown
twice is the first of the two: a session is there once, in one piece.

Instants are Unix seconds, whole minutes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from bocage_contract.convention.model import Convention
from bocage_contract.convention.public_holidays import holidays_in

MINUTE_S = 60
DAY = datetime.timedelta(days=1)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A stretch of time from `start` up to and without `end`, Unix seconds."""

    start: int
    end: int

    def holds(self, at: float) -> bool:
        """Say whether an instant lies in it."""
        return self.start <= at < self.end


class DailyRule(Protocol):
    """A stretch of the day on some days of the week; `end` at or before `start`: the next day."""

    @property
    def days(self) -> str:
        """As `days_of` reads them."""

    @property
    def start(self) -> str:
        """HH:MM."""

    @property
    def end(self) -> str:
        """HH:MM."""


def slots_between(convention: Convention, t0: float, t1: float) -> list[Slot]:
    """List the slots of which a part lies in [t0, t1), by their start."""
    if not convention.slots or t1 <= t0:
        return []
    zone = ZoneInfo(convention.timezone)
    first, last = local_date(convention, t0) - DAY, local_date(convention, t1)
    days = [
        day
        for day in _days(max(first, convention.valid_from), min(last, convention.valid_until))
        if is_working_day(convention, day)
    ]
    return [
        slot
        for slot in stretches(convention.slots, days, zone)
        if t0 < slot.end and slot.start < t1
    ]


def slot_at(convention: Convention, at: float) -> Slot | None:
    """Find the slot an instant lies in."""
    found = slots_between(convention, at, at + 1)
    return next((slot for slot in found if slot.holds(at)), None)


def next_slot(convention: Convention, accepted_at: float) -> Slot | None:
    """Find the slot that a routine exam accepted at an instant is for.

    It is the first whose arrive-by is not yet past. None: the convention has no slots, or ends
    before the next; where another version follows, ask `versions.next_slot_among`.
    """
    rules = convention.slots
    if not rules:
        return None
    zone = ZoneInfo(convention.timezone)
    first = max(local_date(convention, accepted_at) - DAY, convention.valid_from)
    for day in _days(first, convention.valid_until):
        if not is_working_day(convention, day):
            continue
        for slot in stretches(rules, [day], zone):
            if arrive_by(convention, slot) >= accepted_at:
                return slot
    return None


def arrive_by(convention: Convention, slot: Slot) -> int:
    """Say when a routine exam must be at the workstation, Unix seconds; never after the start."""
    return slot.start - convention.arrive_before_min * MINUTE_S


def is_working_day(convention: Convention, day: datetime.date) -> bool:
    """Say whether a day is none of the convention's public holidays."""
    code = convention.holidays
    return code is None or day not in holidays_in(code, day.year)


def local_date(convention: Convention, at: float) -> datetime.date:
    """Give the day an instant falls on, in the convention's time zone."""
    return datetime.datetime.fromtimestamp(at, ZoneInfo(convention.timezone)).date()


def is_valid_at(convention: Convention, at: float) -> bool:
    """Say whether an instant lies within the convention's first and last day."""
    return convention.valid_from <= local_date(convention, at) <= convention.valid_until


def month_at(convention: Convention, at: float) -> Slot:
    """Give the calendar month an instant falls in, for counting against `exams_per_month`."""
    first = local_date(convention, at).replace(day=1)
    following = (first + 31 * DAY).replace(day=1)
    zone = ZoneInfo(convention.timezone)
    midnight = datetime.time()
    return Slot(instant(first, midnight, zone), instant(following, midnight, zone))


def days_of(expression: str) -> frozenset[int]:
    """Read an expression of week days: `mon-fri`, `mon,wed`, `sat-mon`; Monday is 0.

    Raises:
        ValueError: it names no day, or a range of more than two.
    """
    found: set[int] = set()
    for part in expression.split(","):
        first, dash, last = part.partition("-")
        start = WEEK.index(first)
        end = WEEK.index(last) if dash else start
        found |= {(start + n) % 7 for n in range((end - start) % 7 + 1)}
    return frozenset(found)


def stretches(
    rules: Sequence[DailyRule], days: Sequence[datetime.date], zone: ZoneInfo
) -> list[Slot]:
    """Give the stretches of time that rules make of the given days, by their start."""
    found = []
    for rule in rules:
        week_days = days_of(rule.days)
        start, end = time_of(rule.start), time_of(rule.end)
        for day in days:
            if day.weekday() not in week_days:
                continue
            last_day = day if start < end else day + DAY
            stretch = Slot(instant(day, start, zone), instant(last_day, end, zone))
            if stretch.start < stretch.end:
                found.append(stretch)
    return sorted(found)


def instant(day: datetime.date, time: datetime.time, zone: ZoneInfo) -> int:
    """Give the first instant at which the wall clock shows a time of a day, or later."""
    wall = datetime.datetime.combine(day, time)
    found = int(wall.replace(tzinfo=zone).timestamp())
    if _wall(found, zone) == wall:
        return found
    # The clocks jump over it. Read by the summer offset it lies before the jump: walk up to it.
    found = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    while _wall(found, zone) < wall:
        found += MINUTE_S
    return found


def time_of(text: str) -> datetime.time:
    """Read HH:MM."""
    return datetime.time.fromisoformat(text)


def _wall(at: int, zone: ZoneInfo) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0)


def _days(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    day = first
    while day <= last:
        yield day
        day += DAY
