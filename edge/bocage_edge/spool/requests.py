"""Requests that wait for their exam: durable, held back, and found again by the exam's names.

A request comes before its images or after them. It lies here as any object does, with a reason why
it is held and the keyed hashes of what it says of itself, until the exam that bears some of them is
there; then it takes on the exam's id, class and slot, and travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.exam_names import Name
from bocage_edge.spool.exams import Exam, ExamState, find_exam, put_exam
from bocage_edge.spool.folders import remove
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import end_object, find_object
from bocage_edge.spool.schema import NO_SLOT_WAITS
from bocage_edge.spool.types import Direction, ObjectState, Waiting

# Why such an object is held, and why one is given up.
NO_EXAM_YET = "the exam of this request has not come yet"
CANCELLED = "the request was cancelled before its exam came"
_MAX_FOUND = 256
_COLUMNS = "w.object, w.link, w.is_order, w.at, o.held, o.id"
_HELD = "JOIN object o ON o.name = w.object WHERE o.state = 'queued' AND o.held IS NOT NULL"


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request that has no exam yet.

    Args:
        object: name of the sealed object.
        is_order: it asks for something, rather than telling of an order's course.
        at: when it came, Unix seconds.
        held: why it waits.
        names: kind and hash of what it says of itself.
    """

    object: str
    link: str
    is_order: bool
    at: float
    held: str
    names: tuple[Name, ...]


class Requests(SpoolCore):
    """The requests of a spool that wait for their exam."""

    def waiting_requests(self) -> list[WaitingRequest]:
        """List them, the oldest first."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM waiting_request w {_HELD}"  # noqa: S608 - constants
                " ORDER BY o.id"
            ).fetchall()
            return [_request_of(db, row) for row in rows]

    def waiting_request(self, name: str) -> WaitingRequest | None:
        """Look one up by its object's name."""
        with self._index.reading() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM waiting_request w {_HELD}"  # noqa: S608 - constants
                " AND w.object = ?",
                (name,),
            ).fetchone()
            return None if row is None else _request_of(db, row)

    def requests_named(self, link: str, names: Sequence[Name]) -> list[WaitingRequest]:
        """List those of a link that bear any of these names, the oldest first.

        At most 256 for each name.
        """
        found: dict[Any, WaitingRequest] = {}  # by order of acceptance
        with self._index.reading() as db:
            for kind, hashed in names:
                rows = db.execute(
                    f"SELECT {_COLUMNS} FROM waiting_name n"  # noqa: S608 - constants
                    f" JOIN waiting_request w ON w.object = n.object {_HELD}"
                    " AND n.link = ? AND n.kind = ? AND n.hash = ? LIMIT ?",
                    (link, kind, hashed, _MAX_FOUND),
                ).fetchall()
                found |= {row[5]: _request_of(db, row) for row in rows}
        return [found[number] for number in sorted(found)]

    def bind_request(self, name: str, exam: Exam, entries: Sequence[EntryDraft]) -> bool:
        """Let a request travel with its exam, in the exam's class and for its slot.

        Args:
            exam: which exam it is; its row as it stands now counts.

        Returns:
            Whether it still waited, and the exam is accepted; only then anything is recorded.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        rows = self._entry_rows(exam.link, entries)
        with self._index.writing() as db:
            standing = find_exam(db, Direction.OUT, exam.link, exam.exam_id)
            waiting = db.execute(
                f"SELECT {_COLUMNS} FROM waiting_request w {_HELD}"  # noqa: S608 - constants
                " AND w.object = ?",
                (name,),
            ).fetchone()
            if waiting is None or standing is None or standing.state is not ExamState.ACCEPTED:
                return False
            db.execute(
                "UPDATE object SET exam_id = ?, held = NULL, klass = ?, arrive_by = ?"
                " WHERE name = ?",
                (standing.exam_id, standing.klass.rank, _arrive_by(standing), name),
            )
            if waiting[2]:
                note_request(db, standing, waiting[3])
            _forget(db, name)
            insert_entries(db, rows)
        return True

    def doubt_request(self, name: str, held: str, entries: Sequence[EntryDraft]) -> bool:
        """Say why a request goes on waiting.

        Returns:
            Whether that is news; only then the entries are recorded.
        """
        with self._index.writing() as db:
            db.execute(
                "UPDATE object SET held = ? WHERE name = ? AND state = 'queued'"
                " AND held IS NOT NULL AND held != ?",
                (held, name, held),
            )
            is_new = db.changes() == 1
            if is_new:
                self._insert_entries_of(db, name, entries)
        return is_new

    def cancel_requests(
        self, link: str, names: Sequence[str], entries: Sequence[EntryDraft]
    ) -> int:
        """Give requests up: they were cancelled before their exam came. Their rows say so.

        Args:
            names: of objects of the link.
            entries: recorded in any case.

        Returns:
            How many were waiting.
        """
        rows = self._entry_rows(link, entries)
        now = self._clock.now()
        cancelled = []
        with self._index.writing() as db:
            for name in names:
                found = find_object(db, name)
                if found is None or found.state is not ObjectState.QUEUED or found.held is None:
                    continue
                end_object(db, name, ObjectState.DROPPED, now, CANCELLED)
                _forget(db, name)
                cancelled.append(name)
            insert_entries(db, rows)
        for name in cancelled:
            remove(self._folders.object(name))
        return len(cancelled)


def insert_waiting(db: apsw.Connection, name: str, link: str, waiting: Waiting) -> None:
    """Write by what a request will find its exam, within the caller's transaction."""
    db.execute(
        "INSERT INTO waiting_request (object, link, is_order, at) VALUES (?, ?, ?, ?)",
        (name, link, waiting.is_order, waiting.at),
    )
    db.executemany(
        "INSERT OR IGNORE INTO waiting_name (link, kind, hash, object) VALUES (?, ?, ?, ?)",
        [(link, *each, name) for each in waiting.names],
    )


def note_request(db: apsw.Connection, exam: Exam, at: float) -> None:
    """Write that an exam has its request, within the caller's transaction; the first one counts."""
    if exam.request_at is None:
        put_exam(db, replace(exam, request_at=at))


def _request_of(db: apsw.Connection, row: Sequence[Any]) -> WaitingRequest:
    name, link, is_order, at, held, _ = row
    rows = db.execute("SELECT kind, hash FROM waiting_name WHERE object = ?", (name,))
    names = tuple((str(kind), str(hashed)) for kind, hashed in rows)
    return WaitingRequest(name, link, bool(is_order), at, held, names)


def _forget(db: apsw.Connection, name: str) -> None:
    db.execute("DELETE FROM waiting_name WHERE object = ?", (name,))
    db.execute("DELETE FROM waiting_request WHERE object = ?", (name,))


def _arrive_by(exam: Exam) -> float:
    return NO_SLOT_WAITS if exam.arrive_by is None else exam.arrive_by
