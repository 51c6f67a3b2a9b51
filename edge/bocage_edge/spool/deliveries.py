"""Objects on their way to the site's stations: what is due, attempts, verdicts.

The attempt and its next due moment are committed before anybody dials, so that a crash can neither
hammer a station nor forget an object. One refused instance never holds up its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.folders import remove
from bocage_edge.spool.rows import (
    DELIVERY_COLUMNS,
    OBJECT_COLUMNS,
    WITHOUT_DESTINATION,
    delivery_of,
    end_object,
    insert_deliveries,
)
from bocage_edge.spool.standing import note_delivered
from bocage_edge.spool.station_commitments import ToCommit, insert_to_commit
from bocage_edge.spool.types import (
    Delivery,
    DeliveryState,
    DestinationPause,
    ObjectState,
    Verdict,
)

# Messages of one exam go in the order they came; one that was tried in vain and is preliminary
# lets the others by.
_BEFORE = """
SELECT 1 FROM object e JOIN delivery f ON f.object = e.id AND f.destination = d.destination
WHERE e.link = o.link AND e.exam_id = o.exam_id AND e.direction = 'in' AND e.kind = o.kind
    AND e.id < o.id AND f.state = 'due' AND (f.attempts = 0 OR f.is_open = 1 OR NOT EXISTS (
        SELECT 1 FROM report_of r WHERE r.object = e.name AND r.report_state = 'preliminary'))
"""
_DUE = f"""
SELECT {DELIVERY_COLUMNS}, {OBJECT_COLUMNS} FROM delivery d JOIN object o ON o.id = d.object
WHERE d.destination = ? AND d.state = 'due' AND d.due_at <= ?
    AND o.held IS NULL AND o.state IN ('arrived', 'opened')
    AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.destination = d.destination AND p.due_at > ?)
    AND (o.kind = 'instance' OR NOT EXISTS ({_BEFORE}))
ORDER BY d.klass, d.id LIMIT ?
"""  # noqa: S608 - column names are constants
_OF_OBJECT = f"""
SELECT {DELIVERY_COLUMNS}, {OBJECT_COLUMNS} FROM delivery d JOIN object o ON o.id = d.object
WHERE o.name = ? ORDER BY d.id
"""  # noqa: S608 - column names are constants


class DeliveringSide(SpoolCore):
    """What deliver does."""

    def due_deliveries(
        self, now: float, limit: int, destination: str | None = None
    ) -> list[Delivery]:
        """List deliveries that are due, most urgent class first, then in order of arrival.

        Left out: attempts under way, what was deferred, what is held, destinations that rest, and
        messages of an exam behind an earlier one of it.

        Args:
            now: Unix seconds.
            limit: for each destination, so that one that is slow cannot hide the others.
            destination: None for every destination.
        """
        with self._index.reading() as db:
            names = _due_destinations(db) if destination is None else [destination]
            found = [
                delivery_of(row)
                for name in names
                for row in db.execute(_DUE, (name, now, now, limit))
            ]
        return sorted(found, key=lambda each: (each.object.klass.rank, each.id))

    def report_state_of(self, name: str) -> str:
        """Give what an object is known to be to the reports before it; empty: not known yet."""
        with self._index.reading() as db:
            row = db.execute(
                "SELECT report_state FROM report_of WHERE object = ?", (name,)
            ).fetchone()
        return "" if row is None else str(row[0])

    def has_final(self, delivery: Delivery) -> bool:
        """Say whether a report of its exam that is more than preliminary was delivered there."""
        carried = delivery.object
        with self._index.reading() as db:
            row = db.execute(
                "SELECT 1 FROM report_of r JOIN object o ON o.name = r.object"
                " JOIN delivery d ON d.object = o.id"
                " WHERE r.link = ? AND r.exam_id = ? AND r.report_state != 'preliminary'"
                " AND o.name != ? AND d.destination = ? AND d.state = 'delivered' LIMIT 1",
                (carried.link, carried.exam_id, carried.name, delivery.destination),
            ).fetchone()
        return row is not None

    def next_delivery_at(self) -> float | None:
        """Say when the next delivery is due, Unix seconds; None where none waits."""
        with self._index.reading() as db:
            row = db.execute(
                "SELECT min(max(d.due_at, ifnull(p.due_at, 0))) FROM delivery d"
                " JOIN object o ON o.id = d.object"
                " LEFT JOIN pause p ON p.destination = d.destination"
                " WHERE d.state = 'due' AND o.held IS NULL AND o.state IN ('arrived', 'opened')"
            ).fetchone()
        return None if row is None else row[0]

    def deliveries_of(self, name: str) -> list[Delivery]:
        """List the deliveries of one object, whatever their state."""
        with self._index.reading() as db:
            return [delivery_of(row) for row in db.execute(_OF_OBJECT, (name,))]

    def begin_attempt(self, delivery: int, next_due_at: float) -> bool:
        """Commit that an attempt begins, and when the next one is due if nothing is heard of it.

        Returns:
            Whether the attempt may be made; not if the delivery was settled or held meanwhile.
        """
        return self.begin_attempts([delivery], next_due_at) == [delivery]

    def begin_attempts(self, deliveries: Sequence[int], next_due_at: float) -> list[int]:
        """Begin several attempts in one transaction; see `begin_attempt`.

        Returns:
            The ids whose attempt may be made.
        """
        begun = []
        with self._index.writing() as db:
            for number in deliveries:
                db.execute(
                    "UPDATE delivery SET attempts = attempts + 1, is_open = 1, due_at = ?"
                    " WHERE id = ? AND state = 'due' AND EXISTS (SELECT 1 FROM object o"
                    " WHERE o.id = object AND o.held IS NULL AND o.state IN ('arrived', 'opened'))",
                    (next_due_at, number),
                )
                if db.changes():
                    begun.append(number)
        return begun

    def end_cut_attempts(self, delay_s: Callable[[int], float]) -> int:
        """End the attempts that were under way when the process making them died.

        To be called at the start of the one process that makes attempts. That end tells nothing of
        the station, so it is no failed attempt and the due moment of one is not waited for.

        Args:
            delay_s: seconds to wait by the attempts of the delivery cut in a row, at least 1: one
                that ends the process each time must not do so for ever.

        Returns:
            How many were under way.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            cut: list[tuple[int, int, float]] = list(
                db.execute(
                    "SELECT id, cuts + 1, due_at FROM delivery WHERE state = 'due' AND is_open = 1"
                )
            )
            db.executemany(
                "UPDATE delivery SET is_open = 0, attempts = attempts - 1, cuts = ?, due_at = ?"
                " WHERE id = ?",
                [(cuts, min(due_at, now + delay_s(cuts)), number) for number, cuts, due_at in cut],
            )
        return len(cut)

    def settle_delivery(
        self,
        delivery: int,
        verdict: Verdict,
        entries: Sequence[EntryDraft] = (),
        *,
        reason: str = "",
        to_commit: ToCommit | None = None,
    ) -> ObjectState | None:
        """Commit how a delivery ended, with its ledger entries.

        An object whose deliveries have all succeeded is retired. One that somebody refused, while
        nobody else still waits for it, is `refused`: kept, visible, until an operator acts.

        Args:
            to_commit: what the station is to be asked about it afterwards.

        Returns:
            The state of the object now; None where the delivery was settled before.

        Raises:
            OSError: the file could not be removed; a sweep does it later.
            SpoolError: the index failed; nothing was settled.
        """
        with self._index.writing() as db:
            name = _object_of_due(db, delivery)
            if name is None:
                return None
            db.execute(
                "UPDATE delivery SET state = ?, is_open = 0, reason = ? WHERE id = ?",
                (DeliveryState(verdict.value), reason, delivery),
            )
            self._insert_entries_of(db, name, entries)
            if to_commit is not None:
                insert_to_commit(db, name, to_commit, self._clock.now())
            state = _end_if_settled(db, name, self._clock.now())
        if state is ObjectState.RETIRED:
            remove(self._folders.object(name))
        return state

    def defer_delivery(
        self, delivery: int, due_at: float, reason: str, entries: Sequence[EntryDraft] = ()
    ) -> None:
        """Commit that an attempt came to nothing and when to try again.

        Args:
            due_at: Unix seconds.
        """
        with self._index.writing() as db:
            name = _object_of_due(db, delivery)
            if name is None:
                return
            db.execute(
                "UPDATE delivery SET due_at = ?, is_open = 0, cuts = 0, reason = ? WHERE id = ?",
                (due_at, reason, delivery),
            )
            self._insert_entries_of(db, name, entries)

    def hasten_deliveries(self, reason: str) -> int:
        """Make due at once what was deferred for a reason that is gone; give how many."""
        with self._index.writing() as db:
            db.execute(
                "UPDATE delivery SET due_at = ? WHERE state = 'due' AND is_open = 0 AND reason = ?",
                (self._clock.now(), reason),
            )
            return db.changes()

    def pause_destination(self, destination: str, due_at: float, reason: str) -> None:
        """Let a destination rest: nothing of it is due before a moment.

        Args:
            due_at: Unix seconds.
        """
        with self._index.writing() as db:
            db.execute(
                "INSERT INTO pause (destination, due_at, reason, since_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (destination) DO UPDATE"
                " SET due_at = excluded.due_at, reason = excluded.reason",
                (destination, due_at, reason, self._clock.now()),
            )

    def release_destination(self, destination: str) -> int:
        """Make everything of a destination due now, as it is there again.

        Attempts that are under way keep their due moment.

        Returns:
            How many deferred deliveries became due.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            db.execute("DELETE FROM pause WHERE destination = ?", (destination,))
            db.execute(
                "UPDATE delivery SET due_at = ?"
                " WHERE destination = ? AND state = 'due' AND is_open = 0 AND due_at > ?",
                (now, destination, now),
            )
            return db.changes()

    def pauses(self) -> list[DestinationPause]:
        """List the destinations that rest."""
        with self._index.reading() as db:
            rows = db.execute("SELECT destination, due_at, reason, since_at FROM pause ORDER BY 1")
            return [DestinationPause(*row) for row in rows]

    def deliver_to(
        self, name: str, destinations: Sequence[str], entries: Sequence[EntryDraft] = ()
    ) -> list[str]:
        """Make an object due at destinations: new ones, and those that refused it before.

        Returns:
            The destinations it is due at now.

        Raises:
            SpoolError: it is unknown, did not come from the partner, or its file has gone.
        """
        with self._index.writing() as db:
            db.execute(
                "UPDATE object SET state = CASE state WHEN 'refused' THEN 'arrived' ELSE state END,"
                " reason = '', held = CASE WHEN held LIKE ? THEN NULL ELSE held END"
                " WHERE name = ? AND direction = 'in'"
                " AND state IN ('arrived', 'opened', 'refused')",
                (f"{WITHOUT_DESTINATION}%", name),
            )
            if not db.changes():
                raise SpoolError("this object is not here to be delivered")
            insert_deliveries(db, name, destinations, self._clock.now())
            self._insert_entries_of(db, name, entries)
            due = [
                delivery.destination
                for delivery in map(delivery_of, db.execute(_OF_OBJECT, (name,)))
                if delivery.state is DeliveryState.DUE
            ]
            if not due:
                raise SpoolError("every destination named has this object already")
        return due


def _due_destinations(db: apsw.Connection) -> list[str]:
    # One step into the index for each destination, rather than a walk over every delivery.
    names: list[str] = []
    last = ""
    while True:
        row = db.execute(
            "SELECT min(destination) FROM delivery WHERE state = 'due' AND destination > ?", (last,)
        ).fetchone()
        if row is None or row[0] is None:
            return names
        last = row[0]
        names.append(last)


def _object_of_due(db: apsw.Connection, delivery: int) -> str | None:
    row = db.execute(
        "SELECT o.name FROM delivery d JOIN object o ON o.id = d.object"
        " WHERE d.id = ? AND d.state = 'due'",
        (delivery,),
    ).fetchone()
    return None if row is None else row[0]


def _end_if_settled(db: apsw.Connection, name: str, now: float) -> ObjectState:
    deliveries = [delivery_of(row) for row in db.execute(_OF_OBJECT, (name,))]
    states = {delivery.state for delivery in deliveries}
    if DeliveryState.DUE in states:
        return deliveries[0].object.state
    if DeliveryState.REFUSED in states:
        db.execute("UPDATE object SET state = 'refused' WHERE name = ?", (name,))
        return ObjectState.REFUSED
    end_object(db, name, ObjectState.RETIRED, now)
    note_delivered(db, name, now)
    return ObjectState.RETIRED
