"""What waits for a person, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.ledger import draft
from bocage_edge.spool.exams import Exam
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, Doubt, ObjectState, Settlement, Verdict
from bocage_edge.spool.unmatched import HELD
from tests.edge.relay.test_exam_entries import EXAM, OURS
from tests.edge.spool.exams import put
from tests.edge.spool.making import LINK, accept, assert_clean, open_spool, outgoing

DOUBT = Doubt(
    "patient_unproven", "final", "sr", [("accession", "1" * 32)], study="b" * 32, sealed=b"age"
)
SAID = draft("report", 1.0, exam_id=EXAM, object="0" * 64, report_state="final")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path)
    yield opened
    assert_clean(opened)
    opened.close()


def waiting(spool: Spool, doubt: Doubt = DOUBT, word: str = "report") -> str:
    """Let a report come in that nobody could match."""
    new = replace(outgoing(word), exam_id="b" * 32, held=HELD, doubt=doubt)
    return accept(spool, word.encode(), new)


def test_what_waits_is_listed_with_everything_a_person_needs(spool: Spool) -> None:
    name = waiting(spool)
    (found,) = spool.unmatched()
    assert (found.name, found.link, found.doubt) == (name, LINK, DOUBT)
    assert spool.due_outgoing(LINK, 1e12, 10) == []


def test_a_person_gives_it_its_exam_and_it_travels(spool: Spool) -> None:
    """Object, exam and entry at once; the exam's report is met when it is there."""
    put(spool, OURS)
    name = waiting(spool)
    assert spool.match_by_person(name, EXAM, [SAID])
    (due,) = spool.due_outgoing(LINK, 1e12, 10)
    assert (due.name, due.exam_id, due.held) == (name, EXAM, None)
    assert spool.unmatched() == []
    assert [each.draft.kind for each in spool.pending_entries(10)] == ["received", "report"]
    assert exam(spool).report_state == "final"
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    assert exam(spool).report_at is not None


def exam(spool: Spool) -> Exam:
    found = spool.exam(Direction.OUT, LINK, EXAM)
    assert found is not None
    return found


def test_what_only_comes_with_a_report_makes_none(spool: Spool) -> None:
    put(spool, OURS)
    name = waiting(spool, Doubt("no_exam"))
    assert spool.match_by_person(name, EXAM, [SAID])
    assert exam(spool).report_state == ""


def test_a_person_gives_it_up(spool: Spool) -> None:
    """Its file goes; sent again, it is a new one."""
    name = waiting(spool)
    assert spool.give_up_unmatched(name, [SAID])
    assert spool.unmatched() == []
    (row,) = spool.objects_of_exam(LINK, "b" * 32)
    assert (row.state, row.held) == (ObjectState.DROPPED, None)
    assert waiting(spool, word="report again") != name


def test_it_is_decided_once(spool: Spool) -> None:
    """Two people at two screens: the second changes nothing and writes nothing."""
    name = waiting(spool)
    assert spool.match_by_person(name, EXAM, [SAID])
    assert not spool.match_by_person(name, "c" * 32, [SAID])
    assert not spool.give_up_unmatched(name, [SAID])
    (row,) = spool.due_outgoing(LINK, 1e12, 10)
    assert row.exam_id == EXAM
    assert len(spool.pending_entries(10)) == 2


def test_one_that_was_dropped_otherwise_waits_no_more(spool: Spool) -> None:
    name = waiting(spool)
    spool.drop([name], "by an operator")
    assert spool.unmatched() == []
    assert not spool.match_by_person(name, EXAM, [SAID])


def test_the_states_of_what_was_sent_are_known_by_instance(spool: Spool) -> None:
    sent = replace(outgoing("one", key="k"), report_state="final")
    accept(spool, b"one", sent)
    waiting(spool)
    keys = [sent.instance_key, outgoing("report").instance_key, "f" * 32]
    assert spool.report_states(LINK, keys) == {"final"}
    assert spool.report_states("another", keys) == set()


def test_the_exams_of_a_link_are_those_that_travelled_as_exams(spool: Spool) -> None:
    accept(spool, b"one", outgoing("one"))
    assert spool.exams_of_link(Direction.OUT, LINK) == [EXAM]
    assert spool.exams_of_link(Direction.IN, LINK) == []
