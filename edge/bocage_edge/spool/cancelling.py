"""An exam called back by who sent it: what has not left goes no further, the partner is told.

At the hospital `cancel_exam` acts; at the practice the row's change to cancelled holds what lies
there undelivered (`follow_cancelled`), and lets it go on if the exam is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from bocage_contract.ledger import draft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.exams import Exam, ExamState, find_exam, put_exam
from bocage_edge.spool.folders import remove
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import end_object
from bocage_edge.spool.types import Direction, ObjectState

CANCELLED = "its exam was cancelled by who sent it"
_UNSENT = (ObjectState.QUEUED, ObjectState.REFUSED)


class ExamStandsError(SpoolError):
    """An exam cannot be cancelled any more; the message says why."""


@dataclass(frozen=True, slots=True)
class ExamCounts:
    """Where the objects of an exam are, seen from the box that sends it.

    Args:
        unsent: not at the partner; refused ones that may be sent again among them.
        at_partner: there, and not known to be delivered.
        delivered: proven by the partner's ledger.
        held: of those here or at the partner's, kept back at this box.
    """

    unsent: int = 0
    at_partner: int = 0
    delivered: int = 0
    held: int = 0


class Cancelling(SpoolCore):
    """What `exam cancel` does, and what it shows."""

    def exam_counts(self, direction: Direction, link: str, exam_id: str) -> ExamCounts:
        """Count where the objects of an exam are; on the reading side what has come is there."""
        with self._index.reading() as db:
            return _counts(db, direction, link, exam_id)

    def cancel_exam(self, link: str, exam_id: str, now: float) -> ExamCounts:
        """Give up what has not been sent of an exam, and say in the ledger that it is cancelled.

        Args:
            now: Unix seconds.

        Returns:
            Where its objects were: the unsent ones are dropped now.

        Raises:
            ExamStandsError: it is unknown, cancelled, delivered as a whole, or reported on.
            OSError: a file could not be removed; a sweep does it later.
            SpoolError: the index failed; nothing was cancelled.
        """
        with self._index.writing() as db:
            exam = find_exam(db, Direction.OUT, link, exam_id)
            counts = _counts(db, Direction.OUT, link, exam_id)
            why = why_not(exam, counts)
            if exam is None or why:
                raise ExamStandsError(why)
            names = _unsent(db, link, exam_id)
            entries = [draft("cancelled", now, exam_id=exam_id)]
            for name in names:
                end_object(db, name, ObjectState.DROPPED, now, CANCELLED)
                entries.append(draft("dropped", now, object=name, exam_id=exam_id))
            put_exam(db, replace(exam, state=ExamState.CANCELLED, cancelled_at=now))
            insert_entries(db, self._entry_rows(link, entries))
        for name in names:
            remove(self._folders.object(name))
        return counts


def why_not(exam: Exam | None, counts: ExamCounts) -> str:
    """Say why an exam cannot be cancelled; empty: it can."""
    if exam is None:
        return "no exam of ours"
    if exam.state is ExamState.CANCELLED:
        return "already cancelled"
    if exam.report_state:
        return "its report has come: it has been read"
    if counts.delivered and not counts.unsent and not counts.at_partner:
        return "already delivered as a whole"
    return ""


def follow_cancelled(db: apsw.Connection, before: Exam | None, exam: Exam) -> int:
    """Hold what lies here undelivered of an exam that is cancelled now, or let it go on again.

    Returns:
        How many objects are held now that were not.
    """
    is_cancelled = exam.state is ExamState.CANCELLED
    was_cancelled = before is not None and before.state is ExamState.CANCELLED
    if is_cancelled == was_cancelled:
        return 0
    wanted: Sequence[str | None] = (CANCELLED, None) if is_cancelled else (None, CANCELLED)
    db.execute(
        "UPDATE object SET held = ? WHERE held IS ? AND direction = 'in' AND link = ?"
        " AND exam_id = ? AND state IN ('arrived', 'opened')",
        (*wanted, exam.link, exam.exam_id),
    )
    return db.changes() if is_cancelled else 0


def hold_if_cancelled(db: apsw.Connection, link: str, exam_id: str, name: str) -> None:
    """Hold an object that has just arrived for an exam that was cancelled before."""
    db.execute(
        "UPDATE object SET held = ? WHERE name = ? AND held IS NULL AND EXISTS (SELECT 1 FROM exam"
        " WHERE direction = 'in' AND link = ? AND exam_id = ? AND state = 'cancelled')",
        (CANCELLED, name, link, exam_id),
    )


def _counts(db: apsw.Connection, direction: Direction, link: str, exam_id: str) -> ExamCounts:
    rows: Any = db.execute(
        "SELECT state, count(*), count(held) FROM object WHERE direction = ? AND link = ?"
        " AND exam_id = ? AND kind != 'report' GROUP BY state",
        (direction, link, exam_id),
    ).fetchall()
    found = {ObjectState(state): count for state, count, _ in rows}
    there = (ObjectState.STORED, ObjectState.ARRIVED, ObjectState.OPENED)
    return ExamCounts(
        unsent=sum(found.get(state, 0) for state in _UNSENT),
        at_partner=sum(found.get(state, 0) for state in there),
        delivered=found.get(ObjectState.RETIRED, 0),
        held=sum(held for _, _, held in rows),
    )


def _unsent(db: apsw.Connection, link: str, exam_id: str) -> list[str]:
    rows = db.execute(
        "SELECT name FROM object WHERE direction = 'out' AND link = ? AND exam_id = ?"
        " AND state IN ('queued', 'refused') ORDER BY id",
        (link, exam_id),
    )
    return [name for (name,) in rows]
