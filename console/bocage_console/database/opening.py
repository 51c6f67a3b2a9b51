"""Opening the database: PostgreSQL for service, SQLite as embedded default.

SQLite runs in rollback-journal mode: Debian's release can corrupt a WAL that two connections
checkpoint. Every commit is on the medium before it returns, on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from bocage_console.errors import ConsoleError
from bocage_console.folder import Folder

_BUSY_TIMEOUT_S = 10
_BEGIN = "bocage_begin"


class Database:
    """An open database; safe to use from any thread, each with its own sessions."""

    def __init__(self, engine: Engine) -> None:
        """Hold the engine."""
        self.engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session whose changes are thrown away."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Do all of the block or none of it; the write lock is taken at the start."""
        with self._sessions.begin() as session:
            session.connection(execution_options={_BEGIN: "BEGIN IMMEDIATE"})
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def url_of(folder: Folder) -> str:
    """Give the URL of a console's database."""
    try:
        return folder.database_url.read_text().strip()
    except FileNotFoundError:
        return f"sqlite:///{folder.sqlite}"


def open_database(url: str) -> Database:
    """Open a database whose schema is of this release.

    Raises:
        ConsoleError: it cannot be reached, or its schema is older or newer.
    """
    database = connect(url)
    try:
        with database.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise ConsoleError(f"the database cannot be opened: {_said(error)}") from error
    wanted = ScriptDirectory.from_config(_config(url)).get_current_head()
    if found != wanted:
        raise ConsoleError(
            f"the database's schema is {found or 'empty'}, this release needs {wanted}",
            "run: bocage-console database upgrade",
        )
    return database


def upgrade(url: str) -> None:
    """Bring a database to this release's schema; each step is one transaction.

    Raises:
        ConsoleError: it cannot be reached, or was written by a newer release.
    """
    database = connect(url)
    try:
        with database.engine.connect() as connection:
            config = _config(url)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except SQLAlchemyError as error:
        raise ConsoleError(f"the database cannot be brought up to date: {_said(error)}") from error
    finally:
        database.close()


def connect(url: str) -> Database:
    """Open a database as it is.

    Raises:
        ConsoleError: the URL is none.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return Database(create_engine(parsed, pool_pre_ping=True))
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
    except (ArgumentError, ImportError, ValueError):
        raise ConsoleError(
            "the database's URL cannot be read, or its driver is not here", "see: database.url"
        ) from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver begins no transaction by itself; `_begin_sqlite` does, as it is told.
    connection.isolation_level = None
    for pragma in ("journal_mode=DELETE", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("bocage_console.database") / "migrations"))
    config.attributes["url"] = url
    return config


def _said(error: SQLAlchemyError) -> str:
    """Say what the driver said, without the statement and its values."""
    cause = getattr(error, "orig", None)
    return type(error).__name__ if cause is None else str(cause).splitlines()[0][:200]
