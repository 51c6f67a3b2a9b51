"""Other contents of one instance: what came over a link again with other bytes.

Both are kept as they came; which of them a station is given, the convention says (`deliver`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.spool.cancelling import CANCELLED
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.folders import remove
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import end_object, find_object
from bocage_edge.spool.types import ObjectState, StoredObject

# Why an object is held, and why one is let go for good; a person has decided.
CHANGED = "another content of this instance came before: a person decides"
LET_GO = "a person let it go"
SUPERSEDED = "a newer content of this instance is delivered instead"
SUPERSEDED_SCOPE = "superseded"  # of a `refused` entry: nobody has to send it again


@dataclass(frozen=True, slots=True)
class OtherContents:
    """Whether other contents of an instance came over its link, before or after it."""

    older: bool = False
    newer: bool = False


class Contents(SpoolCore):
    """What deliver asks and does about contents that changed, and what a person decides."""

    def other_contents(self, carried: StoredObject) -> OtherContents:
        """Look for objects of the same instance with other bytes that are, or go, to a station."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT id > (SELECT id FROM object WHERE name = ?) FROM object"
                " WHERE direction = 'in' AND link = ? AND instance_key = ? AND digest != ?"
                " AND state IN ('arrived', 'opened', 'retired')",
                (carried.name, carried.link, carried.instance_key, carried.digest),
            )
            found = {bool(newer) for (newer,) in rows}
        return OtherContents(older=False in found, newer=True in found)

    def supersede(self, name: str, entries: Sequence[EntryDraft]) -> bool:
        """Give up an object that came: its deliveries end, its file goes.

        Returns:
            Whether it was still waiting; only then the entries are recorded.

        Raises:
            OSError: the file could not be removed; a sweep does it later.
            SpoolError: the index failed; nothing was changed.
        """
        with self._index.writing() as db:
            found = find_object(db, name)
            if found is None or found.state not in (ObjectState.ARRIVED, ObjectState.OPENED):
                return False
            db.execute(
                "UPDATE delivery SET state = 'refused', is_open = 0, reason = ?"
                " WHERE state = 'due' AND object = (SELECT id FROM object WHERE name = ?)",
                (SUPERSEDED, name),
            )
            end_object(db, name, ObjectState.DROPPED, self._clock.now(), SUPERSEDED)
            self._insert_entries_of(db, name, entries)
        remove(self._folders.object(name))
        return True

    def held_of_exam(self, link: str, exam_id: str) -> list[StoredObject]:
        """List what is held of an exam for its content, or for it was cancelled."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT name FROM object WHERE direction = 'in' AND link = ? AND exam_id = ?"
                " AND held IN (?, ?) ORDER BY id",
                (link, exam_id, CHANGED, CANCELLED),
            )
            found = [find_object(db, name) for (name,) in rows]
        return [each for each in found if each is not None]

    def let_go(self, held: Sequence[StoredObject], now: float) -> None:
        """Let held objects go on for good, by a person's decision.

        Args:
            now: Unix seconds.
        """
        with self._index.writing() as db:
            for each in held:
                db.execute(
                    "UPDATE object SET held = NULL, reason = ? WHERE name = ? AND held IS NOT NULL",
                    (LET_GO, each.name),
                )
                if db.changes():
                    insert_entries(db, self._entry_rows(each.link, [released(each, now)]))


def superseded(carried: StoredObject, now: float) -> EntryDraft:
    """Say in the ledger that an object is not delivered, and that nobody has to send it again."""
    return _entry("refused", carried, now, scope=SUPERSEDED_SCOPE, reason=SUPERSEDED, done=True)


def held(carried: StoredObject, now: float) -> EntryDraft:
    """Say in the ledger that an object waits for a person, for its content changed."""
    return _entry("held", carried, now, reason="changed_content")


def released(carried: StoredObject, now: float) -> EntryDraft:
    """Say in the ledger that a person let an object go on."""
    return _entry("released", carried, now)


def _entry(kind: str, carried: StoredObject, now: float, **more: str | bool) -> EntryDraft:
    return draft(
        kind, now, object=carried.name, exam_id=carried.exam_id, digest=carried.digest, **more
    )
