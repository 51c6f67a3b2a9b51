"""Where the spool's files lie, and how one gets its final name.

    objects/<2 hex>/<64 hex>   sealed objects, named by the SHA-256 of their bytes
    incoming/<random>.tmp      being written by a process of this box
    incoming/<64 hex>.part     arriving from the partner, with .mark: how far it is durable
    corrupt/<64 hex>           found to be other bytes than their name says

Whoever writes a file holds a lock on it (flock) until the index speaks for it, so that a sweep
can tell a file in use from one that a killed process left behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from bocage_edge.errors import SpoolError
from bocage_edge.spool.types import OBJECT_NAME_PATTERN
from bocage_system.durable import fsync_path

FILE_MODE = 0o660
FOLDER_MODE = 0o2770
_NAME = re.compile(OBJECT_NAME_PATTERN)
_FAN_OUT = tuple(f"{number:02x}" for number in range(256))


class Folders:
    """The folder tree of one spool."""

    def __init__(self, root: Path) -> None:
        """Make what is missing of the tree, so that its units' common group can write there.

        Raises:
            OSError: the medium refused.
        """
        self.root = root
        self.objects = root / "objects"
        self.incoming = root / "incoming"
        self.corrupt = root / "corrupt"
        self.index = root / "index.db"
        # The last folder made stands for all of them: it is made when the others are durable.
        if (self.objects / _FAN_OUT[-1]).is_dir():
            return
        for folder in (root, self.incoming, self.corrupt, self.objects):
            _make_folder(folder)
        for prefix in _FAN_OUT[:-1]:
            _make_folder(self.objects / prefix)
        fsync_path(self.objects)
        fsync_path(root)
        _make_folder(self.objects / _FAN_OUT[-1])
        fsync_path(self.objects)

    def object(self, name: str) -> Path:
        """Give the path of an object.

        Raises:
            SpoolError: the name is not 64 hex digits; it may be a path somebody made up.
        """
        return self.objects / checked_name(name)[:2] / name

    def part(self, name: str) -> Path:
        """Give the path of an object that arrives; see `object`."""
        return self.incoming / f"{checked_name(name)}.part"

    def new_incoming(self) -> Path:
        """Invent a path for a file to be written."""
        return self.incoming / f"{secrets.token_hex(16)}.tmp"

    def object_files(self) -> Iterator[Path]:
        """List every file under objects/."""
        for prefix in _FAN_OUT:
            folder = self.objects / prefix
            yield from (folder / name for name in sorted(os.listdir(folder)))

    def incoming_files(self) -> Iterator[Path]:
        """List every file under incoming/."""
        yield from (self.incoming / name for name in sorted(os.listdir(self.incoming)))

    def set_aside(self, name: str) -> None:
        """Move an object's file to corrupt/, where a person may look at it.

        Raises:
            OSError: the medium refused.
        """
        target = self.corrupt / checked_name(name)
        source = self.object(name)
        os.replace(source, target)
        fsync_path(self.corrupt)
        fsync_path(source.parent)


def is_object_name(name: str) -> bool:
    """Say whether a name can be an object's: 64 hex digits."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """Give an object's name back if it is one.

    Raises:
        SpoolError: it is not 64 hex digits.
    """
    if not is_object_name(name):
        raise SpoolError("an object's name is 64 lower-case hex digits")
    return name


def open_locked(path: Path, flags: int, *, wait: bool = False) -> int:
    """Open a file of the spool for writing and lock it; the descriptor is the lock.

    Args:
        wait: for whoever holds the lock, rather than give up; a sweep holds it for a moment only.

    Raises:
        BlockingIOError: somebody else writes it.
        FileNotFoundError: a sweep removed it in the very moment it was opened.
        OSError: the medium refused.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        status = os.fstat(descriptor)
        if status.st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "swept away while it was opened")
        if status.st_uid == os.geteuid():
            os.fchmod(descriptor, FILE_MODE)  # whatever the umask was
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def unless_in_use(path: Path) -> Iterator[bool]:
    """Keep writers away from a file for the length of the block, if nobody writes it.

    Gives whether the file is there and ours for the moment.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file that may have gone already."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(FOLDER_MODE)
