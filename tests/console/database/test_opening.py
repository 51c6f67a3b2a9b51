from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bocage_console.database.opening import Database, connect, open_database, upgrade
from bocage_console.database.tables import Device, Site, Table
from bocage_console.errors import ConsoleError


def site(name: str = "flers") -> Site:
    return Site(id=name, profile={}, made_at=1)


def test_the_migrations_make_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(database: Database) -> None:
    with database.writing() as session:
        session.add(site())
    upgrade(str(database.engine.url))
    with database.reading() as session:
        assert session.get(Site, "flers") is not None


def test_a_database_without_our_tables_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="database upgrade"):
        open_database(f"sqlite:///{tmp_path / 'other.db'}")


def test_an_unreadable_url_is_told_without_repeating_it() -> None:
    with pytest.raises(ConsoleError) as caught:
        connect("postgresql+psycopg://bocage:s3cret@[")
    assert "s3cret" not in str(caught.value)


def test_what_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(site())
        session.flush()
        raise RuntimeError
    with database.reading() as session:
        assert session.get(Site, "flers") is None


def test_what_is_only_read_changes_nothing(database: Database) -> None:
    with database.reading() as session:
        session.add(site())
        session.flush()
    with database.reading() as session:
        assert session.get(Site, "flers") is None


def test_a_device_stands_at_a_site_that_exists(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Device(id="flers-1", site_id="nowhere", state="awaited"))


def test_every_commit_is_on_the_medium(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "delete"


def test_writers_wait_for_each_other(database: Database) -> None:
    """Read, then write: without the lock at the start one of them would be lost or refused."""

    def add(count: int) -> None:
        for _ in range(count):
            with database.writing() as session:
                found = session.get(Site, "flers")
                assert found is not None
                found.made_at += 1

    with database.writing() as session:
        session.add(site())
    threads = [threading.Thread(target=add, args=(20,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        found = session.get(Site, "flers")
        assert found is not None
        assert found.made_at == 81
