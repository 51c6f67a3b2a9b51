"""The doctor says what receive wants somebody to look at."""

from __future__ import annotations

from typing import Any

from bocage_edge.exam.identity import exam_ref
from bocage_edge.health.agreed import findings
from bocage_edge.health.finding import Level
from tests.edge.health.a_box import LINK, NOW, facts, statuses


def test_each_code_is_told_once_with_its_count() -> None:
    codes = ["undecided", "undecided", "report_format", "volume", "report_held", "of_tomorrow"]
    alarms = [{"code": code, "link": LINK, "exam_id": "ab" * 16} for code in codes]
    told = findings(facts(statuses=statuses(receive={"alarms": alarms})))
    assert [(each.subject, each.level, each.text.partition(":")[0]) for each in told] == [
        (f"exams {LINK}", Level.WARNING, "2 exams have companions only"),
        (
            f"exams {LINK}",
            Level.WARNING,
            "1 reports came in a format nobody agreed on; they travel all the same",
        ),
        (f"exams {LINK}", Level.WARNING, "the agreed volume is nearly used up, or exceeded"),
    ]


def urgent(age_s: float) -> dict[str, Any]:
    return {"code": "urgent_outside", "link": LINK, "exam_id": "ab" * 16, "at": NOW - age_s}


def test_who_is_to_be_told_of_an_urgent_exam_is_named() -> None:
    told = findings(facts(statuses=statuses(receive={"alarms": [urgent(60)]})))
    assert [(each.text, each.hint) for each in told] == [
        (f"URGENT outside the slots: {exam_ref('ab' * 16)}", "tell the practice")
    ]


def test_an_urgent_exam_of_yesterday_is_told_no_more() -> None:
    assert findings(facts(statuses=statuses(receive={"alarms": [urgent(90_000)]}))) == []


def test_of_a_box_that_is_well_nothing_is_said() -> None:
    assert findings(facts()) == []
