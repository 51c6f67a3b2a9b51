"""What most commands begin with: the database, the time, and who is typing."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from bocage_console.database.opening import Database, open_database, url_of
from bocage_console.folder import Folder
from bocage_system.clock import SystemClock


@contextmanager
def opened(folder: Folder) -> Iterator[Database]:
    """Give the console's database.

    Raises:
        ConsoleError: it cannot be opened.
    """
    database = open_database(url_of(folder))
    try:
        yield database
    finally:
        database.close()


def now() -> float:
    """Give the time, Unix seconds."""
    return SystemClock().now()


def who() -> str:
    """Name the person at this terminal, for the audit."""
    return f"shell {getpass.getuser()}"
