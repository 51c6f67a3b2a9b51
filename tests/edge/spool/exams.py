"""Putting an exam's row into an index, as a test wants it to stand."""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.exams import Exam
from bocage_edge.spool.store import Spool


def put(spool: Spool, exam: Exam, entries: Sequence[EntryDraft] = ()) -> None:
    """Write an exam's row, whatever is there."""
    spool.change_exam(exam.direction, exam.link, exam.exam_id, lambda _: exam, entries)
