"""Files that are whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bocage_system.durable import fsync_path, read_limited, replace_durably, write_all, write_atomic


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    """The old bytes or the new ones, never a mixture, and no leftover beside them."""
    path = tmp_path / "desired.json"
    write_atomic(path, b"old")
    write_atomic(path, b"new and longer", mode=0o640)
    assert path.read_bytes() == b"new and longer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["desired.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A folder stands where the file should go: the rename fails."""
    target = tmp_path / "taken"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(OSError):
        write_atomic(target, b"bytes")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_full_medium_is_an_error_not_a_short_file() -> None:
    """write(2) may stop short; /dev/full shows that the error comes through."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space"):
            write_all(descriptor, b"x")
    finally:
        os.close(descriptor)


def test_a_file_takes_its_final_name(tmp_path: Path) -> None:
    """Rename and the folder's fsync."""
    (tmp_path / "a").write_bytes(b"1")
    fsync_path(tmp_path / "a")
    replace_durably(tmp_path / "a", tmp_path / "b")
    assert os.listdir(tmp_path) == ["b"]


def test_a_file_larger_than_expected_is_not_read(tmp_path: Path) -> None:
    """Nobody fills our memory through a file."""
    path = tmp_path / "big"
    path.write_bytes(b"x" * 11)
    assert read_limited(path, 11) == b"x" * 11
    with pytest.raises(ValueError, match="larger than 10"):
        read_limited(path, 10)
