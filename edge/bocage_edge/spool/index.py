"""The spool's index: connections that several threads share, and one kind of error.

Three processes under different users write the file. Every write is one short IMMEDIATE
transaction; whoever comes second waits for at most the busy timeout.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from bocage_edge.errors import SpoolError, SpoolFullError
from bocage_edge.spool.schema import MIGRATIONS
from bocage_system.database import NewerDatabaseError, open_database, transaction

INDEX_MODE = 0o660


class Index:
    """A small pool of connections to one index file; safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        """Open the index, making or migrating it first.

        Raises:
            SpoolError: it is not an index of ours, is newer than this release, or the medium
                refused.
        """
        self._path = path
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._idle: list[apsw.Connection] = []
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Lend a connection; each statement sees the last commit.

        Raises:
            SpoolError: the medium or the file failed.
            SpoolFullError: the medium is full.
        """
        with _told_as_spool_error():
            connection = self._take()
            try:
                yield connection
            except BaseException:
                # After a failed statement the connection's state is not worth guessing at.
                connection.close(True)
                raise
            with self._lock:
                self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Lend a connection inside one IMMEDIATE transaction: all of the block or none of it.

        Once the block has been left without an exception, a power cut cannot undo it. After an
        exception it may, in the rare case that the medium failed in the very commit, still turn
        out to have happened: callers keep the files such rows would need.

        Raises:
            SpoolError: as `reading`.
        """
        # Our own threads take turns here; only for other processes SQLite has to ask again and
        # again, up to 100 ms apart.
        with self._turn, self.reading() as connection, transaction(connection):
            yield connection

    def close(self) -> None:
        """Close what is not lent at the moment."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> apsw.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return open_database(self._path, MIGRATIONS, mode=INDEX_MODE)


@contextmanager
def _told_as_spool_error() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise SpoolFullError(
            "the spool's index cannot grow: the medium is full",
            hint="free space on the spool's file system; nothing acknowledged is lost",
        ) from error
    except NewerDatabaseError as error:
        raise SpoolError(
            "the spool's index was written by a newer release",
            hint="install that release again, or a newer one",
        ) from error
    except apsw.BusyError as error:
        raise SpoolError(
            "the spool's index stayed locked by another process",
            hint="look which of receive, relay and deliver hangs (systemctl status 'bocage-*')",
        ) from error
    except apsw.Error as error:
        raise SpoolError(
            f"the spool's index failed: {type(error).__name__}",
            hint="look for disk errors (dmesg), then run: bocage-edge spool verify",
        ) from error
