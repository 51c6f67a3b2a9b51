"""Databases: migrations forward only, transactions whole, every commit on the medium."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from bocage_system.database import NewerDatabaseError, open_database, transaction

FIRST = "CREATE TABLE box (name TEXT PRIMARY KEY)"
SECOND = "ALTER TABLE box ADD COLUMN site TEXT NOT NULL DEFAULT ''"


def names(db: apsw.Connection) -> list[str]:
    """List what is in the table."""
    return [row[0] for row in db.execute("SELECT name FROM box ORDER BY name")]


def test_a_database_moves_forward_and_keeps_its_rows(tmp_path: Path) -> None:
    """The file of an older release opens with the newer schema."""
    path = tmp_path / "x.db"
    with open_database(path, [FIRST]) as old:
        old.execute("INSERT INTO box VALUES ('flers-1')")
    old.close()
    new = open_database(path, [FIRST, SECOND])
    assert new.execute("SELECT name, site FROM box").fetchall() == [("flers-1", "")]


def test_several_open_the_same_new_file_at_once(tmp_path: Path) -> None:
    """As the units of a new box do: all of them get it, and its schema is made once."""
    for number in range(40):
        path, start = tmp_path / f"{number}.db", threading.Barrier(4)

        def open_it(path: Path = path, start: threading.Barrier = start) -> list[str]:
            start.wait()
            opened = open_database(path, [FIRST])
            found = names(opened)
            opened.close()
            return found

        with ThreadPoolExecutor(4) as units:
            opening = [units.submit(open_it) for _ in range(4)]
            assert [each.result() for each in opening] == [[]] * 4


def test_a_database_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    """Going back to an older release says so instead of damaging the file."""
    path = tmp_path / "x.db"
    open_database(path, [FIRST, SECOND]).close()
    with pytest.raises(NewerDatabaseError):
        open_database(path, [FIRST])


def test_a_migration_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    """All steps or none."""
    path = tmp_path / "x.db"
    open_database(path, [FIRST]).close()
    with pytest.raises(apsw.SQLError):
        open_database(path, [FIRST, SECOND, "CREATE nonsense"])
    db = open_database(path, [FIRST])
    assert db.pragma("user_version") == 1


def test_a_transaction_is_whole(tmp_path: Path) -> None:
    """An error inside takes everything back, and the next one starts clean."""
    db = open_database(tmp_path / "x.db", [FIRST])
    with pytest.raises(RuntimeError), transaction(db):
        db.execute("INSERT INTO box VALUES ('a')")
        raise RuntimeError
    with transaction(db):
        db.execute("INSERT INTO box VALUES ('b')")
    assert names(db) == ["b"]


def test_every_commit_is_on_the_medium_and_rows_are_overwritten(tmp_path: Path) -> None:
    """The settings that the promises rest on."""
    path = tmp_path / "x.db"
    db = open_database(path, [FIRST], mode=0o660)
    assert db.pragma("synchronous") == 2
    assert db.pragma("journal_mode") == "wal"
    assert db.pragma("secure_delete") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
