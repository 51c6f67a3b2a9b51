"""What the console has not acknowledged yet, and the counters that only grow: one SQLite file.

An event stays here until the console says that it is in its database; that the broker took it
proves nothing. A box that lost this file begins a new epoch, so that its numbers never come twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import apsw

from bocage_contract.canonical import canonical_json
from bocage_contract.fleet.events import MAX_EVENTS, Event
from bocage_system.database import open_database, transaction

MIGRATIONS = (
    """
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE cursor (chain TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    """,
)
_EPOCH, _SEQ, _SESSION, _COMMAND = "epoch", "seq", "session", "command"


class Outbox:
    """See the module. For one thread."""

    def __init__(self, path: Path, now: float) -> None:
        """Open the file; a new one begins a new epoch.

        Args:
            now: Unix seconds; a later file has a later epoch.

        Raises:
            apsw.Error, NewerDatabaseError: it cannot be used.
        """
        self._db: apsw.Connection = open_database(path, MIGRATIONS)
        if self._value(_EPOCH) == 0:
            with transaction(self._db):
                self._set(_EPOCH, max(1, int(now)))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def epoch(self) -> int:
        """Of this outbox."""
        return self._value(_EPOCH)

    @property
    def last(self) -> int:
        """Number of the newest event; 0: none yet."""
        return self._value(_SEQ)

    @property
    def acknowledged(self) -> int:
        """Number of the last event the console has; what follows it waits here."""
        return self.last - self.waiting()

    @property
    def command(self) -> int:
        """The highest counter of a command that was taken."""
        return self._value(_COMMAND)

    def next_session(self) -> int:
        """Count a session; once this returns, its number is never given again."""
        with transaction(self._db):
            number = self._value(_SESSION) + 1
            self._set(_SESSION, number)
        return number

    def take_command(self, counter: int, answer: Event) -> None:
        """Note that a command is taken, and its answer, together."""
        with transaction(self._db):
            self._set(_COMMAND, counter)
            self._add([answer])

    def cursor(self, chain: str) -> int:
        """Give the number of the last entry of a chain that was told."""
        row = self._db.execute("SELECT n FROM cursor WHERE chain = ?", (chain,)).fetchone()
        return 0 if row is None else int(row[0])

    def add(self, events: Iterable[Event], cursors: Mapping[str, int] | None = None) -> None:
        """Keep events, in their order, and how far their chains were told.

        Args:
            events: their numbers are given here.
        """
        with transaction(self._db):
            self._add(events)
            for chain, n in (cursors or {}).items():
                self._db.execute(
                    "INSERT INTO cursor (chain, n) VALUES (?, ?)"
                    " ON CONFLICT (chain) DO UPDATE SET n = excluded.n",
                    (chain, n),
                )

    def after(self, number: int) -> list[Event]:
        """Give the events that follow a number, as many as one message holds."""
        rows = self._db.execute(
            "SELECT body FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (number, MAX_EVENTS)
        )
        return [Event.read(bytes(body)) for (body,) in rows]

    def forget(self, epoch: int, committed: int) -> None:
        """Let go of what the console has; another epoch's word is not about these."""
        if epoch != self.epoch:
            return
        with transaction(self._db):
            self._db.execute("DELETE FROM event WHERE seq <= ?", (min(committed, self.last),))

    def waiting(self) -> int:
        """Count the events that are not acknowledged."""
        (count,) = self._db.execute("SELECT count(*) FROM event").fetchone() or (0,)
        return int(count)

    def _add(self, events: Iterable[Event]) -> None:
        number = self._value(_SEQ)
        for event in events:
            number += 1
            body = canonical_json(event.model_copy(update={"seq": number}).to_json())
            self._db.execute("INSERT INTO event (seq, body) VALUES (?, ?)", (number, body))
        self._set(_SEQ, number)

    def _value(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def _set(self, name: str, value: int) -> None:
        self._db.execute(
            "INSERT INTO counter (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
