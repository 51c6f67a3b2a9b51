"""What keeps the spool in order: operators' acts, sweep, verify, counts, the end of old rows."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.folders import remove
from bocage_edge.spool.rows import (
    CLASSES,
    NOT_DIRECTED,
    OBJECT_COLUMNS,
    WITHOUT_DESTINATION,
    end_object,
    object_of,
)
from bocage_edge.spool.station_commitments import LOST_BY_STATION
from bocage_edge.spool.types import (
    Backlog,
    DeliveryBacklog,
    DeliveryState,
    Direction,
    ObjectState,
    RefusedExam,
    StoredObject,
)

_FORGET_BATCH = 1000


class Upkeep(SpoolCore):
    """What an operator, the doctor and each unit's start do."""

    def objects_of_exam(self, link: str, exam_id: str) -> list[StoredObject]:
        """List what the index knows of one exam, in order of acceptance."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {OBJECT_COLUMNS} FROM object o"  # noqa: S608 - constants
                " WHERE o.link = ? AND o.exam_id = ? ORDER BY o.id",
                (link, exam_id),
            )
            return [object_of(row) for row in rows]

    def hold(
        self, names: Sequence[str], reason: str, entries: Sequence[EntryDraft] = ()
    ) -> list[str]:
        """Keep objects back, whichever way they travel, until `release`.

        Returns:
            The names held now that were not before.
        """
        return self._set_held(names, reason, entries)

    def release(self, names: Sequence[str], entries: Sequence[EntryDraft] = ()) -> list[str]:
        """Let held objects go on; for one without a destination, one is sought again.

        Returns:
            The names that were held.
        """
        return self._set_held(names, None, entries)

    def drop(
        self, names: Sequence[str], reason: str, entries: Sequence[EntryDraft] = ()
    ) -> list[str]:
        """Give objects up, by an operator's decision: the files go, the rows say why.

        Returns:
            The names dropped; not those without a file.
        """
        now = self._clock.now()
        dropped = []
        with self._index.writing() as db:
            for name in names:
                found = self._known(db, name)
                if found.state in (ObjectState.RETIRED, ObjectState.DROPPED):
                    continue
                end_object(db, name, ObjectState.DROPPED, now, reason)
                db.execute(
                    "UPDATE delivery SET state = 'refused', is_open = 0, reason = ?"
                    " WHERE state = 'due'"
                    " AND object = (SELECT id FROM object WHERE name = ?)",
                    (reason, name),
                )
                self._insert_entries_of(db, name, entries)
                dropped.append(name)
        for name in dropped:
            remove(self._folders.object(name))
        return dropped

    def refused_exams(self) -> list[RefusedExam]:
        """List exams of ours that were not taken at the other side, the oldest first."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT link, exam_id, reason, count(*), min(received_at) FROM object"
                " WHERE direction = 'out' AND (state = 'refused' OR (state = 'dropped'"
                " AND reason = ? AND NOT EXISTS (SELECT 1 FROM object n WHERE n.direction = 'out'"
                " AND n.link = object.link AND n.instance_key = object.instance_key"
                " AND n.id > object.id)))"
                " GROUP BY link, exam_id, reason ORDER BY min(received_at) LIMIT 10000",
                (LOST_BY_STATION,),
            )
            return [RefusedExam(*row) for row in rows]

    def backlog(self) -> list[Backlog]:
        """Count what lies in the spool, by direction, link, class and state."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT direction, link, klass, state, count(*), sum(size_bytes),"
                " min(CASE WHEN held IS NULL THEN accepted_at END), count(held) FROM object"
                " WHERE state NOT IN ('retired', 'dropped')"
                " GROUP BY direction, link, klass, state"
            )
            return [
                Backlog(Direction(way), link, CLASSES[klass], ObjectState(state), *rest)
                for way, link, klass, state, *rest in rows
            ]

    def delivery_backlog(self) -> list[DeliveryBacklog]:
        """Count what waits for, or was refused by, each destination."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT destination, state, count(*), min(due_at) FROM delivery"
                " WHERE state != 'delivered' GROUP BY destination, state"
            )
            return [
                DeliveryBacklog(destination, DeliveryState(state), *rest)
                for destination, state, *rest in rows
            ]

    def counts(self) -> dict[ObjectState, int]:
        """Count the objects that are here, by state."""
        counts: dict[ObjectState, int] = {}
        for corner in self.backlog():
            counts[corner.state] = counts.get(corner.state, 0) + corner.objects
        return counts

    def forget_old(self) -> int:
        """Delete the rows of objects that have been gone for 13 months, some at a time.

        With the last object of an exam goes all that was kept of the exam: its hashes, and who it
        was of.

        Returns:
            How many went; as many as a batch may hold: call again.
        """
        with self._index.writing() as db:
            gone = db.execute(
                "DELETE FROM object WHERE id IN (SELECT id FROM object"
                " WHERE keep_until IS NOT NULL AND keep_until < ? LIMIT ?)"
                " RETURNING link, exam_id",
                (self._clock.now(), _FORGET_BATCH),
            ).fetchall()
            for link, exam_id in {(str(each[0]), str(each[1])) for each in gone}:
                _forget_exam(db, link, exam_id)
        return len(gone)

    def _set_held(
        self, names: Sequence[str], reason: str | None, entries: Sequence[EntryDraft]
    ) -> list[str]:
        changed = []
        with self._index.writing() as db:
            for name in names:
                db.execute(
                    "UPDATE object SET held = CASE WHEN held LIKE ? THEN ? ELSE ? END"
                    " WHERE name = ? AND (held IS NULL) = ?"
                    " AND state NOT IN ('retired', 'dropped')",
                    (f"{WITHOUT_DESTINATION}%", NOT_DIRECTED, reason, name, reason is not None),
                )
                if db.changes():
                    self._insert_entries_of(db, name, entries)
                    changed.append(name)
        return changed


def _forget_exam(db: apsw.Connection, link: str, exam_id: str) -> None:
    """Delete what is kept of an exam, unless an object of it is left."""
    left = db.execute(
        "SELECT 1 FROM object WHERE link = ? AND exam_id = ? LIMIT 1", (link, exam_id)
    ).fetchone()
    if left is not None:
        return
    for statement in (
        "DELETE FROM exam_name WHERE link = ? AND exam_id = ?",
        "DELETE FROM particulars WHERE link = ? AND exam_id = ?",
        "DELETE FROM audit_subject WHERE link = ? AND exam_id = ?",
        "DELETE FROM report_of WHERE link = ? AND exam_id = ?",
        "DELETE FROM exam WHERE link = ? AND exam_id = ?",
    ):
        db.execute(statement, (link, exam_id))
