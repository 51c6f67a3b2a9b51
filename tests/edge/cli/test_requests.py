"""A person looks at requests that wait, and says for which exam one is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bocage_contract.exam_class import ExamClass
from bocage_edge.cli import main
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.names import names_of
from bocage_edge.paths import Box
from bocage_edge.receive.request_book import waiting_names
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.requests import NO_EXAM_YET
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState, Waiting
from bocage_edge.units import ADMINISTRATOR
from tests.edge.spool.making import accept, outgoing
from tests.fakes.site import LINK, LINK_KEY

EXAM_OF = Identities(
    study_uid="1.2.3", accessions=(Issued("A1"),), patients=(Issued("P1", "HOSP"),)
)
UNPROVEN = replace(EXAM_OF, study_uid="", patients=())
STRANGERS = replace(UNPROVEN, patients=(Issued("P2", "HOSP"),))
EXAM = names_of(LINK_KEY, EXAM_OF).exam_id


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def spool(box: Box) -> Iterator[Spool]:
    """The administrator's view; one exam was taken here."""
    box.spool.mkdir(parents=True)
    opened = Spool(box.spool, box.clock(), unit=ADMINISTRATOR, reserve_bytes=0)
    accept(opened, b"image", replace(outgoing("image", link=LINK), exam_id=EXAM))
    exam = Exam(Direction.OUT, LINK, EXAM, ExamClass.URGENT, "F", ExamState.ACCEPTED, 1.0)
    opened.change_exam(Direction.OUT, LINK, EXAM, lambda _: exam)
    opened.add_exam_names(LINK, EXAM, names_of(LINK_KEY, EXAM_OF).rows())
    yield opened
    assert opened.verify().is_sound
    opened.close()


def waiting(spool: Spool, word: str, identities: Identities) -> str:
    """Let a request wait; gives its object's name."""
    names = waiting_names(names_of(LINK_KEY, identities))
    new = replace(
        outgoing(word, link=LINK),
        kind=ObjectKind.REQUEST,
        held=NO_EXAM_YET,
        waiting=Waiting(names, True, 7.0),
    )
    return accept(spool, word.encode(), new)


def run(box: Box, *words: str) -> Result:
    """Type a command."""
    folders = ["--state", str(box.state), "--run", str(box.run)]
    return CliRunner().invoke(main, [*folders, "requests", *words])


def test_what_waits_is_listed_with_what_it_may_be_for(box: Box, spool: Spool) -> None:
    name = waiting(spool, "one", UNPROVEN)
    other = waiting(spool, "two", STRANGERS)
    lines = [json.loads(line) for line in run(box, "list", "--json").stdout.splitlines()]
    assert [(each["object"], each["exams"]) for each in lines] == [
        (name, [{"exam_ref": exam_ref(EXAM), "exam_id": EXAM}]),
        (other, []),
    ]
    shown = run(box, "list").stdout
    assert f"may be for {exam_ref(EXAM)}" in shown
    assert NO_EXAM_YET in shown


def test_a_person_says_for_which_exam_it_is(box: Box, spool: Spool) -> None:
    name = waiting(spool, "one", UNPROVEN)
    assert run(box, "match", name[:10], exam_ref(EXAM)).exit_code == 0
    stored = spool.get(name)
    assert stored is not None
    assert (stored.exam_id, stored.held, stored.klass) == (EXAM, None, ExamClass.URGENT)
    kinds = [each.draft for each in spool.pending_entries(100)]
    assert [each.body["matched_by"] for each in kinds if each.kind == "request"] == ["person"]
    again = run(box, "match", name[:10], exam_ref(EXAM))
    assert "no such request waits" in again.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("match", "{name}", "00-0000"), "no exam of that name"),
        (("match", "{name}", "{ref}"), "two different patients"),
        (("match", "abc", "{ref}"), "no such request"),
        (("drop", "{short}"), "several"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    box: Box, spool: Spool, words: tuple[str, ...], says: str
) -> None:
    name = waiting(spool, "two", STRANGERS)
    filled = [each.format(name=name, short=name[:3], ref=exam_ref(EXAM)) for each in words]
    done = run(box, *filled)
    assert done.exit_code != 0
    assert says in done.output
    assert spool.waiting_request(name) is not None


def test_one_can_be_given_up(box: Box, spool: Spool) -> None:
    name = waiting(spool, "one", UNPROVEN)
    assert run(box, "drop", name[:10]).exit_code == 0
    stored = spool.get(name)
    assert stored is not None
    assert stored.state is ObjectState.DROPPED
    assert spool.waiting_requests() == []
