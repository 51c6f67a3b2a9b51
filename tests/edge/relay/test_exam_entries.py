"""What the partner's entries make of our rows of exams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import GENESIS, Entry
from bocage_edge.relay.exam_entries import learn, lessons_of
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, Settlement, Verdict
from tests.edge.spool.exams import put
from tests.edge.spool.making import LINK, accept, digest_of, open_spool, outgoing
from tests.fakes.clock import FakeClock

EXAM = digest_of("exam")[:32]
ACCEPTED: dict[str, Any] = {
    "exam_id": EXAM,
    "service": "FLERS",
    "exam_class": "routine",
    "convention": "flers-2026",
    "version": 2,
    "modality": "CR",
    "accepted_at": 1000,
    "slot_from": 5000,
    "slot_until": 9000,
    "arrive_by": 4100,
    "report_due": 12600,
    "outside_slots": False,
    "why": "new",
}
OURS = Exam(Direction.OUT, LINK, EXAM, ExamClass.ROUTINE, "FLERS", ExamState.ACCEPTED, 1.0)


def entry(kind: str, at: int = 1000, **body: Any) -> Entry:
    return Entry(chain="flers-1/x", n=1, prev=GENESIS, at=at * 1000, kind=kind, body=body)


def report(name: str, state: str, at: int = 1000) -> Entry:
    return entry("report", at, exam_id=EXAM, object=name, report_state=state, matched_by="study")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(2000.0)


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Iterator[Spool]:
    opened = open_spool(tmp_path, clock)
    yield opened
    opened.close()


def row(spool: Spool, direction: Direction = Direction.IN) -> Exam:
    found = spool.exam(direction, LINK, EXAM)
    assert found is not None
    return found


def test_a_cancelled_exam_goes_on_only_when_it_is_sent_again(spool: Spool) -> None:
    """Whatever the order in which the units of the other box hand their words on."""
    again = {**ACCEPTED, "accepted_at": 3000}
    for words in (
        [entry("exam", 1000, **ACCEPTED), entry("cancelled", 2000, exam_id=EXAM)],
        [entry("cancelled", 2000, exam_id=EXAM), entry("exam", 1000, **ACCEPTED)],
    ):
        learn(spool, LINK, words)
        found = row(spool)
        assert (found.state, found.service) == (ExamState.CANCELLED, "FLERS")
    learn(spool, LINK, [entry("exam", 3000, **again)])
    assert row(spool).state is ExamState.ACCEPTED


def test_an_exam_is_learned_with_its_slot(spool: Spool) -> None:
    learn(spool, LINK, [entry("exam", **ACCEPTED)])
    found = row(spool)
    assert (found.klass, found.state, found.service) == (
        ExamClass.ROUTINE,
        ExamState.ACCEPTED,
        "FLERS",
    )
    assert (found.convention, found.version, found.modality) == ("flers-2026", 2, "CR")
    assert (found.first_at, found.accepted_at, found.report_due) == (1000, 1000, 12600)
    assert (found.slot_from, found.slot_until, found.arrive_by) == (5000, 9000, 4100)


def test_the_last_word_counts_and_reading_twice_changes_nothing(spool: Spool) -> None:
    raised = ACCEPTED | {"exam_class": "urgent", "slot_from": None, "arrive_by": None}
    entries = [
        entry("exam_refused", exam_id=EXAM, service="FLERS", reason="modality_not_agreed"),
        entry("exam", **ACCEPTED),
        entry("quiet", 1500, exam_id=EXAM, instances=3, root="0" * 64, delta=1),
        entry("exam", **raised),
        entry("cancelled", exam_id=EXAM),
    ]
    learn(spool, LINK, entries)
    once = row(spool)
    assert (once.klass, once.state, once.arrive_by) == (
        ExamClass.URGENT,
        ExamState.CANCELLED,
        None,
    )
    assert (once.quiet_at, once.quiet_instances) == (1500.0, 3)
    learn(spool, LINK, entries)
    assert row(spool) == once


def test_a_refusal_on_one_service_takes_nothing_back(spool: Spool) -> None:
    refused = entry("exam_refused", exam_id=EXAM, service="FLERS_URG", reason="volume")
    learn(spool, LINK, [entry("exam", **ACCEPTED), refused])
    assert row(spool).state is ExamState.ACCEPTED


def test_a_refused_exam_is_known_as_one(spool: Spool) -> None:
    learn(spool, LINK, [entry("exam_refused", exam_id=EXAM, service="FLERS", reason="volume")])
    assert (row(spool).state, row(spool).reason) == (ExamState.REFUSED, "volume")


@pytest.mark.parametrize("is_known_first", [True, False])
def test_a_final_report_is_there_once_it_is_delivered(
    spool: Spool, clock: FakeClock, is_known_first: bool
) -> None:
    """Whichever comes first: the entry that says what it is, or its delivery."""
    put(spool, OURS)
    name = accept(spool, b"report", outgoing("report"))
    if is_known_first:
        learn(spool, LINK, [report(name, "final")])
        assert (row(spool, Direction.OUT).report_state, row(spool, Direction.OUT).report_at) == (
            "final",
            None,
        )
    delivered_at = clock.now()
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    clock.advance(500)
    if not is_known_first:
        assert row(spool, Direction.OUT).report_at is None
        learn(spool, LINK, [report(name, "final")])
    assert row(spool, Direction.OUT).report_at == delivered_at
    learn(spool, LINK, [report(name, "final")])
    assert row(spool, Direction.OUT).report_at == delivered_at


def test_a_preliminary_report_is_no_final_one(spool: Spool) -> None:
    put(spool, OURS)
    name = accept(spool, b"report", outgoing("report"))
    learn(spool, LINK, [report(name, "preliminary")])
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    found = row(spool, Direction.OUT)
    assert (found.report_state, found.report_at) == ("preliminary", None)


def test_a_deletion_makes_the_report_due_again_until_another_final_one(
    spool: Spool, clock: FakeClock
) -> None:
    """As soon as it is known, and reading the entries again changes nothing."""
    put(spool, OURS)
    entries = []
    for number, state in enumerate(("final", "deletion", "final")):
        name = accept(spool, f"{number}".encode(), outgoing(f"{number}"))
        entries.append(report(name, state, 1000 + number))
        learn(spool, LINK, entries)
        clock.advance(10)
        if state == "deletion":
            assert row(spool, Direction.OUT).report_at is None
        spool.settle([Settlement(name, Verdict.DELIVERED)])
    learn(spool, LINK, entries)
    assert row(spool, Direction.OUT).report_at == clock.now()


@pytest.mark.parametrize("state", ["addendum", "replacement"])
def test_what_follows_a_final_report_leaves_it_met(
    spool: Spool, clock: FakeClock, state: str
) -> None:
    put(spool, OURS)
    first, second = (accept(spool, w.encode(), outgoing(w)) for w in ("first", "second"))
    learn(spool, LINK, [report(first, "final")])
    spool.settle([Settlement(first, Verdict.DELIVERED)])
    met_at = clock.now()
    clock.advance(10)
    learn(spool, LINK, [report(second, state, 1001)])
    spool.settle([Settlement(second, Verdict.DELIVERED)])
    assert (row(spool, Direction.OUT).report_state, row(spool, Direction.OUT).report_at) == (
        state,
        met_at,
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("exam", ACCEPTED | {"exam_id": "../x"}),
        ("exam", ACCEPTED | {"arrive_by": -1}),
        ("exam", ACCEPTED | {"arrive_by": 1 << 60}),
        ("exam", ACCEPTED | {"exam_class": "whatever"}),
        ("quiet", {"exam_id": EXAM, "instances": "many"}),
        ("report", {"exam_id": EXAM, "object": "short", "report_state": "final"}),
        ("cancelled", {}),
        ("delivered", {"object": "0" * 64}),
    ],
)
def test_what_breaks_the_form_is_passed_over(kind: str, body: dict[str, Any]) -> None:
    assert lessons_of(LINK, [entry(kind, **body)]) == []
