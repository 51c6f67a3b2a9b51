"""A cancelled exam goes no further, at either box, and goes on when it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.spool.cancelling import CANCELLED, ExamCounts, ExamStandsError, why_not
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.outgoing import ExamChangedError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, ObjectState, Settlement, StoredObject, Verdict
from tests.edge.spool.exams import put
from tests.edge.spool.making import LINK, accept, arrive, assert_clean, digest_of, open_spool
from tests.edge.spool.making import outgoing as made

EXAM_ID = digest_of("exam")[:32]
OURS = Exam(
    Direction.OUT,
    LINK,
    EXAM_ID,
    ExamClass.ROUTINE,
    "FLERS",
    ExamState.ACCEPTED,
    first_at=1.0,
    accepted_at=1.0,
)
THEIRS = replace(OURS, direction=Direction.IN)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool."""
    opened = open_spool(tmp_path)
    yield opened
    assert_clean(opened)
    opened.close()


def objects(spool: Spool) -> dict[str, StoredObject]:
    """What the index knows of the exam, by name."""
    return {each.name: each for each in spool.objects_of_exam(LINK, EXAM_ID)}


def state_of(spool: Spool, direction: Direction) -> ExamState:
    """The state of the exam's row."""
    exam = spool.exam(direction, LINK, EXAM_ID)
    assert exam is not None
    return exam.state


def test_what_has_not_left_is_dropped_and_the_rest_is_counted(spool: Spool) -> None:
    put(spool, OURS)
    unsent, stored, done, refused = (accept(spool, each, made(each.decode())) for each in
                                     (b"one", b"two", b"three", b"four"))  # fmt: skip
    spool.mark_stored([stored, done])
    spool.settle([Settlement(done, Verdict.DELIVERED), Settlement(refused, Verdict.REFUSED)])
    before = len(spool.pending_entries(100))
    assert spool.cancel_exam(LINK, EXAM_ID, 9.0) == ExamCounts(2, 1, 1)
    found = objects(spool)
    assert found[unsent].state is found[refused].state is ObjectState.DROPPED
    assert found[unsent].reason == CANCELLED
    assert (found[stored].state, found[done].state) == (ObjectState.STORED, ObjectState.RETIRED)
    assert state_of(spool, Direction.OUT) is ExamState.CANCELLED
    entries = [each.draft for each in spool.pending_entries(100)][before:]
    assert [each.kind for each in entries] == ["cancelled", "dropped", "dropped"]
    assert entries[0].body == {"exam_id": EXAM_ID}
    assert spool.due_outgoing(LINK, 1e12, 10) == []


@pytest.mark.parametrize(
    ("exam", "counts", "why"),
    [
        (OURS, ExamCounts(1, 0, 5), ""),
        (OURS, ExamCounts(0, 1, 5), ""),
        (OURS, ExamCounts(0, 0, 0), ""),
        (replace(OURS, state=ExamState.REFUSED), ExamCounts(), ""),
        (None, ExamCounts(), "no exam of ours"),
        (replace(OURS, state=ExamState.CANCELLED), ExamCounts(1), "already cancelled"),
        (OURS, ExamCounts(0, 0, 5), "already delivered as a whole"),
        (replace(OURS, report_state="preliminary"), ExamCounts(1), "its report has come: it has "
         "been read"),
    ],
)  # fmt: skip
def test_which_exams_can_be_cancelled(exam: Exam | None, counts: ExamCounts, why: str) -> None:
    assert why_not(exam, counts) == why


def test_one_that_stands_is_left_as_it_is(spool: Spool) -> None:
    put(spool, OURS)
    name = accept(spool, b"one", made("one"))
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    with pytest.raises(ExamStandsError, match="delivered as a whole"):
        spool.cancel_exam(LINK, EXAM_ID, 9.0)
    assert state_of(spool, Direction.OUT) is ExamState.ACCEPTED
    assert [each.draft.kind for each in spool.pending_entries(10)] == ["received"]


def test_an_instance_that_comes_in_the_very_moment_is_not_acknowledged(spool: Spool) -> None:
    """Sent again it decides anew; likewise where the exam was raised meanwhile."""
    put(spool, replace(OURS, state=ExamState.CANCELLED))
    with pytest.raises(ExamChangedError):
        accept(spool, b"one", made("one"))
    put(spool, replace(OURS, klass=ExamClass.URGENT))
    with pytest.raises(ExamChangedError):
        accept(spool, b"one", made("one"))
    assert objects(spool) == {}
    accept(spool, b"one", made("one", klass=ExamClass.URGENT))


def learn(spool: Spool, state: ExamState) -> None:
    """What the partner's ledger says of its exam."""
    spool.learn(LINK, [(EXAM_ID, lambda _: replace(THEIRS, state=state))])


def due(spool: Spool) -> list[str]:
    """What is due at the station."""
    return [each.object.name for each in spool.due_deliveries(1e12, 10)]


def test_the_practice_holds_what_is_not_delivered_and_what_still_comes(spool: Spool) -> None:
    learn(spool, ExamState.ACCEPTED)
    one, two = arrive(spool, b"one"), arrive(spool, b"two")
    (first, *_) = spool.due_deliveries(1e12, 10)
    spool.settle_delivery(first.id, Verdict.DELIVERED)
    assert due(spool) == [two]
    learn(spool, ExamState.CANCELLED)
    late = arrive(spool, b"late")
    assert due(spool) == []
    assert {objects(spool)[name].held for name in (two, late)} == {CANCELLED}
    assert objects(spool)[one].state is ObjectState.RETIRED
    learn(spool, ExamState.CANCELLED)  # read twice
    learn(spool, ExamState.ACCEPTED)  # sent again
    assert due(spool) == [two, late]


def test_what_a_person_holds_stays_held(spool: Spool) -> None:
    learn(spool, ExamState.ACCEPTED)
    one = arrive(spool, b"one")
    spool.hold([one], "a person looks at it")
    learn(spool, ExamState.CANCELLED)
    learn(spool, ExamState.ACCEPTED)
    assert objects(spool)[one].held == "a person looks at it"
