"""When the demonstration says that everything held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bocage_provisioning.demo.outcome import ExamOutcome, Outcome
from bocage_provisioning.demo.show import verdict

GOOD = ExamOutcome("CR", 1, 100, 50, 1.0, True, 0.5, True)


def test_everything_held() -> None:
    """Every exam and report equal, ledgers agreeing, no fault."""
    outcome = Outcome((GOOD,), True, ())
    assert outcome.ok
    assert outcome.to_json()["ok"] is True
    assert "Everything held." in verdict(outcome)
    assert GOOD.ratio == 2.0


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome((), True, ()),
        Outcome((GOOD,), False, ()),
        Outcome((GOOD,), True, ("one is missing",)),
        Outcome((replace(GOOD, digests_equal=False),), True, ()),
        Outcome((GOOD, replace(GOOD, report_equal=False)), True, ()),
    ],
    ids=["nothing", "ledgers", "fault", "exam", "report"],
)
def test_anything_else_did_not_hold(outcome: Outcome) -> None:
    """No sum of good parts hides a bad one."""
    assert not outcome.ok
    assert "NOT everything held." in verdict(outcome)


def test_the_object_for_programs_has_its_names() -> None:
    """Others read these names."""
    (exam,) = Outcome((GOOD,), True, ()).to_json()["exams"]
    names = {"name", "instances", "bytes", "wire_bytes", "seconds", "digests_equal"}
    assert names | {"report_seconds"} <= exam.keys()
