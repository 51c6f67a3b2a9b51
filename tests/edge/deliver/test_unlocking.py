"""Where the opening key may lie, and when the box counts as unlocked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_edge.deliver.unlocking import Locked, Unlocked, read_opening_keys
from bocage_edge.seal.keys import new_key

ONE, OTHER = new_key().secret, new_key().secret


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """Give a folder on tmpfs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def write(path: Path, text: str, mode: int = 0o640) -> Path:
    """Write a file with a mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_several_keys_of_several_rotations_are_read(in_memory: Path) -> None:
    path = write(in_memory / "opening.key", f"{ONE}\n{OTHER}\n")
    assert read_opening_keys(path) == Unlocked((ONE, OTHER))


def test_no_file_means_locked(in_memory: Path) -> None:
    found = read_opening_keys(in_memory / "opening.key")
    assert isinstance(found, Locked)
    assert "unlocks" in found.reason


def test_no_folder_means_locked(in_memory: Path) -> None:
    assert isinstance(read_opening_keys(in_memory / "not" / "there"), Locked)


@pytest.mark.parametrize("text", ["", "hello\n", "# a comment only\n"])
def test_a_file_without_a_key_means_locked(in_memory: Path, text: str) -> None:
    assert isinstance(read_opening_keys(write(in_memory / "opening.key", text)), Locked)


def test_a_key_that_everybody_can_read_is_not_used(in_memory: Path) -> None:
    path = write(in_memory / "opening.key", ONE, 0o644)
    assert read_opening_keys(path) == Locked("the opening key is open to every user of the box")


def test_a_key_on_a_disk_is_not_used() -> None:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        path = write(Path(folder) / "opening.key", ONE)
        found = read_opening_keys(path)
    assert found == Locked("the folder of the opening key is not in memory (tmpfs)")


def test_the_keys_are_never_shown() -> None:
    assert ONE not in repr(Unlocked((ONE,)))
