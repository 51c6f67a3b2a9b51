"""Where a laboratory lies on this machine, and the lock that keeps two of one name apart.

<disk>/<name>/       state of both boxes, logs, what the peers received
<memory>/<name>/     the boxes' run folders: the unlocked opening key must not touch a disk
<memory>/<name>.lock held by the laboratory as long as it lives
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

from bocage_provisioning.lab.errors import LabError
from bocage_system.mounts import is_in_memory

DISK = Path("/var/tmp/bocage-lab")  # noqa: S108 — survives a power cut, as /tmp may not
MEMORY = (Path("/run/bocage-lab"), Path("/dev/shm/bocage-lab"))  # noqa: S108 — the first on tmpfs
LOCK_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 0.05


def memory_folder() -> Path:
    """Give the laboratories' folder in memory.

    Raises:
        LabError: the machine has no tmpfs where one is usual.
    """
    for folder in MEMORY:
        if is_in_memory(folder.parent):
            make_folder(folder)
            return folder
    raise LabError("neither /run nor /dev/shm is in memory", "mount a tmpfs on /run")


def make_folder(folder: Path) -> None:
    """Make a folder every user may pass through, whatever our umask is.

    Raises:
        LabError: somebody else made it: in a folder open to all, that may be a trap.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise LabError(f"{folder} belongs to somebody else", "remove it")
    folder.chmod(0o755)


def take_lock(folder: Path, name: str, timeout_s: float = LOCK_TIMEOUT_S) -> int:
    """Take the lock of a name and give its descriptor, to be kept open.

    Waits a little: the reaper of a killed run may still be at work.

    Raises:
        LabError: another laboratory of this name is up.
    """
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise LabError(
                    f"a laboratory named {name} is up already", "end it, or give another name"
                ) from None
            time.sleep(_LOOK_AGAIN_S)


def plan_small_disk(image: Path, folder: Path, size_bytes: int) -> list[tuple[str, ...]]:
    """List the commands that put a folder on a file system of its own.

    Args:
        image: becomes the file system; takes room only for what is in it.
        folder: to be there, and empty.

    Source: mke2fs(8), mount(8).
    """
    return [
        ("truncate", f"--size={size_bytes}", str(image)),
        ("mkfs.ext4", "-q", "-m", "0", str(image)),
        ("mount", "-o", "loop", str(image), str(folder)),
        ("rmdir", str(folder / "lost+found")),
    ]


def mounts_below(folder: Path, mountinfo: str) -> list[Path]:
    """List what is mounted on a folder or below it, the deepest first.

    Args:
        mountinfo: as proc(5) describes it; spaces in paths are written \\040.
    """
    points = [Path(line.split()[4].replace("\\040", " ")) for line in mountinfo.splitlines()]
    return sorted((each for each in points if each.is_relative_to(folder)), reverse=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)
