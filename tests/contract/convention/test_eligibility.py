"""What may travel, in which class, for which slot, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.convention.eligibility import (
    Eligible,
    NotEligible,
    Place,
    Reason,
    is_eligible,
    place,
)
from bocage_contract.convention.model import Convention
from bocage_contract.exam_class import ExamClass
from tests.contract.convention.test_calendar import at, convention

SERVICES: dict[str, Any] = {
    "FLERS": {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}},
    "FLERS_URG": {"class": "urgent", "eligible": {"modalities": ["CR", "DX", "CT", "MR"]}},
    "FLERS_OLD": {"class": "prior"},
}
IN_SLOT, BEFORE, NIGHT = at("2026-12-01T09:00"), at("2026-12-01T08:05"), at("2026-12-01T23:00")


def agreed(**changes: Any) -> Convention:
    return convention(services=SERVICES, **changes)


def decided(
    service: str, modality: str, now: float = BEFORE, *, used: int = 0, **changes: Any
) -> Eligible | NotEligible:
    where = place([agreed(**changes)], service, now)
    if isinstance(where, NotEligible):
        return where
    return is_eligible(where, modality, used_month=used, used_slot=used)


@pytest.mark.parametrize(
    ("service", "modality", "now", "reason"),
    [
        ("FLERS", "CR", BEFORE, None),
        ("FLERS", "CT", BEFORE, Reason.MODALITY_NOT_AGREED),
        ("FLERS_URG", "CT", BEFORE, None),
        ("FLERS_URG", "US", BEFORE, Reason.MODALITY_NOT_AGREED),
        ("FLERS_OLD", "US", NIGHT, None),
        ("OTHER", "CR", BEFORE, Reason.OUTSIDE_VALIDITY),
        ("FLERS", "CR", at("2027-01-04T08:00"), Reason.OUTSIDE_VALIDITY),
        ("FLERS", "CR", at("2025-12-31T23:59"), Reason.OUTSIDE_VALIDITY),
    ],
)
def test_what_may_travel(service: str, modality: str, now: float, reason: Reason | None) -> None:
    found = decided(service, modality, now)
    assert (found.reason if isinstance(found, NotEligible) else None) == reason


def test_a_routine_exam_has_a_slot_an_arrive_by_and_a_report_due() -> None:
    where = place([agreed()], "FLERS", BEFORE)
    assert isinstance(where, Place)
    assert where.slot is not None
    assert where.slot.start == at("2026-12-01T08:30")
    assert where.arrive_by == at("2026-12-01T08:15")
    assert where.report_due == at("2026-12-01T11:00")


def test_a_prior_has_no_slot_no_report_and_no_volume() -> None:
    found = decided(
        "FLERS_OLD", "CR", used=10_000, volume={"exams_per_month": 1, "above": "refuse"}
    )
    assert isinstance(found, Eligible)
    assert (found.place.slot, found.place.report_due, found.volume) == (None, None, ())


def test_urgent_outside_the_slots_is_refused_or_somebody_is_told() -> None:
    tell = [{"name": "garde", "phone": "+33 2 31 00 00 00"}]
    accepted = decided("FLERS_URG", "CT", NIGHT, urgent={"outside_slots": "accept", "tell": tell})
    assert isinstance(accepted, Eligible)
    assert accepted.place.outside_slots
    assert [each.name for each in accepted.tell] == ["garde"]
    inside = decided("FLERS_URG", "CT", IN_SLOT, urgent={"outside_slots": "refuse", "tell": tell})
    assert isinstance(inside, Eligible)
    assert not inside.tell
    refused = decided("FLERS_URG", "CT", NIGHT, urgent={"outside_slots": "refuse"})
    assert isinstance(refused, NotEligible)
    assert refused.reason is Reason.OUTSIDE_SLOTS


@pytest.mark.parametrize(
    ("used", "told"), [(6, []), (7, [8]), (8, []), (9, [10]), (10, [11])]
)  # of 10: at 80 %, at the last agreed one, and above
def test_volume_is_told_at_80_percent_and_above(used: int, told: list[int]) -> None:
    found = decided("FLERS", "CR", used=used, volume={"exams_per_month": 10})
    assert isinstance(found, Eligible)
    assert [mark.used for mark in found.volume] == told


def test_volume_refuses_routine_only_and_only_where_agreed() -> None:
    limit = {"exams_per_slot": 2, "exams_per_month": 3, "above": "refuse"}
    full = decided("FLERS", "CR", used=3, volume=limit)
    assert isinstance(full, NotEligible)
    assert full.reason is Reason.VOLUME
    assert isinstance(decided("FLERS_URG", "CR", used=30, volume=limit), Eligible)


def test_an_exam_of_the_last_day_goes_to_the_next_versions_slot() -> None:
    following = agreed(version=2, valid_from="2027-01-01", valid_until="2027-12-31")
    where = place([agreed(), following], "FLERS", at("2026-12-31T10:00"))
    assert isinstance(where, Place)
    assert where.convention.version == 1
    assert where.slot is not None
    assert where.slot.start == at("2027-01-04T08:30")  # Friday the first is New Year's Day
    assert where.exam_class is ExamClass.ROUTINE
