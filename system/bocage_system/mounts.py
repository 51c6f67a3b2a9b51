"""What kind of medium a folder lies on. Source: proc(5), /proc/pid/mountinfo."""

from __future__ import annotations

import os
from pathlib import Path

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def is_in_memory(path: Path) -> bool:
    """Say whether a file or folder is gone when the power is: it lies on tmpfs or ramfs.

    Raises:
        OSError: there is no such path.
    """
    device = os.stat(path).st_dev
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    return mounts.get(f"{os.major(device)}:{os.minor(device)}") in _IN_MEMORY


def parse_mountinfo(text: str) -> dict[str, str]:
    """Map each device ("major:minor") to its file system type.

    Args:
        text: lines of at least 10 fields, with " - " before the type.
    """
    found = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        found[before.split()[2]] = after.split()[0]
    return found
