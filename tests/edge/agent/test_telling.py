from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.fleet.events import EventKind, Measure, Why
from bocage_contract.ledger import Entry
from bocage_edge.agent.telling import events_of
from bocage_edge.exam.identity import exam_ref

EXAM, OTHER = "a" * 32, "b" * 32


def entry(kind: str, chain: str = "flers-1/flers-caen", **body: Any) -> Entry:
    return Entry(chain=chain, n=1, prev="0" * 64, at=5000, kind=kind, body=body)


def delivered(exam: str = EXAM, done: bool = True, destination: str = "pacs") -> Entry:
    return entry("delivered", exam_id=exam, destination=destination, done=done, object="c" * 64)


def test_an_accepted_exam_is_told_with_its_times_and_by_its_reference() -> None:
    (event,) = events_of(
        [
            entry(
                "exam",
                exam_id=EXAM,
                exam_class="routine",
                why="new",
                slot_from=1,
                slot_until=2,
                arrive_by=None,
                report_due=3,
            )
        ]
    )
    assert (event.kind, event.exam, event.link) == (
        EventKind.EXAM_ACCEPTED,
        exam_ref(EXAM),
        "flers-caen",
    )
    assert event.numbers == {
        Measure.SLOT_FROM: 1,
        Measure.SLOT_UNTIL: 2,
        Measure.REPORT_DUE: 3,
    }


def test_the_instances_of_an_exam_become_one_event() -> None:
    told = events_of([delivered()] * 3 + [delivered(OTHER)] + [delivered()] * 2)
    assert [(each.exam, each.numbers[Measure.INSTANCES]) for each in told] == [
        (exam_ref(EXAM), 3),
        (exam_ref(OTHER), 1),
        (exam_ref(EXAM), 2),
    ]


def test_a_delivery_that_goes_on_to_another_station_is_not_told_yet() -> None:
    assert events_of([delivered(done=False)]) == []


@pytest.mark.parametrize(
    ("reason", "why"),
    [("modality_not_agreed", Why.MODALITY_NOT_AGREED), ("something of later", Why.OTHER)],
)
def test_a_reason_is_told_by_a_word_of_the_contract(reason: str, why: Why) -> None:
    (event,) = events_of([entry("exam_refused", exam_id=EXAM, reason=reason)])
    assert event.why is why


def test_the_boxs_own_chain_is_of_no_link() -> None:
    (event,) = events_of([entry("unlocked", chain="flers-1/box", by="gate")])
    assert event.link is None


def test_what_has_no_word_is_not_told() -> None:
    assert events_of([entry("stored", object="c" * 64), entry("opened"), entry("nonsense")]) == []
