"""Requests in the spool: they wait, are found by names, are bound once, or kept back for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.requests import CANCELLED, NO_EXAM_YET
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState, Waiting
from tests.edge.spool.making import LINK, accept, assert_clean, open_spool, outgoing

EXAM = "e" * 32
NAME = ("order", "a" * 32)
OTHER = ("order", "b" * 32)
ROW = Exam(
    Direction.OUT,
    LINK,
    EXAM,
    ExamClass.URGENT,
    "FLERS_URG",
    ExamState.ACCEPTED,
    1.0,
    accepted_at=1.0,
    arrive_by=500.0,
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A hospital's spool."""
    opened = open_spool(tmp_path)
    yield opened
    assert_clean(opened)
    opened.close()


def waiting(spool: Spool, word: str, *names: tuple[str, str], is_order: bool = True) -> str:
    """Let a request wait."""
    new = replace(
        outgoing(word),
        kind=ObjectKind.REQUEST,
        held=NO_EXAM_YET,
        waiting=Waiting(names or (NAME,), is_order, 7.0),
    )
    return accept(spool, word.encode(), new)


def there(spool: Spool, **changes: object) -> Exam:
    """Let the exam be there."""
    row = replace(ROW, **changes)  # type: ignore[arg-type]
    return spool.change_exam(Direction.OUT, LINK, EXAM, lambda _before: row)


def test_they_are_found_by_their_names_and_by_no_others(spool: Spool) -> None:
    one, two = waiting(spool, "one"), waiting(spool, "two", NAME, OTHER)
    assert [each.object for each in spool.requests_named(LINK, [NAME])] == [one, two]
    assert [each.object for each in spool.requests_named(LINK, [OTHER])] == [two]
    assert spool.requests_named("another", [NAME]) == []
    assert spool.requests_named(LINK, [("accession", NAME[1])]) == []
    assert [each.names for each in spool.waiting_requests()] == [(NAME,), (NAME, OTHER)]


def test_a_bound_one_travels_with_its_exam(spool: Spool) -> None:
    name = waiting(spool, "one")
    entry = draft("request", 1.0, object=name)
    assert spool.bind_request(name, there(spool), [entry])
    stored = spool.get(name)
    assert stored is not None
    assert (stored.exam_id, stored.klass, stored.arrive_by, stored.held) == (
        EXAM,
        ExamClass.URGENT,
        500.0,
        None,
    )
    exam = spool.exam(Direction.OUT, LINK, EXAM)
    assert exam is not None
    assert exam.request_at == 7.0
    assert spool.waiting_request(name) is None
    assert not spool.bind_request(name, ROW, [entry])
    kinds = [each.draft.kind for each in spool.pending_entries(100)]
    assert kinds.count("request") == 1


def test_one_that_only_tells_of_an_order_is_no_request(spool: Spool) -> None:
    name = waiting(spool, "one", is_order=False)
    assert spool.bind_request(name, there(spool), [])
    exam = spool.exam(Direction.OUT, LINK, EXAM)
    assert exam is not None
    assert exam.request_at is None


@pytest.mark.parametrize("state", [ExamState.WAITING, ExamState.REFUSED, ExamState.CANCELLED])
def test_nothing_is_bound_to_an_exam_that_does_not_travel(spool: Spool, state: ExamState) -> None:
    name = waiting(spool, "one")
    assert not spool.bind_request(name, there(spool, state=state), [])
    assert spool.waiting_request(name) is not None


def test_a_doubt_is_told_once(spool: Spool) -> None:
    name = waiting(spool, "one")
    entry = draft("request_held", 1.0, object=name)
    assert spool.doubt_request(name, "why", [entry])
    assert not spool.doubt_request(name, "why", [entry])
    assert [each.held for each in spool.waiting_requests()] == ["why"]
    kinds = [each.draft.kind for each in spool.pending_entries(100)]
    assert kinds.count("request_held") == 1


def test_a_cancelled_one_is_given_up_and_never_found_again(spool: Spool) -> None:
    name, other = waiting(spool, "one"), waiting(spool, "two")
    assert spool.cancel_requests(LINK, [name, "f" * 64], [draft("request_cancelled", 1.0)]) == 1
    assert [each.object for each in spool.requests_named(LINK, [NAME])] == [other]
    assert not spool.bind_request(name, there(spool), [])
    stored = spool.get(name)
    assert stored is not None
    assert (stored.state, stored.reason) == (ObjectState.DROPPED, CANCELLED)


def test_one_that_an_operator_gave_up_waits_no_more(spool: Spool) -> None:
    name = waiting(spool, "one")
    spool.drop([name], "not needed")
    assert spool.waiting_requests() == spool.requests_named(LINK, [NAME]) == []
    assert not spool.doubt_request(name, "why", [])
