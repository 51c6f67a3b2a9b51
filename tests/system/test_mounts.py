"""What kind of medium a folder lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_system.mounts import is_in_memory, parse_mountinfo

# proc(5): some lines have optional fields before the dash, some have none.
MOUNTINFO = """\
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
23 22 0:5 / /dev rw,relatime shared:2 - devtmpfs devtmpfs rw,size=10k
24 23 0:21 / /dev/shm rw,nosuid shared:3 master:1 - tmpfs tmpfs rw
"""


def test_each_device_has_its_type() -> None:
    """With and without optional fields."""
    assert parse_mountinfo(MOUNTINFO) == {"254:0": "ext4", "0:5": "devtmpfs", "0:21": "tmpfs"}


def test_shared_memory_is_in_memory_and_proc_is_not() -> None:
    """On the machine as it is."""
    assert is_in_memory(Path("/dev/shm"))  # noqa: S108 - asked about, not written to
    assert not is_in_memory(Path("/proc"))
    with pytest.raises(OSError):
        is_in_memory(Path("/no/such/folder"))
