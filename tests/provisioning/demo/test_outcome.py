"""When the demonstration says that everything held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bocage_provisioning.demo.outcome import Check, ExamOutcome, Outcome
from bocage_provisioning.demo.show import verdict

GOOD = ExamOutcome("CR", "FLERS", 1, 100, 50, 1.0, True, 0.5, True)
HELD = Check("it holds", True, "seen")
ROW = {"month": "2026-12", "modality": "CR", "amount": "12.50"}


def test_everything_held() -> None:
    """Every exam and report equal, ledgers agreeing, no fault."""
    outcome = Outcome((GOOD,), True, (), (HELD,), [ROW])
    assert outcome.ok
    assert outcome.to_json()["ok"] is True
    assert "Everything held." in verdict(outcome)
    assert GOOD.ratio == 2.0


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome((), True, (), (HELD,)),
        Outcome((GOOD,), False, (), (HELD,)),
        Outcome((GOOD,), True, ("one is missing",), (HELD,)),
        Outcome((replace(GOOD, digests_equal=False),), True, (), (HELD,)),
        Outcome((GOOD, replace(GOOD, report_equal=False)), True, (), (HELD,)),
        Outcome((GOOD,), True, (), (HELD, replace(HELD, held=False))),
        Outcome((GOOD,), True, ()),
    ],
    ids=["nothing", "ledgers", "fault", "exam", "report", "claim", "no claim"],
)
def test_anything_else_did_not_hold(outcome: Outcome) -> None:
    """No sum of good parts hides a bad one."""
    assert not outcome.ok
    assert "NOT everything held." in verdict(outcome)


def test_the_object_for_programs_has_its_names() -> None:
    """Others read these names."""
    said = Outcome((GOOD,), True, (), (HELD,), [ROW]).to_json()
    assert said["checks"] == [{"claim": "it holds", "held": True, "seen": "seen"}]
    assert said["statement"] == [ROW]
    (exam,) = said["exams"]
    names = {"name", "instances", "bytes", "wire_bytes", "seconds", "digests_equal"}
    assert names | {"service", "slot_from", "report_seconds"} <= exam.keys()
