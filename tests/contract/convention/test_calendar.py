"""Every minute of a year lies in exactly the slots the convention says, by a slow second way."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.convention.calendar import (
    Slot,
    arrive_by,
    days_of,
    next_slot,
    slot_at,
    slots_between,
)
from bocage_contract.convention.model import Convention
from tests.contract.convention.test_model import WRITTEN

PARIS = ZoneInfo("Europe/Paris")
DAY_S = 86_400
# Code du travail, article L3133-1, for 2026 (Easter is on 5 April).
HOLIDAYS_2026 = {
    datetime.date(2026, month, day)
    for month, day in (
        (1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (8, 15), (11, 1), (11, 11),
        (12, 25),
    )
}  # fmt: skip


def convention(**changes: object) -> Convention:
    """A convention of the year 2026."""
    return Convention.of({**WRITTEN, **changes})


def at(text: str) -> float:
    """An instant by the wall clock of Paris; the first of two where it is there twice."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


def by_the_minute(slots: list[tuple[str, str, str]], instant: float) -> bool:
    """Whether the wall clock shows a minute of a slot; read minute by minute, never computed."""
    wall = datetime.datetime.fromtimestamp(instant, PARIS)
    for days, start, end in slots:
        for back in (0, 1):
            day = wall.date() - datetime.timedelta(days=back)
            if day.weekday() not in days_of(days) or day in HOLIDAYS_2026 or day.year != 2026:
                continue
            over = start >= end
            shown = f"{wall:%H:%M}"
            inside = start <= shown < end if not over else shown >= start or shown < end
            if inside and (back == 0) == (not over or shown >= start):
                return True
    return False


@pytest.mark.parametrize(
    "slots",
    [
        [("mon-fri", "08:30", "10:00"), ("mon-fri", "14:00", "16:00")],
        [("sat-mon", "22:15", "01:45")],
        [("mon,wed", "00:00", "00:30"), ("sun", "23:00", "04:00")],
    ],
)
def test_every_minute_of_a_year_lies_in_exactly_its_slots(
    slots: list[tuple[str, str, str]],
) -> None:
    rules = [{"days": days, "from": start, "to": end} for days, start, end in slots]
    agreed = convention(slots=rules)
    begin, end = int(at("2026-01-01T00:00")), int(at("2027-01-01T00:00"))
    inside: set[int] = set()
    for slot in slots_between(agreed, begin, end):
        inside.update(range(slot.start, slot.end, 60))
    # An hour that is shown twice belongs to a slot once: the slot ends at the first showing.
    doubled = range(int(at("2026-10-25T02:00")), int(at("2026-10-25T02:00")) + 2 * 3600, 60)
    wrong = [
        minute
        for minute in range(begin, end, 60)
        if minute not in doubled and (minute in inside) != by_the_minute(slots, minute)
    ]
    assert wrong == []


def test_a_slot_over_a_skipped_hour_keeps_its_ends() -> None:
    agreed = convention(slots=[{"days": "sun", "from": "01:30", "to": "03:30"}])
    (slot,) = slots_between(agreed, at("2026-03-29T00:00"), at("2026-03-29T12:00"))
    assert slot.end - slot.start == 3600
    gone = convention(slots=[{"days": "sun", "from": "02:10", "to": "02:50"}])
    assert slots_between(gone, at("2026-03-29T00:00"), at("2026-03-29T12:00")) == []


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("01:30", "03:30", 180),
        ("02:30", "03:30", 120),  # from the first 02:30
        ("01:30", "02:30", 60),  # to the first 02:30
        ("02:10", "02:50", 40),  # the first showing only
        ("02:30", "02:30", 25 * 60),
    ],
)
def test_where_the_clocks_go_back_a_slot_is_there_once(start: str, end: str, minutes: int) -> None:
    agreed = convention(slots=[{"days": "sun", "from": start, "to": end}])
    (slot,) = slots_between(agreed, at("2026-10-25T00:00"), at("2026-10-25T12:00"))
    assert slot.start == at(f"2026-10-25T{start}")
    assert slot.end - slot.start == minutes * 60


def test_a_part_of_the_country_has_holidays_of_its_own() -> None:
    good_friday = at("2026-04-03T09:00")
    assert slot_at(convention(), good_friday) is not None
    assert slot_at(convention(holidays="FR-6AE"), good_friday) is None  # Alsace-Moselle


def test_there_is_no_slot_on_a_public_holiday_nor_outside_the_validity() -> None:
    agreed = convention()
    assert slot_at(agreed, at("2026-07-13T09:00")) is not None
    assert slot_at(agreed, at("2026-07-14T09:00")) is None
    assert slot_at(agreed, at("2025-12-31T09:00")) is None
    assert slot_at(agreed, at("2026-12-31T09:00")) is not None
    assert slot_at(convention(holidays=None), at("2026-07-14T09:00")) is not None


@pytest.mark.parametrize(
    ("accepted", "slot"),
    [
        ("2026-12-01T08:05", "2026-12-01T08:30"),
        ("2026-12-01T08:15", "2026-12-01T08:30"),
        ("2026-12-01T08:16", "2026-12-02T08:30"),  # after the cut-off: the next one
        ("2026-12-04T09:00", "2026-12-07T08:30"),  # Friday to Monday
        ("2026-11-10T09:00", "2026-11-12T08:30"),  # over Armistice Day
    ],
)
def test_an_exam_is_for_the_first_slot_it_can_still_reach(accepted: str, slot: str) -> None:
    found = next_slot(convention(), at(accepted))
    assert found is not None
    assert found.start == at(slot)


def test_the_agreement_ends() -> None:
    assert next_slot(convention(), at("2026-12-31T08:16")) is None


@given(
    st.integers(int(at("2026-01-01T00:00")), int(at("2026-12-20T00:00"))),
    st.integers(0, 1440),
    st.sampled_from(["08:30", "00:05", "23:50", "02:30"]),
)
def test_arrive_by_is_never_after_the_slot_starts(now: int, before_min: int, start: str) -> None:
    slots = [{"days": "mon-sun", "from": start, "to": "12:00"}]
    agreed = convention(slots=slots, arrive_before_min=before_min)
    slot = next_slot(agreed, now)
    assert isinstance(slot, Slot)
    assert now <= arrive_by(agreed, slot) <= slot.start
    assert slot.start - now < 5 * DAY_S


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("sat-mon", {5, 6, 0}),
        ("mon,wed", {0, 2}),
        ("sun", {6}),
        ("tue-tue", {1}),
    ],
)
def test_days_of_the_week(written: str, days: set[int]) -> None:
    assert days_of(written) == days
