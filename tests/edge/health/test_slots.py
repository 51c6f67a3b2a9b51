"""The doctor says in words which exams are late."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_edge.health.finding import Level
from bocage_edge.health.slots import findings
from tests.edge.health.a_box import LINK, facts, statuses


@pytest.mark.parametrize(
    ("alarm", "level", "says"),
    [
        (
            {
                "code": "slot_missed",
                "slot_from": 1_800_000_000,
                "exams": 3,
                "instances": 7,
                "bytes": 9,
                "estimate_at": None,
            },
            Level.BAD,
            "SLOT of 09:00 will be missed: 3 exams, 7 instances, 9 bytes are not there;"
            " nobody can say when",
        ),
        (
            {"code": "urgent_waiting", "exam_ref": "B7-4Q2K", "waiting_s": 75},
            Level.BAD,
            "URGENT exam B7-4Q2K has waited for 75 s",
        ),
        (
            {"code": "report_overdue", "exam_ref": "B7-4Q2K", "report_due": 1_800_000_000},
            Level.WARNING,
            "the report of exam B7-4Q2K was due at 09:00",
        ),
        ({"code": "of_a_later_version"}, Level.WARNING, "alarm of_a_later_version"),
    ],
)
def test_each_alarm_has_its_sentence(alarm: dict[str, Any], level: Level, says: str) -> None:
    seen = facts(statuses=statuses(relay={"links": [{"link": LINK, "alarms": [alarm]}]}))
    (finding,) = findings(seen)
    assert (finding.subject, finding.level, finding.text) == (f"exams {LINK}", level, says)


def test_exams_that_will_be_there_in_time_are_told_with_their_hour() -> None:
    slot = {"arrive_by": 1_800_000_900, "exams": 3, "bytes": 9, "estimate_at": 1_800_000_000.0}
    relay = {"links": [{"link": LINK, "slots": [slot]}]}
    (told,) = findings(facts(statuses=statuses(relay=relay)))
    expected = "3 exams to be there by 09:15 are expected at 09:00"
    assert (told.level, told.text) == (Level.OK, expected)


def test_a_link_without_a_convention_is_not_spoken_of() -> None:
    assert findings(facts()) == []
