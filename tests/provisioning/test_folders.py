"""Where a laboratory lies, and the lock on its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.folders import (
    make_folder,
    mounts_below,
    plan_small_disk,
    remove_folder,
    take_lock,
)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    lock = take_lock(tmp_path, "demo")
    with pytest.raises(LabError, match="is up already"):
        take_lock(tmp_path, "demo", timeout_s=0.0)
    other = take_lock(tmp_path, "other", timeout_s=0.0)
    os.close(lock)
    os.close(take_lock(tmp_path, "demo", timeout_s=0.0))
    os.close(other)


def test_a_folder_is_open_to_every_user_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folder(tmp_path / "lab")
    finally:
        os.umask(before)
    assert (tmp_path / "lab").stat().st_mode & 0o777 == 0o755


def test_a_link_in_place_of_a_folder_is_a_trap(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "lab").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="somebody else"):
        make_folder(tmp_path / "lab")


def test_removing_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    remove_folder(tmp_path / "gone")
    (tmp_path / "lab" / "deep").mkdir(parents=True)
    remove_folder(tmp_path / "lab")
    assert not (tmp_path / "lab").exists()


MOUNTINFO = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 7:0 / /srv/lab/hospital rw,relatime shared:9 - ext4 /dev/loop0 rw
32 31 0:40 / /srv/lab/hospital/in\\040it rw - tmpfs none rw
33 22 7:1 / /srv/laboratory rw,relatime shared:9 - ext4 /dev/loop1 rw
"""


def test_what_is_mounted_below_a_folder_is_found_the_deepest_first() -> None:
    lab = Path("/srv/lab")
    assert mounts_below(lab, MOUNTINFO) == [lab / "hospital" / "in it", lab / "hospital"]
    assert mounts_below(Path("/srv/other"), MOUNTINFO) == []


def test_a_small_disk_is_an_image_that_is_mounted_and_empty() -> None:
    programs = [argv[0] for argv in plan_small_disk(Path("/a.image"), Path("/a"), 1 << 30)]
    assert programs == ["truncate", "mkfs.ext4", "mount", "rmdir"]
