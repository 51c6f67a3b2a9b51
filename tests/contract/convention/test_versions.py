"""Every day is governed by one version; a slot across the change is there once."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage_contract.convention.calendar import arrive_by, next_slot, slots_between
from bocage_contract.convention.model import Convention
from bocage_contract.convention.versions import (
    governing,
    is_agreed_format,
    next_slot_among,
    slots_among,
    version_of,
)
from tests.contract.convention.test_calendar import PARIS, at, convention

FIRST = convention(holidays=None)
SECOND = convention(
    version=2,
    valid_from="2026-12-01",
    valid_until="2027-03-31",
    holidays=None,
    slots=[{"days": "mon-fri", "from": "14:00", "to": "16:00"}],
)
DAY_S = 86_400


@pytest.mark.parametrize(
    ("now", "version"),
    [
        ("2025-12-31T23:59", None),
        ("2026-01-01T00:00", 1),
        ("2026-11-30T23:59", 1),
        ("2026-12-01T00:00", 2),  # both are valid: the higher one governs
        ("2027-03-31T23:59", 2),
        ("2027-04-01T00:00", None),
    ],
)
def test_the_highest_version_that_is_valid_governs(now: str, version: int | None) -> None:
    for order in ([FIRST, SECOND], [SECOND, FIRST]):
        found = governing(order, at(now))
        assert (None if found is None else found.version) == version


def test_an_exam_finds_its_version_again() -> None:
    assert version_of([FIRST, SECOND], 1) is FIRST
    assert version_of([SECOND], 1) is None


def test_which_formats_were_agreed_for_a_report() -> None:
    pdf_only = convention(version=2, report={"formats": ["encapsulated-pdf"]})
    versions = [FIRST, pdf_only]
    assert is_agreed_format(versions, 1, "sr")
    assert not is_agreed_format(versions, 2, "sr")
    assert not is_agreed_format(versions, 7, "sr")
    assert is_agreed_format([], 0, "hl7-oru")


def test_slots_around_the_change_are_each_versions_own() -> None:
    found = slots_among([FIRST, SECOND], at("2026-11-30T00:00"), at("2026-12-02T00:00"))
    assert [slot.start for slot in found] == [at("2026-11-30T08:30"), at("2026-12-01T14:00")]


def test_an_exam_of_the_last_day_waits_for_the_next_versions_slot() -> None:
    found = next_slot_among([FIRST, SECOND], FIRST, at("2026-11-30T09:00"))
    assert found is not None
    assert found.start == at("2026-12-01T14:00")
    assert next_slot(FIRST, at("2026-11-30T09:00")) != found
    assert next_slot_among([FIRST, SECOND], SECOND, at("2027-03-31T15:00")) is None


_DATES = st.dates(datetime.date(2026, 1, 1), datetime.date(2026, 12, 31))
_SLOTS = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.sampled_from(["mon-fri", "sat-sun", "sun", "mon-sun"]),
            "from": st.sampled_from(["00:00", "02:30", "08:30", "23:00"]),
            "to": st.sampled_from(["00:00", "03:30", "08:30", "10:00"]),
        }
    ),
    max_size=2,
)


@st.composite
def version_sets(draw: st.DrawFn) -> list[Convention]:
    """One to three versions of 2026, with holes and overlaps between them."""
    found = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        first, last = sorted((draw(_DATES), draw(_DATES)))
        terms: dict[str, Any] = {
            "version": number,
            "valid_from": first.isoformat(),
            "valid_until": last.isoformat(),
            "slots": draw(_SLOTS),
            "arrive_before_min": draw(st.integers(0, 120)),
        }
        found.append(convention(**terms))
    return found


@settings(max_examples=25, deadline=None)
@given(version_sets(), _DATES)
def test_every_minute_lies_in_the_slots_of_the_version_of_the_day_they_start_on(
    versions: list[Convention], day: datetime.date
) -> None:
    begin = datetime.datetime.combine(day, datetime.time(), PARIS).timestamp()
    inside: set[int] = set()
    for slot in slots_among(versions, begin, begin + DAY_S):
        inside.update(range(slot.start, slot.end, 60))
    for minute in range(int(begin), int(begin) + DAY_S, 5 * 60):
        expected = any(
            governing(versions, slot.start) is each
            for each in versions
            for slot in slots_between(each, minute, minute + 1)
        )
        assert (minute in inside) == expected


@settings(max_examples=60, deadline=None)
@given(version_sets(), st.integers(int(at("2026-01-01T00:00")), int(at("2026-12-31T00:00"))))
def test_the_next_slot_can_be_reached_and_is_the_first_of_those(
    versions: list[Convention], now: int
) -> None:
    holding = governing(versions, now)
    if holding is None:
        return
    found = next_slot_among(versions, holding, now)
    until = at("2027-02-01T00:00") if found is None else found.start + 1
    reachable = [
        slot for slot in slots_among(versions, now, until) if arrive_by(holding, slot) >= now
    ]
    assert (reachable[0] if reachable else None) == found
    if found is not None:
        assert now <= arrive_by(holding, found) <= found.start
