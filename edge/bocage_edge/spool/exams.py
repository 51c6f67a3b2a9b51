"""What the index knows of exams as a whole; see `schema` for who decides what.

Writers: receive for exams that start here, relay for those that arrive and for alarms, deliver for
names and particulars learned by opening. Everything is keyed by (direction, link, exam_id).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import apsw

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.exam_names import Name, add_names
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.schema import NO_SLOT_WAITS
from bocage_edge.spool.types import Direction

_CLASSES = tuple(ExamClass)
# Why an object is held that came before anything decided on its exam.
UNDECIDED = "nothing has decided on its exam yet"
EXAM_COLUMNS = (
    "direction, link, exam_id, klass, service, convention, version, modality, state, reason,"
    " first_at, accepted_at, slot_from, slot_until, arrive_by, report_due, quiet_at,"
    " quiet_instances, request_at, report_state, report_at, alarmed, told, cancelled_at"
)
_UPSERT = f"""
INSERT INTO exam ({EXAM_COLUMNS}) VALUES ({", ".join("?" * 24)})
ON CONFLICT (direction, link, exam_id) DO UPDATE SET
    klass = excluded.klass, service = excluded.service, convention = excluded.convention,
    version = excluded.version, modality = excluded.modality, state = excluded.state,
    reason = excluded.reason, first_at = excluded.first_at, accepted_at = excluded.accepted_at,
    slot_from = excluded.slot_from, slot_until = excluded.slot_until,
    arrive_by = excluded.arrive_by, report_due = excluded.report_due,
    quiet_at = excluded.quiet_at, quiet_instances = excluded.quiet_instances,
    request_at = excluded.request_at, report_state = excluded.report_state,
    report_at = excluded.report_at, alarmed = excluded.alarmed, told = excluded.told,
    cancelled_at = excluded.cancelled_at
"""  # noqa: S608 - column names are constants


class ExamState(StrEnum):
    """Where an exam stands by the convention."""

    WAITING = "waiting"  # only companions so far: nothing has decided
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Exam:
    """One exam on one link. Instants are Unix seconds; None: not, or not yet."""

    direction: Direction
    link: str
    exam_id: str
    klass: ExamClass
    service: str
    state: ExamState
    first_at: float
    convention: str = ""
    version: int = 0
    modality: str = ""
    reason: str = ""
    accepted_at: float | None = None
    slot_from: float | None = None
    slot_until: float | None = None
    arrive_by: float | None = None
    report_due: float | None = None
    quiet_at: float | None = None
    quiet_instances: int = 0
    request_at: float | None = None
    report_state: str = ""
    report_at: float | None = None
    alarmed: frozenset[str] = frozenset()  # by relay
    told: frozenset[str] = frozenset()  # by receive
    cancelled_at: float | None = None  # the last time; it may have been sent again since


def put_exam(db: apsw.Connection, exam: Exam) -> None:
    """Write an exam as it now stands, within the caller's transaction."""
    db.execute(_UPSERT, (
        exam.direction, exam.link, exam.exam_id, exam.klass.rank, exam.service, exam.convention,
        exam.version, exam.modality, exam.state, exam.reason, exam.first_at, exam.accepted_at,
        exam.slot_from, exam.slot_until, exam.arrive_by, exam.report_due, exam.quiet_at,
        exam.quiet_instances, exam.request_at, exam.report_state, exam.report_at,
        " ".join(sorted(exam.alarmed)), " ".join(sorted(exam.told)),
        exam.cancelled_at,
    ))  # fmt: skip


def find_exam(db: apsw.Connection, direction: Direction, link: str, exam_id: str) -> Exam | None:
    """Look an exam up."""
    row = db.execute(
        f"SELECT {EXAM_COLUMNS} FROM exam"  # noqa: S608 - constants
        " WHERE direction = ? AND link = ? AND exam_id = ?",
        (direction, link, exam_id),
    ).fetchone()
    return None if row is None else exam_of(row)


ExamChange = Callable[[Exam | None], Exam]


def change_exam(
    db: apsw.Connection, direction: Direction, link: str, exam_id: str, change: ExamChange
) -> Exam:
    """Make an exam's row anew out of the one that is there; its objects follow.

    Others write into the row too, so it is read within the caller's transaction. Objects that go
    out take on a more urgent class and the slot; those that waited for a decision go on once the
    exam is accepted.
    """
    before = find_exam(db, direction, link, exam_id)
    exam = change(before)
    put_exam(db, exam)
    was_accepted = before is not None and before.state is ExamState.ACCEPTED
    is_raised = before is not None and before.klass is not exam.klass
    is_accepted = direction is Direction.OUT and exam.state is ExamState.ACCEPTED
    if is_accepted and (is_raised or not was_accepted):
        _let_objects_follow(db, exam)
    return exam


@dataclass(frozen=True, slots=True)
class DecidedExam:
    """What one of its objects decided of an exam that starts here.

    Args:
        change: makes the exam's row out of the one that is there.
        particulars: who it is of, sealed to this box; None: nothing new is known.
        names: keyed hashes by which a request or a report finds it.
    """

    change: ExamChange
    particulars: bytes | None = None
    names: Sequence[Name] = ()


def decide_exam(
    db: apsw.Connection, link: str, exam_id: str, decided: DecidedExam, now: float
) -> None:
    """Write what was decided, within the caller's transaction; known particulars stay."""
    change_exam(db, Direction.OUT, link, exam_id, decided.change)
    if decided.particulars is not None:
        db.execute(
            "INSERT OR IGNORE INTO particulars (link, exam_id, sealed, at) VALUES (?, ?, ?, ?)",
            (link, exam_id, decided.particulars, now),
        )
    add_names(db, link, exam_id, decided.names)


def _let_objects_follow(db: apsw.Connection, exam: Exam) -> None:
    arrive_by = NO_SLOT_WAITS if exam.arrive_by is None else exam.arrive_by
    db.execute(
        "UPDATE object SET held = CASE held WHEN ? THEN NULL ELSE held END, klass = min(klass, ?),"
        " arrive_by = CASE state WHEN 'stored' THEN arrive_by ELSE ? END"
        " WHERE direction = 'out' AND link = ? AND exam_id = ?"
        " AND kind IN ('instance', 'request') AND state IN ('queued', 'stored', 'refused')",
        (UNDECIDED, exam.klass.rank, arrive_by, exam.link, exam.exam_id),
    )


def exam_of(row: Sequence[Any]) -> Exam:
    """Read one row of `EXAM_COLUMNS`."""
    direction, link, exam_id, klass, service, convention, version, modality, state, *rest = row
    return Exam(
        Direction(direction),
        link,
        exam_id,
        _CLASSES[klass],
        service,
        ExamState(state),
        convention=convention,
        version=version,
        modality=modality,
        reason=rest[0],
        first_at=rest[1],
        accepted_at=rest[2],
        slot_from=rest[3],
        slot_until=rest[4],
        arrive_by=rest[5],
        report_due=rest[6],
        quiet_at=rest[7],
        quiet_instances=rest[8],
        request_at=rest[9],
        report_state=rest[10],
        report_at=rest[11],
        alarmed=frozenset(rest[12].split()),
        told=frozenset(rest[13].split()),
        cancelled_at=rest[14],
    )


class Exams(SpoolCore):
    """The exams of a spool."""

    def exam(self, direction: Direction, link: str, exam_id: str) -> Exam | None:
        """Look an exam up."""
        with self._index.reading() as db:
            return find_exam(db, direction, link, exam_id)

    def exam_standing(self, direction: Direction, link: str, exam_id: str) -> tuple[str, int]:
        """Give an exam's state and the rank of its class, quickly; empty and 0: not known."""
        with self._index.reading() as db:
            row = db.execute(
                "SELECT state, klass FROM exam WHERE direction = ? AND link = ? AND exam_id = ?",
                (direction, link, exam_id),
            ).fetchone()
        return ("", 0) if row is None else (row[0], row[1])

    def exams_since(self, first_at: float, direction: Direction | None = None) -> list[Exam]:
        """List exams whose first instance came at or after an instant, oldest first."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {EXAM_COLUMNS} FROM exam"  # noqa: S608 - constants
                " WHERE first_at >= ? AND (? IS NULL OR direction = ?) ORDER BY first_at, id",
                (first_at, direction, direction),
            )
            return [exam_of(row) for row in rows]

    def count_exams(self, link: str, since: float, until: float, *, by_slot: bool = False) -> int:
        """Count a link's accepted exams that go out, priors left out, within a stretch of time.

        Args:
            since, until: Unix seconds, the end left out; of acceptance, or of the slot's start.
        """
        column = "slot_from" if by_slot else "accepted_at"
        with self._index.reading() as db:
            row = db.execute(
                f"SELECT count(*) FROM exam WHERE direction = 'out' AND link = ?"  # noqa: S608
                f" AND state = 'accepted' AND klass != ? AND {column} >= ? AND {column} < ?",
                (link, ExamClass.PRIOR.rank, since, until),
            ).fetchone()
        return 0 if row is None else int(row[0])

    def unquiet_exams(self, since: float) -> list[Exam]:
        """List exams that go out and have instances no manifest has named.

        Args:
            since: Unix seconds of their first instance.
        """
        counted = (
            "(SELECT count(*) FROM object o WHERE o.direction = 'out' AND o.link = exam.link"
            " AND o.exam_id = exam.exam_id AND o.kind = 'instance'"
            " AND o.state NOT IN ('dropped', 'corrupt'))"
        )
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {EXAM_COLUMNS} FROM exam"  # noqa: S608 - constants
                f" WHERE direction = 'out' AND first_at >= ? AND {counted} > quiet_instances",
                (since,),
            )
            return [exam_of(row) for row in rows]

    def change_exam(
        self,
        direction: Direction,
        link: str,
        exam_id: str,
        change: ExamChange,
        entries: Sequence[EntryDraft] = (),
    ) -> Exam:
        """Make an exam's row anew out of the one that is there, together with ledger entries.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        rows = self._entry_rows(link, entries)
        with self._index.writing() as db:
            exam = change_exam(db, direction, link, exam_id, change)
            insert_entries(db, rows)
        return exam

    def sealed_particulars(self, link: str, exam_id: str) -> bytes | None:
        """Give who an exam is of, sealed to this box; see `particulars.open_particulars`."""
        with self._index.reading() as db:
            row = db.execute(
                "SELECT sealed FROM particulars WHERE link = ? AND exam_id = ?", (link, exam_id)
            ).fetchone()
        return None if row is None else bytes(row[0])
