"""The doctor says whether the audit repository gets its messages."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_edge.configuration import InForce
from bocage_edge.health.audit import findings
from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Level
from tests.edge.health.a_box import NOW, facts, in_force, statuses
from tests.fakes.collector import credentials

REPOSITORY = {
    "host": "192.168.1.50",
    "certificates": credentials().certificate,
    "source_id": "bocage-flers",
}


def told(**audit: Any) -> Facts:
    there = in_force()
    desired = Desired.of({**there.desired.to_json(), "audit": REPOSITORY})
    return facts(
        in_force=InForce(desired, there.card, there.pins),
        statuses=statuses(deliver={"audit": {"waiting": 0, "limit": 1000, **audit}}),
    )


@pytest.mark.parametrize(
    ("audit", "level", "says"),
    [
        ({}, Level.OK, "0 messages wait"),
        ({"waiting": 3}, Level.OK, "3 messages wait"),
        (
            {"waiting": 3, "oldest_at": NOW - 7200, "locked": True},
            Level.WARNING,
            "LOCKED: whose exam it was is sealed; 3 messages wait, the oldest for 2.0 h",
        ),
        (
            {"waiting": 9, "unreachable_since": NOW - 120, "reason": "it does not answer in time"},
            Level.WARNING,
            "repository not reached for 2 min (it does not answer in time); 9 messages wait",
        ),
        (
            {"waiting": 9, "unreachable_since": NOW - 600, "reason": "x"},
            Level.BAD,
            "repository not reached for 10 min (x); 9 messages wait",
        ),
        ({"waiting": 800}, Level.BAD, "800 of 1000 messages wait"),
        (
            {"waiting": 1000, "full": True},
            Level.BAD,
            "FULL: 1000 messages wait; what comes stays in the ledger meanwhile",
        ),
        (
            {"fault": "the keeper does not answer"},
            Level.WARNING,
            "messages wait: the keeper does not answer",
        ),
    ],
)
def test_each_state_has_its_sentence(audit: dict[str, Any], level: Level, says: str) -> None:
    (finding,) = findings(told(**audit))
    assert (finding.subject, finding.level, finding.text) == ("audit", level, says)


def test_a_deliver_that_says_nothing_is_told() -> None:
    there = told()
    silent = facts(in_force=there.in_force)
    assert [each.level for each in findings(silent)] == [Level.WARNING]


def test_a_site_without_a_repository_is_not_spoken_of() -> None:
    assert findings(facts()) == []
