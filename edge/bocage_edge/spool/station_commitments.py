"""Storage commitment that we ask of the site's stations, and what the partner's ledger says of its.

    due --N-ACTION answered--> asked --its result--> committed | failed
     ^--not taken, or a day without a result--|  |--a week without--> unanswered

Written by deliver (what is asked), by whichever unit hears the result (deliver on the same
association, receive on another), and by relay (the partner's stations). Delivery never waits for
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import end_object
from bocage_edge.spool.types import ObjectState

LOST_BY_STATION = "the partner's station says that it has lost it: send the exam again"
_COLUMNS = "id, object, link, exam_id, instance_key, destination, sealed, attempts"


@dataclass(frozen=True, slots=True)
class ToCommit:
    """What a station that has just been given an object is to be asked.

    Args:
        sealed: SOP class and instance UID, to the box's own opening key.
        due_at: when to ask, Unix seconds; others may join it until then.
    """

    destination: str
    sealed: bytes
    due_at: float


@dataclass(frozen=True, slots=True)
class StationCommitment:
    """One object that a station is to vouch for."""

    id: int
    object: str
    link: str
    exam_id: str
    instance_key: str
    destination: str
    sealed: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class StationOutcome:
    """What a station says of one instance.

    Args:
        failure: its Failure Reason; None: committed.
    """

    link: str
    instance_key: str
    failure: int | None


@dataclass(frozen=True, slots=True)
class FarCommitment:
    """What the partner's ledger says of one object and one station.

    Args:
        ok: whether the station has it safely; None: it has been asked.
        is_withdrawn: it never answered, and is not asked any more: as if it never had been.
    """

    object: str
    destination: str
    ok: bool | None
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class StationBacklog:
    """What a station still owes, or has lost.

    Args:
        state: due, asked or failed.
        oldest_at: Unix seconds, of the first delivery.
    """

    destination: str
    state: str
    objects: int
    oldest_at: float


class StationCommitments(SpoolCore):
    """See the module."""

    def stations_to_ask(self, now: float) -> list[str]:
        """Name the destinations that are to be asked now, Unix seconds."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT destination FROM station_commitment"
                " WHERE state IN ('due', 'asked') AND due_at <= ? ORDER BY 1",
                (now,),
            )
            return [name for (name,) in rows]

    def to_ask(self, destination: str, now: float, limit: int) -> list[StationCommitment]:
        """List what a destination is to be asked now, the oldest first."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM station_commitment"  # noqa: S608 - constants
                " WHERE destination = ? AND state IN ('due', 'asked') AND due_at <= ?"
                " ORDER BY id LIMIT ?",
                (destination, now, limit),
            )
            return [StationCommitment(*row) for row in rows]

    def begin_asking(
        self, ids: Sequence[int], destination: str, transaction: str, next_due_at: float
    ) -> None:
        """Commit that objects are being asked about, before anybody dials.

        Args:
            transaction: digest of the Transaction UID; its result may come over any association.
            next_due_at: when to ask again if no result has come, Unix seconds.
        """
        with self._index.writing() as db:
            db.execute(
                "INSERT INTO station_transaction (digest, destination, asked_at) VALUES (?, ?, ?)",
                (transaction, destination, self._clock.now()),
            )
            db.executemany(
                "UPDATE station_commitment SET state = 'asked', attempts = attempts + 1,"
                " due_at = ? WHERE id = ? AND state IN ('due', 'asked')",
                [(next_due_at, number) for number in ids],
            )

    def not_asked(self, ids: Sequence[int], due_at: float) -> None:
        """Commit that a station did not take the question, and when to put it again."""
        with self._index.writing() as db:
            db.executemany(
                "UPDATE station_commitment SET state = 'due', due_at = ?"
                " WHERE id = ? AND state IN ('due', 'asked')",
                [(due_at, number) for number in ids],
            )

    def station_answered(
        self, destination: str, transaction: str, outcomes: Sequence[StationOutcome]
    ) -> int | None:
        """Commit what a station says, with a ledger entry for each object.

        Args:
            transaction: digest of the Transaction UID.

        Returns:
            How many objects are answered for now that were not; None where nobody asked this
            station in such a transaction.
        """
        now, answered = self._clock.now(), 0
        with self._index.writing() as db:
            known = db.execute(
                "SELECT 1 FROM station_transaction WHERE digest = ? AND destination = ?",
                (transaction, destination),
            ).fetchone()
            if known is None:
                return None
            for outcome in outcomes:
                for each in _open_ones(db, destination, outcome):
                    if outcome.failure is None:
                        self._end(db, each, "committed", 0, _entry(each, now, ok=True))
                    else:
                        entry = _entry(each, now, ok=False, failure=outcome.failure)
                        self._end(db, each, "failed", outcome.failure, entry)
                    answered += 1
        return answered

    def give_up_asking(self, since_before: float, destination: str | None = None) -> int:
        """End what was delivered before a moment and is not answered for; at most 1,000 at a time.

        Args:
            destination: None: every station.

        Returns:
            How many; the ledger says of each that it was not answered.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            rows = list(
                db.execute(
                    f"SELECT {_COLUMNS} FROM station_commitment"  # noqa: S608 - constants
                    " WHERE state IN ('due', 'asked') AND since_at < ?"
                    " AND (? IS NULL OR destination = ?) LIMIT 1000",
                    (since_before, destination, destination),
                )
            )
            for row in rows:
                each = StationCommitment(*row)
                entry = _entry(each, now, answered=False)
                self._end(db, each, "unanswered", 0, entry)
        return len(rows)

    def station_backlog(self) -> list[StationBacklog]:
        """Count what stations owe, and what they have lost and not been given again."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT destination, state, count(*), min(since_at) FROM station_commitment c"
                " WHERE state IN ('due', 'asked') OR (state = 'failed' AND NOT EXISTS"
                " (SELECT 1 FROM station_commitment l WHERE l.destination = c.destination"
                " AND l.link = c.link AND l.instance_key = c.instance_key AND l.id > c.id))"
                " GROUP BY destination, state ORDER BY 1, 2"
            )
            return [StationBacklog(*row) for row in rows]

    def lost_exams(self, limit: int) -> list[str]:
        """Name exams of which a station has lost something, the newest first: their ids."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT exam_id FROM station_commitment c WHERE state = 'failed' AND NOT EXISTS"
                " (SELECT 1 FROM station_commitment l WHERE l.destination = c.destination"
                " AND l.link = c.link AND l.instance_key = c.instance_key AND l.id > c.id)"
                " GROUP BY exam_id ORDER BY max(id) DESC LIMIT ?",
                (limit,),
            )
            return [exam_id for (exam_id,) in rows]

    def forget_station_commitments(self, since_before: float) -> None:
        """Delete what was answered, or asked, before a moment, Unix seconds."""
        with self._index.writing() as db:
            db.execute(
                "DELETE FROM station_commitment WHERE since_at < ?"
                " AND state IN ('committed', 'failed', 'unanswered')",
                (since_before,),
            )
            db.execute("DELETE FROM station_transaction WHERE asked_at < ?", (since_before,))

    def note_far_commitments(self, notes: Sequence[FarCommitment]) -> None:
        """Write what the partner's ledger says of its stations; twice is no harm.

        An object that a station has lost is given up here, so that the exam may be sent again.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            for note in notes:
                if note.is_withdrawn:
                    db.execute(
                        "DELETE FROM far_commitment"
                        " WHERE object = ? AND destination = ? AND ok IS NULL",
                        (note.object, note.destination),
                    )
                    continue
                # An answer stays, whatever is read again of the question.
                db.execute(
                    "INSERT INTO far_commitment (object, destination, ok) VALUES (?, ?, ?)"
                    " ON CONFLICT (object, destination) DO UPDATE"
                    " SET ok = ifnull(excluded.ok, ok)",
                    (note.object, note.destination, note.ok),
                )
                end_if_lost(db, note.object, now)

    def _end(
        self,
        db: apsw.Connection,
        each: StationCommitment,
        state: str,
        failure: int,
        entry: EntryDraft,
    ) -> None:
        db.execute(
            "UPDATE station_commitment SET state = ?, failure = ?, sealed = x'' WHERE id = ?",
            (state, failure, each.id),
        )
        insert_entries(db, self._entry_rows(each.link, [entry]))


def insert_to_commit(db: apsw.Connection, name: str, new: ToCommit, now: float) -> None:
    """Note within the caller's transaction that a station is to vouch for an object."""
    db.execute(
        "INSERT OR IGNORE INTO station_commitment (object, link, exam_id, instance_key,"
        " destination, state, sealed, since_at, due_at)"
        " SELECT name, link, exam_id, instance_key, ?, 'due', ?, ?, ? FROM object WHERE name = ?",
        (new.destination, new.sealed, now, new.due_at, name),
    )


def end_if_lost(db: apsw.Connection, name: str, now: float) -> None:
    """Give an object up that was delivered, and that a station of the partner's has lost since."""
    row = db.execute(
        "SELECT 1 FROM object o JOIN far_commitment f ON f.object = o.name AND f.ok = 0"
        " WHERE o.name = ? AND o.direction = 'out' AND o.state = 'retired'",
        (name,),
    ).fetchone()
    if row is not None:
        end_object(db, name, ObjectState.DROPPED, now, LOST_BY_STATION)


def _open_ones(
    db: apsw.Connection, destination: str, outcome: StationOutcome
) -> list[StationCommitment]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM station_commitment"  # noqa: S608 - constants
        " WHERE destination = ? AND link = ? AND instance_key = ? AND state IN ('due', 'asked')",
        (destination, outcome.link, outcome.instance_key),
    )
    return [StationCommitment(*row) for row in rows]


def _entry(each: StationCommitment, now: float, **said: bool | int) -> EntryDraft:
    return draft(
        "committed",
        now,
        object=each.object,
        exam_id=each.exam_id,
        destination=each.destination,
        **said,
    )
