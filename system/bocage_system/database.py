"""SQLite files with one way of opening, migrating and writing.

apsw brings its own SQLite, so that the WAL faults of an older system library do not reach us.
Source: sqlite.org/pragma.html, sqlite.org/wal.html.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

BUSY_TIMEOUT_MS = 10_000
_ASK_AGAIN_S = 0.005


class NewerDatabaseError(Exception):
    """The file was written by a newer release than this one."""


def open_database(path: Path, migrations: Sequence[str], *, mode: int = 0o600) -> apsw.Connection:
    """Open a database file, making or migrating it first.

    Every commit is on the medium before it returns (`synchronous=FULL`); deleted rows are
    overwritten (`secure_delete`).

    Args:
        migrations: SQL scripts; number i brings the schema from version i to i + 1. Only ever
            appended to.
        mode: of the file, and so of its -wal and -shm beside it.

    Raises:
        NewerDatabaseError: the file is of a later release.
        apsw.Error: the file is not a database, or the medium refused.
    """
    _make_file(path, mode)
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    _write_ahead(connection)
    for pragma in (
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    _migrate(connection, migrations, path)
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Do all of the block or none of it; the write lock is taken at the start.

    Raises:
        apsw.BusyError: another process held the lock for longer than the busy timeout.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make_file(path: Path, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _write_ahead(connection: apsw.Connection) -> None:
    """Have the file written by WAL; asks again where others open the same new file.

    Here SQLite says busy at once and waits for nobody, so that two units which start on a new box
    would put each other off. Source: sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY".
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except apsw.BusyError:
            if time.monotonic() >= until:
                raise
            time.sleep(_ASK_AGAIN_S)
        else:
            return


def _migrate(connection: apsw.Connection, migrations: Sequence[str], path: Path) -> None:
    if _version(connection) == len(migrations):
        return
    with transaction(connection):
        version = _version(connection)
        if version > len(migrations):
            raise NewerDatabaseError(
                f"{path} has schema version {version}; this release knows {len(migrations)}"
            )
        for script in migrations[version:]:
            connection.execute(script)
        connection.execute(f"PRAGMA user_version={len(migrations)}")


def _version(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))
