"""A person says which exam a report answers, on a box whose other units are not needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.cli import main
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.names import names_of
from bocage_edge.particulars import seal_particulars
from bocage_edge.paths import Box
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, Doubt
from bocage_edge.spool.unmatched import HELD
from bocage_edge.units import ADMINISTRATOR
from tests.edge.spool.making import accept, arrived, outgoing
from tests.fakes.site import LINK, LINK_KEY, OWN_KEY

EXAM_OF = Identities(
    study_uid="1.2.3", accessions=(Issued("A1"),), patients=(Issued("P1", "HOSP"),), name="Doe^Jane"
)
STRANGERS = replace(EXAM_OF, study_uid="1.2.4", patients=(Issued("P2", "HOSP"),))
REPORT = replace(EXAM_OF, study_uid="9.9", patients=())
EXAM, STRANGER = (names_of(LINK_KEY, each).exam_id for each in (EXAM_OF, STRANGERS))
PATIENT_NAME = 0x00100010


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def spool(box: Box) -> Iterator[Spool]:
    """The administrator's view; two exams have come here."""
    box.spool.mkdir(parents=True)
    opened = Spool(box.spool, box.clock(), unit=ADMINISTRATOR, reserve_bytes=0)
    for identities in (EXAM_OF, STRANGERS):
        _come(opened, identities)
    yield opened
    assert opened.verify().is_sound
    opened.close()


def _come(spool: Spool, identities: Identities) -> None:
    names = names_of(LINK_KEY, identities)
    content = names.exam_id.encode()
    new = replace(arrived(content, link=LINK), exam_id=names.exam_id)
    with spool.part(new.name) as part:
        part.write(content)
        spool.accept_arrived(part, new, ["station"], [draft("stored", 1.0, object=new.name)])
    spool.add_exam_names(LINK, names.exam_id, names.rows())
    row = Exam(
        Direction.IN, LINK, names.exam_id, ExamClass.ROUTINE, "FLERS", ExamState.ACCEPTED, 1.0,
        modality="CR", accepted_at=1_800_000_000.0,
    )  # fmt: skip
    spool.change_exam(Direction.IN, LINK, names.exam_id, lambda _: row)


def waiting(
    spool: Spool, of: Identities = REPORT, word: str = "report", state: str = "final"
) -> str:
    """Let a report wait."""
    names = names_of(LINK_KEY, of)
    sealed = seal_particulars({PATIENT_NAME: b"Verylongname^Jane"}, OWN_KEY.recipient)
    form = "sr" if state else ""
    doubt = Doubt("patient_unproven", state, form, names.rows(), names.exam_id, sealed)
    new = replace(outgoing(word, link=LINK), exam_id=names.exam_id, held=HELD, doubt=doubt)
    return accept(spool, word.encode(), new)


def run(box: Box, *words: str) -> Result:
    return CliRunner().invoke(main, ["--state", str(box.state), "--run", str(box.run), *words])


def listed(box: Box) -> list[dict[str, Any]]:
    done = run(box, "reports", "list", "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_waits_is_listed_with_the_exams_it_may_answer(box: Box, spool: Spool) -> None:
    """In words, by exam_ref, without a name; an exam of another patient is not among them."""
    name = waiting(spool, replace(REPORT, patients=EXAM_OF.patients, accessions=()))
    shown = run(box, "reports", "list").stdout
    assert name[:10] in shown
    assert "final sr" in shown
    assert "nothing proves the patient" in shown
    assert f"may answer {exam_ref(EXAM)} (CR, sent " in shown
    assert "patient, name in common" in shown
    assert exam_ref(STRANGER) not in shown
    assert "Verylongname" not in shown
    (said,) = listed(box)
    assert said["suggestions"] == [
        {"exam_ref": exam_ref(EXAM), "exam_id": EXAM, "common": ["patient", "name"]}
    ]


def test_a_person_matches_it_and_it_travels(box: Box, spool: Spool) -> None:
    """By a few digits and the short name of the exam, in small letters too."""
    name = waiting(spool)
    done = run(box, "reports", "match", name[:8].upper(), exam_ref(EXAM).lower())
    assert done.exit_code == 0, done.output
    assert f"goes with {exam_ref(EXAM)}" in done.stderr
    (due,) = spool.due_outgoing(LINK, 1e12, 10)
    assert (due.name, due.exam_id) == (name, EXAM)
    entry = spool.pending_entries(10)[-1]
    assert (entry.chain, entry.draft.kind) == (LINK, "report")
    assert entry.draft.body == {
        "exam_id": EXAM,
        "object": name,
        "report_state": "final",
        "format": "sr",
        "matched_by": "person",
    }
    assert listed(box) == []


def test_what_comes_with_a_report_is_matched_as_such(box: Box, spool: Spool) -> None:
    name = waiting(spool, state="")
    assert run(box, "reports", "match", name, EXAM).exit_code == 0
    entry = spool.pending_entries(10)[-1].draft
    assert (entry.kind, entry.body["exam_id"]) == ("matched", EXAM)


def test_a_whole_study_of_theirs_is_matched_at_once(box: Box, spool: Spool) -> None:
    """A report, the captures with it; what is of another study goes on waiting."""
    names = [waiting(spool), waiting(spool, word="capture", state="")]
    other = waiting(spool, replace(REPORT, study_uid="9.8"), word="other")
    done = run(box, "reports", "match", names[1], exam_ref(EXAM), "--with-study")
    assert done.exit_code == 0, done.output
    assert {each.name for each in spool.due_outgoing(LINK, 1e12, 10)} == set(names)
    assert [each["object"] for each in listed(box)] == [other]


def test_nobody_can_match_it_to_another_patients_exam(box: Box, spool: Spool) -> None:
    """What the box refuses by itself a person cannot do by a slip of the pen."""
    name = waiting(spool, replace(REPORT, patients=EXAM_OF.patients))
    refused = run(box, "reports", "match", name, exam_ref(STRANGER))
    assert refused.exit_code == 1
    assert "two different patients" in refused.stderr
    assert [each["object"] for each in listed(box)] == [name]


def test_a_person_gives_it_up(box: Box, spool: Spool) -> None:
    name = waiting(spool)
    assert run(box, "reports", "refuse", name[:10]).exit_code == 0
    assert listed(box) == []
    written = [each.draft for each in spool.pending_entries(10)][-2:]
    assert [each.kind for each in written] == ["report_refused", "dropped"]
    for each in written:
        assert (each.body["object"], each.body["reason"]) == (name, "person")
    again = run(box, "reports", "refuse", name[:10])
    assert "no such report" in again.stderr


@pytest.mark.parametrize(
    ("object_", "exam", "says"),
    [
        ("00112233", exam_ref(EXAM), "no such report"),
        ("", exam_ref(EXAM), "several objects"),
        ("OBJECT", "ZZ-ZZZZ", "no exam of that name"),
    ],
)
def test_what_is_not_there_is_said(
    box: Box, spool: Spool, object_: str, exam: str, says: str
) -> None:
    name = waiting(spool)
    refused = run(box, "reports", "match", object_.replace("OBJECT", name), exam)
    assert refused.exit_code == 1
    assert says in refused.stderr


def test_names_are_shown_on_an_unlocked_box_only(box: Box, spool: Spool) -> None:
    waiting(spool)
    refused = run(box, "reports", "list", "--names")
    assert refused.exit_code == 1
    assert "bocage-edge unlock" in refused.stderr
