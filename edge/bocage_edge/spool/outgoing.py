"""The objects that start on this box: accept, sameness, the relay's work list, the verdict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.contents import SUPERSEDED
from bocage_edge.spool.core import RESERVE_BYTES, SpoolCore
from bocage_edge.spool.exams import DecidedExam, ExamState, decide_exam
from bocage_edge.spool.folders import remove
from bocage_edge.spool.incoming import IncomingFile
from bocage_edge.spool.outbox import Row, insert_entries
from bocage_edge.spool.requests import insert_waiting
from bocage_edge.spool.rows import (
    OBJECT_COLUMNS,
    end_object,
    insert_outgoing,
    object_of,
)
from bocage_edge.spool.standing import note_delivered, note_report
from bocage_edge.spool.station_commitments import end_if_lost
from bocage_edge.spool.together import Fates, Together
from bocage_edge.spool.types import (
    KnownInstance,
    ObjectState,
    OutgoingObject,
    Settlement,
    StoredObject,
    Verdict,
)
from bocage_edge.spool.unmatched import insert_unmatched
from bocage_system.clock import Clock


class ExamChangedError(SpoolError):
    """What was known of the exam holds no more: it was cancelled or raised in the very moment."""


class SameInstanceError(SpoolError):
    """Another association brought the same instance in the very moment; ask what is known again."""


@dataclass(frozen=True, slots=True)
class _Accept:
    """A file whose bytes are synced, and the rows that make it count."""

    path: Path
    name: str
    size_bytes: int
    object: OutgoingObject
    entry_rows: Sequence[Row]
    decided: DecidedExam | None


class OutgoingSide(SpoolCore):
    """What receive and the sending half of relay do."""

    def __init__(
        self, directory: Path, clock: Clock, *, unit: str, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Open the spool; see `SpoolCore`."""
        super().__init__(directory, clock, unit=unit, reserve_bytes=reserve_bytes)
        self._accepting = Together(self._accept_group)

    def incoming(self) -> IncomingFile:
        """Start a sealed object.

        Raises:
            SpoolFullError: there is no room.
            OSError: the medium refused.
            SpoolError: an earlier accept failed and the index still does not work.
        """
        self.check_room()
        self._sweep_doubtful()
        return IncomingFile(self._folders.new_incoming(), self.check_room)

    def accept_outgoing(
        self,
        incoming: IncomingFile,
        new: OutgoingObject,
        entries: Sequence[EntryDraft],
        decided: DecidedExam | None = None,
    ) -> str:
        """Take one sealed object; once this returns, a power cut cannot lose it.

        The order is the guarantee: bytes, name, folder, then the row and its ledger entries in one
        transaction. A file without a row is an orphan, swept later; a row without a file cannot
        come about. Objects that come at once share folder fsyncs and transaction. Whatever fails,
        `incoming` is used up.

        Args:
            entries: for the ledger chain of the link, committed with the row.
            decided: what becomes of the exam, committed with it; objects of the exam that waited
                for a decision go on where it was accepted.

        Returns:
            The object's name.

        Raises:
            OSError: the medium refused; nothing was acknowledged.
            SpoolError: the index failed; nothing was acknowledged.
            SameInstanceError: the same instance was accepted a moment ago; there is one object.
        """
        name: str | None = None
        try:
            rows = self._entry_rows(new.link, entries)
            name = incoming.finish()
            self._accepting.do(_Accept(incoming.path, name, incoming.size, new, rows, decided))
        except BaseException:
            incoming.discard()
            self._doubt([] if name is None else [name])
            raise
        incoming.release()
        return name

    def _accept_group(self, group: Sequence[_Accept]) -> Fates:
        self._place([(each.path, each.name) for each in group])
        now = self._clock.now()
        with self._index.writing() as db:
            return [self._accept_one(db, each, now) for each in group]

    def _accept_one(self, db: apsw.Connection, each: _Accept, now: float) -> SpoolError | None:
        try:
            self._check_placed(each.name)
            _check_once(db, each.object)
            if each.decided is None and each.object.is_of_exam:
                _check_standing(db, each.object)
        except SpoolError as error:
            return error
        insert_outgoing(db, each.name, each.size_bytes, each.object, now)
        if each.decided is not None:
            decide_exam(db, each.object.link, each.object.exam_id, each.decided, now)
        if each.object.report_state:
            new = each.object
            note_report(db, new.link, each.name, new.exam_id, new.report_state, now)
        if each.object.doubt is not None:
            insert_unmatched(db, each.object.link, each.name, each.object.doubt, now)
        if each.object.waiting is not None:
            insert_waiting(db, each.name, each.object.link, each.object.waiting)
        insert_entries(db, each.entry_rows)
        return None

    def known_instances(self, link: str, instance_key: str) -> list[KnownInstance]:
        """List the objects of a link that carry an instance, the oldest first; 13 months back."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {OBJECT_COLUMNS} FROM object o"  # noqa: S608 - constants
                " WHERE o.direction = 'out' AND o.link = ? AND o.instance_key = ? ORDER BY o.id",
                (link, instance_key),
            )
            found = [object_of(row) for row in rows]
        return [
            KnownInstance(each.name, each.digest, each.content_digest, each.klass, each.state)
            for each in found
        ]

    def again(self, name: str, entries: Sequence[EntryDraft]) -> None:
        """Record that an instance we have came again.

        Raises:
            SpoolError: the index failed, or does not know the object; nothing was recorded.
        """
        with self._index.writing() as db:
            self._insert_entries_of(db, name, entries)

    def raise_class(self, name: str, klass: ExamClass, entries: Sequence[EntryDraft]) -> bool:
        """Let an object travel in a more urgent class; never in a less urgent one.

        Returns:
            Whether it was less urgent before; only then the entries are recorded.

        Raises:
            SpoolError: as `again`.
        """
        with self._index.writing() as db:
            if self._known(db, name).klass.rank <= klass.rank:
                return False
            db.execute("UPDATE object SET klass = ? WHERE name = ?", (klass.rank, name))
            db.execute(
                "UPDATE delivery SET klass = ?"
                " WHERE object = (SELECT id FROM object WHERE name = ?)",
                (klass.rank, name),
            )
            self._insert_entries_of(db, name, entries)
        return True

    def due_outgoing(
        self,
        link: str,
        now: float,
        limit: int,
        excluding: Collection[str] = frozenset(),
        least_urgent: ExamClass = ExamClass.PRIOR,
    ) -> list[StoredObject]:
        """List what is to be sent: most urgent class first, then arrive-by, then acceptance.

        Args:
            now: Unix seconds; what was deferred to a later moment is left out.
            excluding: names already under way.
            least_urgent: what is less urgent is left out.
        """
        due: list[StoredObject] = []
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {OBJECT_COLUMNS} FROM object o WHERE o.link = ?"  # noqa: S608 - constants
                " AND o.state = 'queued' AND o.held IS NULL AND o.due_at <= ? AND o.klass <= ?"
                " ORDER BY o.klass, o.arrive_by, o.id LIMIT ?",
                (link, now, least_urgent.rank, limit + len(excluding)),
            )
            for row in rows:
                if row[0] not in excluding:
                    due.append(object_of(row))
        return due[:limit]

    def more_urgent_outgoing(self, link: str, rank: int) -> dict[str, ExamClass]:
        """Name what waits to be sent in a class above one, by its rank; at most 2,000 objects."""
        classes = list(ExamClass)
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT name, klass FROM object WHERE link = ? AND state = 'queued'"
                " AND held IS NULL AND klass < ? ORDER BY klass LIMIT 2000",
                (link, rank),
            )
            return {name: classes[klass] for name, klass in rows}

    def next_outgoing_at(self, link: str) -> float | None:
        """Say when the next object of a link is due, Unix seconds; None where none waits."""
        with self._index.reading() as db:
            row = db.execute(
                "SELECT min(due_at) FROM object"
                " WHERE link = ? AND state = 'queued' AND held IS NULL",
                (link,),
            ).fetchone()
        return None if row is None else row[0]

    def defer(self, name: str, due_at: float, reason: str = "") -> None:
        """Offer an object again at a later moment, and count the attempt.

        Args:
            due_at: Unix seconds.
        """
        with self._index.writing() as db:
            db.execute(
                "UPDATE object SET due_at = ?, reason = ?, attempts = attempts + 1"
                " WHERE name = ? AND state = 'queued'",
                (due_at, reason, name),
            )

    def mark_stored(self, names: Sequence[str], entries: Sequence[EntryDraft] = ()) -> None:
        """Say that the partner has committed objects: they are not offered any more.

        Args:
            names: objects of one link; the entries go into its chain.
        """
        with self._index.writing() as db:
            db.executemany(
                "UPDATE object SET state = 'stored', reason = ''"
                " WHERE name = ? AND direction = 'out' AND state = 'queued'",
                [(name,) for name in names],
            )
            if names:
                self._insert_entries_of(db, names[0], entries)

    def settle(
        self, settlements: Sequence[Settlement], entries: Sequence[EntryDraft] = ()
    ) -> list[str]:
        """Act on verified entries of the partner's ledger, all in one transaction.

        Delivered objects are retired: the file goes, the row stays for 13 months; superseded ones
        are dropped likewise. Refused ones
        stay, file and all, until an operator sends them again or drops them. A verdict over an
        object that is settled already, or unknown, changes nothing.

        Args:
            settlements: of objects of one link; the entries go into its chain.

        Returns:
            The names whose state changed.

        Raises:
            OSError: a file could not be removed; a sweep does it later.
            SpoolError: the index failed; nothing was settled.
        """
        changed: list[str] = []
        retired: list[str] = []
        now = self._clock.now()
        with self._index.writing() as db:
            for settlement in settlements:
                if _settle_one(db, settlement, now):
                    changed.append(settlement.name)
                    if settlement.verdict is Verdict.DELIVERED or _is_superseded(settlement):
                        retired.append(settlement.name)
            if settlements and entries:
                self._insert_entries_of(db, settlements[0].name, entries)
        for name in retired:
            remove(self._folders.object(name))
        return changed

    def offer_all_again(self, link: str, entries: Sequence[EntryDraft]) -> int:
        """Queue whatever the partner of a link has committed and not settled: it began anew.

        Args:
            entries: for the chain of the link, committed together.

        Returns:
            How many objects are queued now that were not.
        """
        rows = self._entry_rows(link, entries)
        with self._index.writing() as db:
            db.execute(
                "UPDATE OR IGNORE object SET state = 'queued', due_at = ?, attempts = 0"
                " WHERE link = ? AND direction = 'out' AND state = 'stored'",
                (self._clock.now(), link),
            )
            queued = db.changes()
            insert_entries(db, rows)
        return queued

    def send_again(self, names: Sequence[str], entries: Sequence[EntryDraft] = ()) -> list[str]:
        """Queue objects anew that the partner refused, or that it has lost.

        Args:
            names: objects of one link; the entries go into its chain.

        Returns:
            The names that are queued now; not those whose file is gone, nor one whose instance is
            on its way in another object.
        """
        now = self._clock.now()
        queued: list[str] = []
        with self._index.writing() as db:
            for name in names:
                db.execute(
                    "UPDATE OR IGNORE object SET state = 'queued', reason = '', due_at = ?,"
                    " attempts = 0"
                    " WHERE name = ? AND direction = 'out' AND state IN ('stored', 'refused')",
                    (now, name),
                )
                if db.changes():
                    queued.append(name)
            if queued:
                self._insert_entries_of(db, queued[0], entries)
        return queued


def _check_once(db: apsw.Connection, new: OutgoingObject) -> None:
    row = db.execute(
        "SELECT name FROM object WHERE direction = 'out' AND link = ? AND instance_key = ?"
        " AND digest = ? AND state IN ('queued', 'stored', 'retired')",
        (new.link, new.instance_key, new.digest),
    ).fetchone()
    if row is not None:
        raise SameInstanceError("this instance has been accepted a moment ago")


def _check_standing(db: apsw.Connection, new: OutgoingObject) -> None:
    row = db.execute(
        "SELECT state, klass FROM exam WHERE direction = 'out' AND link = ? AND exam_id = ?",
        (new.link, new.exam_id),
    ).fetchone()
    if row is not None and (row[0] == ExamState.CANCELLED or row[1] < new.klass.rank):
        raise ExamChangedError("the exam was cancelled or raised a moment ago: send again")


def _is_superseded(settlement: Settlement) -> bool:
    """Whether the partner delivers a newer content instead: nobody has to send it again."""
    return settlement.verdict is Verdict.REFUSED and settlement.reason == SUPERSEDED


def _settle_one(db: apsw.Connection, settlement: Settlement, now: float) -> bool:
    row = db.execute(
        "SELECT state FROM object WHERE name = ? AND direction = 'out'", (settlement.name,)
    ).fetchone()
    state = None if row is None else ObjectState(row[0])
    if state in (ObjectState.QUEUED, ObjectState.STORED) and _is_superseded(settlement):
        end_object(db, settlement.name, ObjectState.DROPPED, now, settlement.reason)
        return True
    if state in (ObjectState.QUEUED, ObjectState.STORED) and settlement.verdict is Verdict.REFUSED:
        db.execute(
            "UPDATE object SET state = 'refused', reason = ? WHERE name = ?",
            (settlement.reason, settlement.name),
        )
        return True
    may_retire = (ObjectState.QUEUED, ObjectState.STORED, ObjectState.REFUSED)
    if state in may_retire and settlement.verdict is Verdict.DELIVERED:
        end_object(db, settlement.name, ObjectState.RETIRED, now)
        note_delivered(db, settlement.name, now)
        end_if_lost(db, settlement.name, now)
        return True
    return False
