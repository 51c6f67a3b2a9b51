from __future__ import annotations

from typing import Any

from bocage_contract.fleet.events import EventKind, Measure, Outcome, Why
from bocage_edge.agent.revisions import Revisions

NOW = 1_800_000_000.0


def said(**changes: Any) -> dict[str, Any]:
    return {"confirmed": 3, "trial": None, "returned": None, "refused_count": 0} | changes


def outcomes(revisions: Revisions, **changes: Any) -> list[tuple[Outcome | None, int | None]]:
    return [
        (event.outcome, event.numbers.get(Measure.REVISION))
        for event in revisions.look(said(**changes), NOW)
    ]


def test_each_turn_is_told_once() -> None:
    revisions = Revisions()
    assert outcomes(revisions) == []
    trial = {"revision": 4, "until": NOW}
    assert outcomes(revisions, trial=trial) == [(Outcome.TRIAL, 4)]
    assert outcomes(revisions, trial=trial) == []
    assert outcomes(revisions, confirmed=4) == [(Outcome.CONFIRMED, 4)]
    assert outcomes(revisions, confirmed=4) == []


def test_a_return_names_its_reason() -> None:
    revisions = Revisions()
    revisions.look(said(), NOW)
    (event,) = revisions.look(said(returned={"revision": 4, "why": "power_cut"}), NOW)
    assert (event.outcome, event.why) == (Outcome.RETURNED, Why.POWER_CUT)


def test_a_refused_document_is_told() -> None:
    revisions = Revisions()
    revisions.look(said(), NOW)
    (event,) = revisions.look(said(refused="bad_signature", refused_count=1), NOW)
    assert (event.kind, event.why) == (EventKind.REFUSED_DOCUMENT, Why.BAD_SIGNATURE)


def test_a_link_unit_that_has_said_nothing_tells_nothing() -> None:
    assert Revisions().look({}, NOW) == []
