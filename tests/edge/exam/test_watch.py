"""Which alarms are due, and when: tables, and what must hold of every course of events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.watch import (
    OUTAGE_PATIENCE_S,
    REPORT_OVERDUE,
    SLOT_MISSED,
    URGENT_WAITING,
    WARN_BEFORE_S,
    Alarm,
    Road,
    Watched,
    alarms_due,
    words_after,
)

BY = 100_000.0
MEGABYTE = 1_000_000
UP = Road(down_since=None, goodput_bytes_s=MEGABYTE, is_sender=True)
DOWN = replace(UP, down_since=0.0)
UNMEASURED = replace(UP, goodput_bytes_s=None)
READING = replace(UP, is_sender=False, goodput_bytes_s=None)


def routine(exam: str = "a", megabytes: int = 10, by: float = BY) -> Watched:
    return Watched(
        exam * 32,
        is_urgent=False,
        is_routine=True,
        is_cancelled=False,
        is_there=False,
        accepted_at=10_000.0,
        slot_from=by + 900,
        arrive_by=by,
        waiting=2,
        waiting_bytes=megabytes * MEGABYTE,
        queued_bytes=megabytes * MEGABYTE,
    )


def codes(alarms: list[Alarm]) -> list[str]:
    return [alarm.code for alarm in alarms]


@pytest.mark.parametrize(
    ("road", "before_s", "is_raised"),
    [
        (UP, 3600, False),  # ten seconds of bytes
        (UP, 75, False),
        (UP, 60, True),  # not with the way to the workstation
        (UP, -1, True),
        (DOWN, 3600, False),  # nobody knows: there is still time
        (DOWN, 40 * 60 + 1, False),
        (DOWN, 40 * 60, True),
        (replace(DOWN, down_since=BY - 40 * 60 - OUTAGE_PATIENCE_S), 40 * 60, False),
        (UNMEASURED, 3600, False),
        (UNMEASURED, 40 * 60, True),  # accepted long ago, and still here
        (READING, 40 * 60 + 1, False),
        (READING, 40 * 60, True),
        (replace(UP, opens_at=BY - 30), 3600, True),  # the window opens too late
        (replace(UP, opens_at=BY - 100), 3600, False),
        (replace(UP, urgent_bytes=3600 * MEGABYTE), 3600, True),
    ],
)
def test_when_a_slot_is_said_to_be_missed(road: Road, before_s: float, is_raised: bool) -> None:
    alarms = alarms_due([routine()], road, BY - before_s)
    assert codes(alarms) == [SLOT_MISSED] * is_raised


def test_what_goes_first_is_counted_before_what_goes_later() -> None:
    first, second = routine("a", 1800), routine("b", 1800, by=BY + 60)
    (alarm,) = alarms_due([second, first], UP, BY - 2000)
    assert alarm.numbers["arrive_by"] == int(BY) + 60
    assert alarm.numbers["estimate_at"] == int(BY - 2000 + 3600 + 60)


def test_the_alarm_says_what_is_missing() -> None:
    exams = [routine("a", 3), routine("b", 4), replace(routine("c"), is_there=True)]
    (alarm,) = alarms_due(exams, DOWN, BY - 1900)
    assert alarm.numbers == {
        "slot_from": int(BY) + 900,
        "arrive_by": int(BY),
        "exams": 2,
        "instances": 4,
        "bytes": 7 * MEGABYTE,
        "estimate_at": None,
    }


def test_a_cancelled_exam_is_missed_by_nobody() -> None:
    gone = replace(routine(), is_cancelled=True, report_due=0.0)
    assert alarms_due([gone], DOWN, BY) == []


@pytest.mark.parametrize(("waited_s", "is_raised"), [(60, False), (60.5, True), (90, True)])
def test_an_urgent_exam_waits_for_a_minute(waited_s: float, is_raised: bool) -> None:
    urgent = replace(routine(), is_urgent=True, is_routine=False, arrive_by=None)
    alarms = alarms_due([urgent], UP, urgent.accepted_at + waited_s)
    assert codes(alarms) == [URGENT_WAITING] * is_raised


def test_an_urgent_exam_that_grows_has_not_waited_since_its_first_instance() -> None:
    urgent = replace(routine(), is_urgent=True, is_routine=False, waiting_since=10_600.0)
    assert alarms_due([urgent], UP, 10_601.0) == []


@pytest.mark.parametrize(
    ("report_at", "now", "is_raised"),
    [(None, 5000.0, False), (None, 5001.0, True), (4000.0, 9000.0, False)],
)
def test_a_report_is_overdue(report_at: float | None, now: float, is_raised: bool) -> None:
    exam = replace(routine(), is_there=True, report_due=5000.0, report_at=report_at)
    assert codes(alarms_due([exam], UP, now)) == [REPORT_OVERDUE] * is_raised


@given(
    away_for_s=st.integers(0, 7200),
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    look_every_s=st.integers(1, 60),
)
def test_a_line_that_is_away_is_told_half_an_hour_before(
    away_for_s: int, sizes: list[int], look_every_s: int
) -> None:
    """Looked at once a minute at least; told once, until all is there."""
    exams = [routine(name, size) for name, size in zip("abcde", sizes, strict=False)]
    now = BY - WARN_BEFORE_S - 720
    road = replace(UP, down_since=now - away_for_s)
    raised_at = []
    while now < BY - WARN_BEFORE_S + 60:
        alarms = alarms_due(exams, road, now)
        raised_at += [now for alarm in alarms if alarm.is_new]
        exams = [replace(each, alarmed=words_after(each, alarms)) for each in exams]
        now += look_every_s
    assert len(raised_at) == 1
    assert raised_at[0] <= BY - WARN_BEFORE_S
    there = [replace(each, is_there=True) for each in exams]
    assert alarms_due(there, road, now) == []


@given(times=st.lists(st.booleans(), min_size=2, max_size=40))
def test_an_estimate_that_goes_up_and_down_raises_once(times: list[bool]) -> None:
    exam, new = routine(), 0
    for is_slow in times:
        road = replace(UP, goodput_bytes_s=1 if is_slow else MEGABYTE)
        alarms = alarms_due([exam], road, BY - 3600)
        new += sum(alarm.is_new for alarm in alarms)
        exam = replace(exam, alarmed=words_after(exam, alarms))
    assert new == any(times)


def test_an_exam_that_joins_a_slot_already_told_is_not_told_again() -> None:
    told = replace(routine("a"), alarmed=frozenset({SLOT_MISSED}), is_there=True)
    (alarm,) = alarms_due([told, routine("b")], UP, BY - 3600)
    assert not alarm.is_new
