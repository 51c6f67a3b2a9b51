"""Objects of which nobody could say for certain to which exam they belong: a person decides.

They are accepted, sealed and held. What a person says of one is one transaction: the object gets
its exam, goes on or is given up, and the ledger says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.folders import remove
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import end_object
from bocage_edge.spool.standing import note_report
from bocage_edge.spool.types import Direction, Doubt, ObjectState, UnmatchedObject

HELD = "a person must say which exam it is of"
GIVEN_UP = "given up by a person"


class Unmatched(SpoolCore):
    """What the command line, the doctor and the desk ask of them."""

    def unmatched(self) -> list[UnmatchedObject]:
        """List what waits for a person, the oldest first."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT u.object, u.link, o.service, o.size_bytes, u.at, u.reason,"
                " u.report_state, u.format, u.names, u.study, u.sealed"
                " FROM unmatched u JOIN object o ON o.name = u.object"
                " WHERE o.state = 'queued' AND o.held IS NOT NULL ORDER BY u.at, u.object"
            )
            return [
                UnmatchedObject(
                    name,
                    link,
                    service or "",
                    size,
                    at,
                    Doubt(reason, state, form, _read(names), study, sealed),
                )
                for name, link, service, size, at, reason, state, form, names, study, sealed in rows
            ]

    def exams_of_link(self, direction: Direction, link: str) -> list[str]:
        """List the exams of a link that have gone out or come in, 13 months back."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT exam_id FROM object WHERE link = ? AND direction = ?"
                " AND klass != ?",
                (link, direction, ExamClass.REPORT.rank),
            )
            return [exam_id for (exam_id,) in rows]

    def match_by_person(self, name: str, exam_id: str, entries: Sequence[EntryDraft]) -> bool:
        """Give an object its exam and let it travel.

        Returns:
            False where it waits for nobody any more; nothing was recorded then.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            found = _take(db, name)
            if found is None:
                return False
            link, state = found
            db.execute(
                "UPDATE object SET exam_id = ?, held = NULL, due_at = ? WHERE name = ?",
                (exam_id, now, name),
            )
            if state:
                note_report(db, link, name, exam_id, state, now)
            insert_entries(db, self._entry_rows(link, entries))
        return True

    def give_up_unmatched(self, name: str, entries: Sequence[EntryDraft]) -> bool:
        """Let an object go nowhere: its file goes, its row says why.

        Returns:
            False where it waits for nobody any more; nothing was recorded then.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        with self._index.writing() as db:
            found = _take(db, name)
            if found is None:
                return False
            end_object(db, name, ObjectState.DROPPED, self._clock.now(), GIVEN_UP)
            insert_entries(db, self._entry_rows(found[0], entries))
        remove(self._folders.object(name))
        return True

    def report_states(self, link: str, instance_keys: Sequence[str]) -> set[str]:
        """Give the states of the reports among these instances, sent from here over a link."""
        found: set[str] = set()
        with self._index.reading() as db:
            for key in instance_keys:
                found.update(
                    state
                    for (state,) in db.execute(
                        "SELECT r.report_state FROM object o JOIN report_of r ON r.object = o.name"
                        " WHERE o.direction = 'out' AND o.link = ? AND o.instance_key = ?",
                        (link, key),
                    )
                )
        return found


def insert_unmatched(db: apsw.Connection, link: str, name: str, doubt: Doubt, now: float) -> None:
    """Note that an object waits for a person, within the transaction that accepts it."""
    names = " ".join(f"{kind}:{hashed}" for kind, hashed in doubt.names)
    db.execute(
        "INSERT INTO unmatched (object, link, reason, report_state, format, names, study,"
        " sealed, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (name, link, doubt.reason, doubt.report_state, doubt.format, names, doubt.study,
         doubt.sealed, now),
    )  # fmt: skip


def _take(db: apsw.Connection, name: str) -> tuple[str, str] | None:
    """Take an object off the list; gives its link and the state of the report it is."""
    row = db.execute(
        "SELECT u.link, u.report_state FROM unmatched u JOIN object o ON o.name = u.object"
        " WHERE u.object = ? AND o.state = 'queued' AND o.held IS NOT NULL",
        (name,),
    ).fetchone()
    if row is not None:
        db.execute("DELETE FROM unmatched WHERE object = ?", (name,))
    return row


def _read(names: str) -> list[tuple[str, str]]:
    pairs = (each.partition(":") for each in names.split())
    return [(kind, hashed) for kind, _, hashed in pairs]
