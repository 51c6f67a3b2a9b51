"""How far the exams of a link have come: what the watch over slots, urgency and reports reads.

An exam counts as there once every object of it that is known has been delivered at the reading
site; the alarms that were raised stand in the exam's row, committed with their ledger entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_contract.report_state import ReportSeen, standing_of
from bocage_edge.spool.cancelling import follow_cancelled
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.exams import EXAM_COLUMNS, Exam, exam_of, find_exam, put_exam
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.types import KEEP_ROW_S, Direction

# Chosen: what is older is history, and no alarm.
LOOK_BACK_S = 7 * 86400.0
_LIVE = "o.state NOT IN ('retired', 'dropped')"
_WATCHED = f"""
SELECT {EXAM_COLUMNS},
    (SELECT count(*) FROM object o WHERE {{of}}),
    (SELECT count(*) FROM object o WHERE {{of}} AND {_LIVE}),
    (SELECT ifnull(sum(o.size_bytes), 0) FROM object o WHERE {{of}} AND {_LIVE}),
    (SELECT ifnull(sum(o.size_bytes), 0) FROM object o WHERE {{of}} AND o.state = 'queued'),
    (SELECT min(o.accepted_at) FROM object o WHERE {{of}} AND {_LIVE})
FROM exam WHERE link = ? AND state IN ('accepted', 'cancelled') AND (
    alarmed != '' OR arrive_by > ? OR (klass = 0 AND accepted_at > ?)
    OR (report_at IS NULL AND report_due > ?))
ORDER BY klass, arrive_by, id
""".format(  # noqa: S608 - constants
    of="o.link = exam.link AND o.exam_id = exam.exam_id AND o.direction = exam.direction"
    " AND o.kind = 'instance'"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one exam has come.

    Args:
        instances: known here, wherever they are.
        waiting: of these, not delivered at the reading site yet; `waiting_bytes` is their size.
        queued_bytes: of these, still to go over the line from here.
        waiting_since: when the oldest of these came here, Unix seconds.
    """

    exam: Exam
    instances: int
    waiting: int
    waiting_bytes: int
    queued_bytes: int
    waiting_since: float | None


class Standing(SpoolCore):
    """What the watch reads and writes, and what relay learns of exams."""

    def progress(self, link: str, now: float) -> list[Progress]:
        """List the exams that an alarm may concern, the most urgent first."""
        since = now - LOOK_BACK_S
        with self._index.reading() as db:
            rows = db.execute(_WATCHED, (link, since, since, since))
            return [Progress(exam_of(row[:-5]), *row[-5:]) for row in rows]

    def queued_bytes(self, link: str) -> dict[int, int]:
        """Sum what is still to go over a link, by the rank of its class."""
        with self._index.reading() as db:
            return dict(
                db.execute(
                    "SELECT klass, sum(size_bytes) FROM object"
                    " WHERE link = ? AND direction = 'out' AND state = 'queued' GROUP BY klass",
                    (link,),
                )
            )

    def mark_alarms(
        self,
        link: str,
        changes: Sequence[tuple[Exam, frozenset[str]]],
        entries: Sequence[EntryDraft],
    ) -> None:
        """Write which alarms are raised for exams, and their ledger entries, all or nothing.

        Args:
            changes: exams as they were read, each with the words of its alarms now.
        """
        rows = self._entry_rows(link, entries)
        with self._index.writing() as db:
            db.executemany(
                "UPDATE exam SET alarmed = ? WHERE direction = ? AND link = ? AND exam_id = ?",
                [
                    (" ".join(sorted(words)), exam.direction, exam.link, exam.exam_id)
                    for exam, words in changes
                ],
            )
            insert_entries(db, rows)

    def learn(
        self, link: str, lessons: Sequence[tuple[str, Callable[[Exam | None], Exam | None]]]
    ) -> None:
        """Bring what the partner's ledger says of its exams into our rows, in one transaction.

        Args:
            lessons: an exam's id, and how its row changes, in their order.
        """
        with self._index.writing() as db:
            for exam_id, apply in lessons:
                before = find_exam(db, Direction.IN, link, exam_id)
                changed = apply(before)
                if changed is not None:
                    put_exam(db, changed)
                    follow_cancelled(db, before, changed)

    def note_reports(self, link: str, reports: Sequence[tuple[str, str, str, float]]) -> None:
        """Write which objects are reports of exams; twice is no harm.

        Either box may know an object before its delivery, or after it.

        Args:
            reports: the object's name, the exam's id, a state such as `final`, and when it was said
                to be one, Unix seconds.
        """
        with self._index.writing() as db:
            for name, exam_id, state, at in reports:
                note_report(db, link, name, exam_id, state, at)
                retired = db.execute(
                    "SELECT keep_until FROM object WHERE name = ? AND state = 'retired'", (name,)
                ).fetchone()
                if retired is not None:
                    note_delivered(db, name, retired[0] - KEEP_ROW_S)


def note_report(
    db: apsw.Connection, link: str, name: str, exam_id: str, state: str, at: float
) -> None:
    """Write that an object is a report of an exam, within the caller's transaction.

    Args:
        at: when it was said to be one, Unix seconds.
    """
    db.execute(
        "INSERT INTO report_of (object, link, exam_id, report_state, at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (object) DO UPDATE"
        " SET exam_id = excluded.exam_id, report_state = excluded.report_state, at = excluded.at",
        (name, link, exam_id, state, at),
    )
    _settle(db, link, exam_id)


def note_delivered(db: apsw.Connection, name: str, at: float) -> None:
    """Say of an object that its last delivery is done: a final report is there from now on.

    Args:
        at: Unix seconds.
    """
    row = db.execute("SELECT link, exam_id FROM report_of WHERE object = ?", (name,)).fetchone()
    if row is not None:
        db.execute(
            "UPDATE report_of SET delivered_at = ? WHERE object = ? AND delivered_at IS NULL",
            (at, name),
        )
        _settle(db, *row)


def _settle(db: apsw.Connection, link: str, exam_id: str) -> None:
    """Say anew how the report of an exam stands."""
    rows = db.execute(
        "SELECT report_state, at, delivered_at FROM report_of WHERE link = ? AND exam_id = ?",
        (link, exam_id),
    )
    stands = standing_of([ReportSeen(*row) for row in rows])
    db.execute(
        "UPDATE exam SET report_state = ?, report_at = ? WHERE link = ? AND exam_id = ?",
        (stands.state, stands.met_at, link, exam_id),
    )
