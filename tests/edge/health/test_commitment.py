"""The doctor says whether storage commitment goes as it should, on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_edge.health.commitment import findings
from bocage_edge.health.finding import Level
from tests.edge.health.a_box import NOW, facts, statuses

HOUR = 3600.0


def asked(**changes: Any) -> dict[str, Any]:
    """What deliver says of a caller's requests."""
    said = {"caller": "CR1", "state": "waiting", "requests": 2, "oldest_at": NOW - HOUR}
    return {"commitment": [said | {"reason": ""} | changes]}


def owed(**changes: Any) -> dict[str, Any]:
    """What deliver says of a station."""
    said = {"destination": "pacs", "state": "asked", "objects": 3, "oldest_at": NOW - HOUR}
    exams = ["ab" * 16]
    return {"vouching": {"stations": [said | {"reason": ""} | changes], "lost_exams": exams}}


def test_where_nobody_asks_anybody_nothing_is_said() -> None:
    assert findings(facts()) == []


@pytest.mark.parametrize(
    ("deliver", "unlocked", "level", "says"),
    [
        (asked(), True, Level.OK, "2 requests wait for their exams, the oldest for 1.0 h"),
        (asked(oldest_at=NOW - 30 * HOUR), True, Level.WARNING, "the oldest for 30.0 h"),
        (asked(state="decided"), True, Level.OK, "2 results wait to be told"),
        (asked(state="decided"), False, Level.WARNING, "the box is locked"),
        (asked(state="decided", reason="it is off"), True, Level.WARNING, "told: it is off"),
        (owed(), True, Level.OK, "3 instances not vouched for yet, the oldest for 1.0 h"),
        (owed(oldest_at=NOW - 30 * HOUR), True, Level.WARNING, "the oldest for 30.0 h"),
        (owed(state="due", reason="it is off"), True, Level.WARNING, "1.0 h: it is off"),
        (
            owed(state="failed"),
            True,
            Level.BAD,
            "ALARM: the station says that it has lost 3 instances, of exams",
        ),
    ],
)
def test_what_the_doctor_says(
    deliver: dict[str, Any], unlocked: bool, level: Level, says: str
) -> None:
    (found,) = findings(facts(statuses=statuses(deliver=deliver), unlocked=unlocked))
    assert found.level is level
    assert says in found.text


def test_a_loss_names_its_exams_and_what_to_do() -> None:
    (found,) = findings(facts(statuses=statuses(deliver=owed(state="failed"))))
    assert "NE-NTQA" in found.text
    assert "spool again" in found.hint
