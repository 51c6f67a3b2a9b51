"""The objects that come from the partner: parts, group accept, deliveries to the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.cancelling import hold_if_cancelled
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.parts import PartFile
from bocage_edge.spool.rows import find_object, insert_arrived, insert_deliveries
from bocage_edge.spool.types import ArrivedObject, ObjectState


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object of a group that is committed together."""

    part: PartFile
    object: ArrivedObject
    destinations: Sequence[str]
    entries: Sequence[EntryDraft] = field(default=())


class ArrivingSide(SpoolCore):
    """What the receiving half of relay does."""

    def has(self, name: str) -> bool:
        """Say whether an object from the partner is here, or was and is done with.

        One that was found corrupt here counts as not here: the partner may send it again.
        """
        with self._index.reading() as db:
            found = find_object(db, name)
        return found is not None and found.state is not ObjectState.CORRUPT

    def part(self, name: str) -> PartFile:
        """Open the part of an object that arrives; its `offset` says where to go on.

        What is there is hashed again, which takes a second for each GB or two.

        Raises:
            SpoolFullError: there is no room.
            BlockingIOError: another connection writes the same object.
            OSError: the medium refused.
            SpoolError: the name is none.
        """
        self.check_room()
        self._sweep_doubtful()
        return PartFile(self._folders.part(name), name)

    def accept_arrived(
        self,
        part: PartFile,
        new: ArrivedObject,
        destinations: Sequence[str],
        entries: Sequence[EntryDraft],
    ) -> bool:
        """Take one object from the partner; see `accept_arrived_many`.

        Returns:
            Whether it is new here.
        """
        return bool(self.accept_arrived_many([Arrival(part, new, destinations, entries)]))

    def accept_arrived_many(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Take several objects from the partner; once this returns, a power cut cannot lose one.

        One fsync a file and a folder, one transaction for all rows, deliveries and entries. Call
        each part's `finish` before, so that a bad object fails alone. Whatever fails, every part
        is closed; parts that had no final name yet can be opened again.

        Args:
            arrivals: objects without a destination are held until `deliver_to` names one.

        Returns:
            The names that are new here; the others had been taken before, and are safe as well.

        Raises:
            SpoolCorruptError: a part is not what its name says; nothing was acknowledged.
            OSError: the medium refused; nothing was acknowledged.
            SpoolError: the index failed; nothing was acknowledged.
        """
        names = [each.object.name for each in arrivals]
        try:
            rows = [self._entry_rows(each.object.link, each.entries) for each in arrivals]
            for each in arrivals:
                each.part.finish(each.object.name)
            self._place([(each.part.path, each.object.name) for each in arrivals])
            now = self._clock.now()
            taken: list[str] = []
            with self._index.writing() as db:
                for each, entry_rows in zip(arrivals, rows, strict=True):
                    self._check_placed(each.object.name)
                    if _insert_or_revive(db, each, now):
                        insert_entries(db, entry_rows)
                        taken.append(each.object.name)
            for each in arrivals:
                each.part.release()
        except BaseException:
            for each in arrivals:
                each.part.close()
            self._doubt(names)
            raise
        if len(taken) < len(names):
            self._remove_unspoken([name for name in names if name not in taken])
        return taken

    def mark_opened(self, name: str, entries: Sequence[EntryDraft]) -> bool:
        """Say that an object was opened and its digest is right.

        Returns:
            Whether it was the first time; only then the entries are recorded.
        """
        with self._index.writing() as db:
            db.execute(
                "UPDATE object SET state = 'opened' WHERE name = ? AND state = 'arrived'", (name,)
            )
            is_first = db.changes() == 1
            if is_first:
                self._insert_entries_of(db, name, entries)
        return is_first


def _insert_or_revive(db: apsw.Connection, arrival: Arrival, now: float) -> bool:
    """Insert an object's rows; one whose file was found corrupt gets its good file back."""
    found = find_object(db, arrival.object.name)
    if found is None:
        new = arrival.object
        insert_arrived(db, new, arrival.destinations, now)
        hold_if_cancelled(db, new.link, new.exam_id, new.name)
        return True
    if found.state is ObjectState.CORRUPT:
        db.execute(
            "UPDATE object SET state = 'arrived', reason = '' WHERE name = ?",
            (arrival.object.name,),
        )
        insert_deliveries(db, arrival.object.name, arrival.destinations, now)
        return True
    return False
