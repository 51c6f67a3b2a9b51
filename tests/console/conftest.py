"""What tests of the console share: a folder with an authority and a database of its own."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them, to be copied."""
    made = Folder(tmp_path_factory.mktemp("empty"))
    upgrade(url_of(made))
    return made.sqlite


@pytest.fixture
def database(folder: Folder, empty: Path) -> Iterator[Database]:
    """The console's database, empty."""
    shutil.copyfile(empty, folder.sqlite)
    opened = open_database(url_of(folder))
    yield opened
    opened.close()
