"""What tests of the console share: a folder with an authority and a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_console.authority.files import found_authority
from bocage_console.database.opening import Database, open_database, upgrade, url_of
from bocage_console.folder import Folder

NOW = 1_795_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A console's folder with its authority."""
    made = Folder(tmp_path / "console")
    made.root.mkdir()
    found_authority(made, NOW)
    return made


@pytest.fixture
def database(folder: Folder) -> Iterator[Database]:
    """The console's database, empty."""
    upgrade(url_of(folder))
    opened = open_database(url_of(folder))
    yield opened
    opened.close()
