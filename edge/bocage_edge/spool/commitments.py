"""Storage commitment that the site's AEs ask of us: what was asked, and how far it is.

    waiting --every instance decided--> decided --the asker has its result--> told
                                            |--nobody takes it--> given_up

Written by receive (what was asked) and deliver (everything after). What is decided stays so: a
result that is told twice is the same both times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.types import ObjectState

# Ours: of one caller, so that one that asks without end does not fill the index.
MAX_OPEN = 500
_COLUMNS = (
    "id, link, caller, service, transaction_key, instances, failed, asked_at, due_at, attempts,"
    " decided_at, reason"
)
_CARRIERS = """
SELECT i.place, i.class_key, o.digest, o.content_digest, o.class_key, o.state,
    (SELECT count(*) FROM far_commitment f WHERE f.object = o.name AND f.ok IS NULL),
    (SELECT count(*) FROM far_commitment f WHERE f.object = o.name AND f.ok = 0)
FROM commitment_item i JOIN commitment c ON c.id = i.commitment
LEFT JOIN object o
    ON o.direction = 'out' AND o.link = c.link AND o.instance_key = i.instance_key
WHERE i.commitment = ? ORDER BY i.place
"""


class CommitmentState(StrEnum):
    """Where a request stands; see the drawing above."""

    WAITING = "waiting"
    DECIDED = "decided"
    TOLD = "told"
    GIVEN_UP = "given_up"


class CommitmentItem(NamedTuple):
    """One instance of a request, by keyed hashes."""

    instance_key: str
    class_key: str


@dataclass(frozen=True, slots=True)
class NewCommitment:
    """A request, as receive took it."""

    link: str
    caller: str
    service: str
    transaction_key: str
    request_digest: str
    items: Sequence[CommitmentItem]
    sealed: bytes


class Taken(StrEnum):
    """What became of a request that came in."""

    NEW = "new"
    AGAIN = "again"  # the very same one, and it is not told yet
    CLASH = "clash"  # another one under a Transaction UID that is in use
    FULL = "full"  # its caller has too many open


@dataclass(frozen=True, slots=True)
class Commitment:
    """One request, without what it names. Instants are Unix seconds."""

    id: int
    link: str
    caller: str
    service: str
    transaction_key: str
    instances: int
    failed: int
    asked_at: float
    due_at: float
    attempts: int
    decided_at: float | None
    reason: str


class ObjectOfItem(NamedTuple):
    """An object that carries an instance of a request.

    Args:
        is_awaited: a station of the partner's has been asked whether it has it safely.
        is_lost: a station of the partner's has said that it has not.
    """

    digest: str
    content_digest: str | None
    class_key: str
    state: ObjectState
    is_awaited: bool
    is_lost: bool


@dataclass(frozen=True, slots=True)
class ItemSeen:
    """One instance of a request, and every object of the link that carries it."""

    class_key: str
    objects: Sequence[ObjectOfItem]


@dataclass(frozen=True, slots=True)
class CommitmentBacklog:
    """How many requests of a caller are open in one state.

    Args:
        oldest_at: when the first of them came, Unix seconds.
        reason: why the last attempt to tell one of them failed; empty: none did.
    """

    caller: str
    state: CommitmentState
    requests: int
    oldest_at: float
    reason: str


class Commitments(SpoolCore):
    """See the module."""

    def take_commitment(self, new: NewCommitment, entries: Sequence[EntryDraft]) -> Taken:
        """Take a request; once NEW or AGAIN is returned, a power cut cannot lose it.

        One that was told already and is asked again is decided and told again.

        Args:
            entries: for the chain of the link; recorded where it is NEW.

        Raises:
            SpoolError: the index failed; nothing was taken.
        """
        rows = self._entry_rows(new.link, entries)
        with self._index.writing() as db:
            taken = _judged(db, new)
            if taken is Taken.NEW:
                _insert(db, new, self._clock.now())
                insert_entries(db, rows)
        return taken

    def due_commitments(self, state: CommitmentState, now: float, limit: int) -> list[Commitment]:
        """List requests of a state that are to be looked at, the longest due first."""
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM commitment"  # noqa: S608 - constants
                " WHERE state = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
                (state, now, limit),
            )
            return [Commitment(*row) for row in rows]

    def next_commitment_at(self, states: Sequence[CommitmentState]) -> float | None:
        """Say when the next request in one of these states is due; None where none is open."""
        found = []
        with self._index.reading() as db:
            for state in states:
                row = db.execute(
                    "SELECT min(due_at) FROM commitment WHERE state = ?", (state,)
                ).fetchone()
                if row is not None and row[0] is not None:
                    found.append(float(row[0]))
        return min(found, default=None)

    def items_of_commitment(self, commitment: int) -> list[ItemSeen]:
        """See where every instance of a request stands, in the order of the request."""
        seen: list[tuple[int, str, list[ObjectOfItem]]] = []
        with self._index.reading() as db:
            for place, wanted, digest, *rest in db.execute(_CARRIERS, (commitment,)):
                if not seen or seen[-1][0] != place:
                    seen.append((place, wanted, []))
                if digest is not None:
                    content, key, state, awaited, lost = rest
                    seen[-1][2].append(
                        ObjectOfItem(
                            digest, content, key, ObjectState(state), awaited > 0, lost > 0
                        )
                    )
        return [ItemSeen(wanted, objects) for _, wanted, objects in seen]

    def look_again(self, commitment: int, due_at: float) -> None:
        """Leave a request that waits alone until a moment, Unix seconds."""
        with self._index.writing() as db:
            db.execute(
                "UPDATE commitment SET due_at = ? WHERE id = ? AND state = 'waiting'",
                (due_at, commitment),
            )

    def decide_commitment(self, commitment: int, failures: Sequence[int]) -> None:
        """Write what became of every instance; the result is due to be told.

        Args:
            failures: of each in the order of the request: Failure Reason, 0 where committed.
        """
        now = self._clock.now()
        with self._index.writing() as db:
            db.execute(
                "UPDATE commitment SET state = 'decided', failed = ?, decided_at = ?, due_at = ?,"
                " attempts = 0, reason = '' WHERE id = ? AND state = 'waiting'",
                (sum(1 for each in failures if each), now, now, commitment),
            )
            if db.changes():
                db.executemany(
                    "UPDATE commitment_item SET failure = ? WHERE commitment = ? AND place = ?",
                    [(failure, commitment, place) for place, failure in enumerate(failures)],
                )

    def result_of_commitment(self, commitment: int) -> tuple[bytes, list[int]]:
        """Give the sealed request and, in its order, the Failure Reason of each instance."""
        with self._index.reading() as db:
            row = db.execute("SELECT sealed FROM commitment WHERE id = ?", (commitment,)).fetchone()
            failures = db.execute(
                "SELECT ifnull(failure, 0) FROM commitment_item WHERE commitment = ?"
                " ORDER BY place",
                (commitment,),
            )
            return b"" if row is None else bytes(row[0]), [failure for (failure,) in failures]

    def begin_telling(self, commitment: int, next_due_at: float) -> bool:
        """Commit that a result is being told, and when to try again if nothing is heard of it.

        Returns:
            Whether it is still to be told.
        """
        with self._index.writing() as db:
            db.execute(
                "UPDATE commitment SET attempts = attempts + 1, due_at = ?"
                " WHERE id = ? AND state = 'decided'",
                (next_due_at, commitment),
            )
            return db.changes() == 1

    def not_told(self, commitment: int, due_at: float, reason: str) -> None:
        """Commit that the asker did not take its result, and when to try again."""
        with self._index.writing() as db:
            db.execute(
                "UPDATE commitment SET due_at = ?, reason = ? WHERE id = ? AND state = 'decided'",
                (due_at, reason, commitment),
            )

    def end_commitment(
        self, commitment: Commitment, state: CommitmentState, entries: Sequence[EntryDraft]
    ) -> None:
        """Commit that a result has been told, or given up; what it named goes."""
        rows = self._entry_rows(commitment.link, entries)
        with self._index.writing() as db:
            db.execute(
                "UPDATE commitment SET state = ?, ended_at = ?, sealed = x''"
                " WHERE id = ? AND state = 'decided'",
                (state, self._clock.now(), commitment.id),
            )
            if db.changes():
                insert_entries(db, rows)

    def commitment_backlog(self) -> list[CommitmentBacklog]:
        """Count the requests that are open, by caller and state."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT caller, state, count(*), min(asked_at), max(reason) FROM commitment"
                " WHERE state IN ('waiting', 'decided') GROUP BY caller, state ORDER BY 1, 2"
            )
            return [
                CommitmentBacklog(caller, CommitmentState(state), *rest)
                for caller, state, *rest in rows
            ]

    def forget_commitments(self, ended_before: float) -> int:
        """Delete requests that ended before a moment, Unix seconds; give how many."""
        with self._index.writing() as db:
            db.execute("DELETE FROM commitment WHERE ended_at < ?", (ended_before,))
            return db.changes()


def _judged(db: apsw.Connection, new: NewCommitment) -> Taken:
    key = (new.link, new.caller, new.transaction_key)
    row = db.execute(
        "SELECT id, request_digest, state FROM commitment"
        " WHERE link = ? AND caller = ? AND transaction_key = ?",
        key,
    ).fetchone()
    if row is not None:
        number, digest, state = row
        if digest != new.request_digest:
            return Taken.CLASH
        if state in (CommitmentState.WAITING, CommitmentState.DECIDED):
            return Taken.AGAIN
        db.execute("DELETE FROM commitment WHERE id = ?", (number,))
    (is_open,) = db.execute(
        "SELECT count(*) FROM commitment WHERE caller = ? AND state IN ('waiting', 'decided')",
        (new.caller,),
    ).fetchone() or (0,)
    return Taken.FULL if is_open >= MAX_OPEN else Taken.NEW


def _insert(db: apsw.Connection, new: NewCommitment, now: float) -> None:
    db.execute(
        "INSERT INTO commitment (link, caller, service, transaction_key, request_digest, instances,"
        " sealed, state, asked_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        (new.link, new.caller, new.service, new.transaction_key, new.request_digest,
         len(new.items), new.sealed, now, now),
    )  # fmt: skip
    number = db.last_insert_rowid()
    db.executemany(
        "INSERT INTO commitment_item (commitment, place, instance_key, class_key)"
        " VALUES (?, ?, ?, ?)",
        [(number, place, *item) for place, item in enumerate(new.items)],
    )
