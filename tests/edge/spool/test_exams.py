"""An exam is kept as it was put, changed as a whole, together with its ledger entries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction
from bocage_system.clock import SystemClock
from tests.edge.spool.exams import put

EXAM = Exam(
    Direction.OUT,
    "flers-thury",
    "ab" * 16,
    ExamClass.ROUTINE,
    "FLERS",
    ExamState.ACCEPTED,
    first_at=1000.0,
    convention="flers",
    version=2,
    modality="CR",
    accepted_at=1001.5,
    slot_from=5000.0,
    slot_until=6000.0,
    arrive_by=4100.0,
    report_due=9600.0,
    alarmed=frozenset({"slot_missed", "request_missing"}),
)


def test_an_exam_is_kept_with_its_entries(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=0)
    put(spool, EXAM, [draft("exam", 1000.0, exam_id=EXAM.exam_id)])
    assert spool.exam(Direction.OUT, EXAM.link, EXAM.exam_id) == EXAM
    assert spool.exam(Direction.IN, EXAM.link, EXAM.exam_id) is None
    assert [each.draft.kind for each in spool.pending_entries(10)] == ["exam"]


def test_the_last_word_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=0)
    put(spool, EXAM)
    urgent = replace(EXAM, klass=ExamClass.URGENT, arrive_by=None, quiet_at=2000.0)
    other = replace(EXAM, exam_id="cd" * 16, first_at=900.0, direction=Direction.IN)
    put(spool, urgent)
    put(spool, other)
    assert spool.exams_since(0.0) == [other, urgent]
    assert spool.exams_since(950.0) == [urgent]
    assert spool.exams_since(0.0, Direction.IN) == [other]
