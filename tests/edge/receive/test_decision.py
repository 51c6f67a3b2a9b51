"""What one instance means for its exam."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bocage_contract.convention.calendar import Slot
from bocage_contract.convention.eligibility import Reason
from bocage_contract.exam_class import ExamClass
from bocage_edge.receive.decision import ENCAPSULATED_PDF, Coming, Refuse, Take, decide
from bocage_edge.spool.exams import Exam, ExamState
from tests.contract.convention.test_calendar import at
from tests.contract.convention.test_eligibility import agreed

CR = Coming(
    "flers-thury",
    "ab" * 16,
    "FLERS",
    ExamClass.ROUTINE,
    "CR",
    is_companion=False,
    sop_class="1.2.840.10008.5.1.4.1.1.1",
    at=at("2026-12-01T08:05"),
)
SR = replace(CR, modality="SR", is_companion=True)
URGENT: dict[str, Any] = {"service": "FLERS_URG", "exam_class": ExamClass.URGENT}
PRIOR: dict[str, Any] = {"service": "FLERS_OLD", "exam_class": ExamClass.PRIOR}


def ruled(
    coming: Coming, before: Exam | None = None, *, used: int = 0, **changes: Any
) -> Take | Refuse:
    def count(_stretch: Slot, _by_slot: bool) -> int:
        return used

    return decide([agreed(**changes)], before, coming, count)


def taken(coming: Coming, before: Exam | None = None, **changes: Any) -> Take:
    found = ruled(coming, before, **changes)
    assert isinstance(found, Take)
    return found


def test_an_agreed_exam_is_accepted_with_its_slot() -> None:
    found = taken(CR)
    assert (found.why, found.exam.state, found.is_held) == ("new", ExamState.ACCEPTED, False)
    assert (found.exam.convention, found.exam.version) == ("flers-thury", 1)
    assert found.exam.arrive_by == at("2026-12-01T08:15")
    assert found.exam.slot_from == at("2026-12-01T08:30")


def test_after_the_cut_off_it_is_for_the_next_slot_and_both_are_told() -> None:
    late = taken(replace(CR, at=at("2026-12-01T08:16")))
    assert (late.why, late.exam.slot_from) == ("cut_off", at("2026-12-02T08:30"))
    inside = taken(replace(CR, at=at("2026-12-01T09:30")))
    assert (inside.why, inside.exam.slot_from) == ("cut_off", at("2026-12-02T08:30"))
    between = taken(replace(CR, at=at("2026-12-01T10:00")))
    assert between.why == "new"


def test_what_comes_later_keeps_the_slot_and_the_version() -> None:
    exam = taken(CR).exam
    late = replace(CR, modality="CT", at=at("2026-12-03T11:00"))
    assert taken(late, exam) == Take(exam)


def test_a_companion_waits_for_an_instance_that_decides() -> None:
    first = taken(SR)
    assert (first.is_held, first.exam.state, first.why) == (True, ExamState.WAITING, "")
    decided = taken(CR, first.exam)
    assert (decided.exam.state, decided.why) == (ExamState.ACCEPTED, "new")
    assert decided.exam.first_at == SR.at
    assert not taken(SR, decided.exam).is_held


def test_refused_on_routine_and_accepted_on_urgent() -> None:
    ct = replace(CR, modality="CT")
    refused = ruled(ct)
    assert isinstance(refused, Refuse)
    assert refused.refusal.reason is Reason.MODALITY_NOT_AGREED
    assert refused.exam.state is ExamState.REFUSED
    accepted = taken(replace(ct, **URGENT), refused.exam)
    assert (accepted.exam.state, accepted.exam.reason) == (ExamState.ACCEPTED, "")
    assert accepted.exam.klass is ExamClass.URGENT
    assert taken(replace(SR), refused.exam).is_held


def test_a_refused_exam_is_not_made_up_for_by_another_instance() -> None:
    refused = ruled(replace(CR, modality="CT"))
    assert isinstance(refused, Refuse)
    again = ruled(CR, refused.exam)
    assert isinstance(again, Refuse)
    assert again.refusal.reason is Reason.MODALITY_NOT_AGREED
    other = replace(refused.exam, version=refused.exam.version + 1)
    assert isinstance(ruled(CR, other), Take)  # refused under another version: asked again


def test_a_prior_that_becomes_an_exam_begins_then() -> None:
    prior = taken(replace(CR, **PRIOR)).exam
    later = replace(CR, at=CR.at + 60)
    assert taken(later, prior).exam.accepted_at == later.at


def test_an_exam_is_raised_never_lowered() -> None:
    exam = taken(CR).exam
    raised = taken(replace(CR, **URGENT), exam)
    assert (raised.why, raised.exam.klass) == ("raised", ExamClass.URGENT)
    assert raised.exam.arrive_by is None
    assert raised.exam.accepted_at == exam.accepted_at
    assert taken(CR, raised.exam) == Take(raised.exam)


def test_an_urgent_service_that_refuses_leaves_the_routine_exam_as_it_is() -> None:
    exam = taken(CR).exam
    night = replace(CR, at=at("2026-12-01T23:00"), **URGENT)
    refused = ruled(night, exam, urgent={"outside_slots": "refuse"})
    assert isinstance(refused, Refuse)
    assert refused.exam == exam


def test_a_prior_needs_no_instance_that_decides_and_has_no_slot() -> None:
    found = taken(replace(SR, **PRIOR))
    assert (found.is_held, found.exam.state) == (False, ExamState.ACCEPTED)
    assert found.exam.slot_from is None


def test_a_scanned_request_is_noted_whenever_it_comes() -> None:
    pdf = replace(SR, sop_class=ENCAPSULATED_PDF, modality="DOC")
    assert taken(CR, taken(pdf).exam).exam.request_at == pdf.at
    assert taken(pdf, taken(CR).exam).exam.request_at == pdf.at


def test_without_a_convention_everything_is_taken_at_once() -> None:
    found = decide([], None, SR, lambda _stretch, _by_slot: 0)
    assert isinstance(found, Take)
    assert (found.is_held, found.exam.state, found.exam.convention) == (
        False,
        ExamState.ACCEPTED,
        "",
    )


@pytest.mark.parametrize("odd", [None, "", "é", "DUPONT", "JEAN", "A" * 17, "X"])
def test_a_modality_nobody_can_name_is_other(odd: str | None) -> None:
    assert replace(CR, modality=odd).named_modality == "OT"
    assert isinstance(ruled(replace(CR, modality=odd)), Refuse)
