"""Which exams are asked about, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.matching import Held, HeldFor, Matched, MatchedBy, Refused
from bocage_edge.exam.names import Names, names_of
from bocage_edge.receive.report_book import exams_with, match_report
from bocage_edge.receive.target import Target
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction
from bocage_system.clock import SystemClock
from tests.edge.spool.making import accept, arrived, outgoing
from tests.fakes.site import LINK, LINK_KEY

TARGET = Target(LINK, "caen-1", (), LINK_KEY)
EXAM = Identities(
    study_uid="1.2.3", accessions=(Issued("A1"),), patients=(Issued("P1", "HOSP"),), ins=("16001",)
)
STRANGER = replace(EXAM, study_uid="1.2.4", patients=(Issued("P2", "HOSP"),), ins=("26002",))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A practice's spool."""
    opened = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=0)
    yield opened
    opened.close()


def put(spool: Spool, exam_id: str, klass: ExamClass = ExamClass.ROUTINE) -> None:
    """Let an object of an exam arrive."""
    new = replace(
        arrived(exam_id.encode() + klass.encode(), klass=klass, link=LINK), exam_id=exam_id
    )
    with spool.part(new.name) as part:
        part.write(exam_id.encode() + klass.encode())
        spool.accept_arrived(part, new, ["station"], [draft("stored", 1.0, object=new.name)])


def came(spool: Spool, identities: Identities, *, opened: bool = True) -> Names:
    """Let an exam arrive; once it has been opened, its names are known."""
    names = names_of(LINK_KEY, identities)
    put(spool, names.exam_id)
    if opened:
        spool.add_exam_names(LINK, names.exam_id, names.rows())
    return names


def test_a_report_finds_its_exam_by_study_or_by_number_and_patient(spool: Spool) -> None:
    exam = came(spool, EXAM)
    came(spool, STRANGER)
    assert match_report(spool, TARGET, EXAM) == Matched(exam.exam_id, MatchedBy.STUDY)
    other_study = replace(EXAM, study_uid="9.9")
    assert match_report(spool, TARGET, other_study) == Matched(exam.exam_id, MatchedBy.ACCESSION)


def test_an_exam_that_was_not_opened_yet_is_found_by_its_study_alone(spool: Spool) -> None:
    exam = came(spool, EXAM, opened=False)
    assert match_report(spool, TARGET, EXAM) == Matched(exam.exam_id, MatchedBy.STUDY)
    held = match_report(spool, TARGET, replace(EXAM, study_uid="9.9"))
    assert held == Held(HeldFor.NO_EXAM)


def test_the_study_of_another_patient_is_refused(spool: Spool) -> None:
    came(spool, EXAM)
    found = match_report(spool, TARGET, replace(EXAM, ins=STRANGER.ins, patients=()))
    assert isinstance(found, Refused)


def test_what_starts_here_and_what_came_as_a_report_is_no_exam_of_a_report(spool: Spool) -> None:
    """A box may stand at both ends of a link."""
    names = names_of(LINK_KEY, EXAM)
    accept(spool, b"ours", replace(outgoing("ours", link=LINK), exam_id=names.exam_id))
    put(spool, names.exam_id, ExamClass.REPORT)
    spool.add_exam_names(LINK, names.exam_id, names.rows())
    assert match_report(spool, TARGET, EXAM) == Held(HeldFor.NO_EXAM)
    assert exams_with(spool, LINK, names, Direction.OUT) == [names]


def test_names_without_an_exam_lead_nowhere(spool: Spool) -> None:
    """Rows of an exam outlive it."""
    names = names_of(LINK_KEY, EXAM)
    spool.add_exam_names(LINK, names.exam_id, names.rows())
    assert match_report(spool, TARGET, EXAM) == Held(HeldFor.NO_EXAM)
