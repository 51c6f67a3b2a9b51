"""Files that survive a power cut: bytes first, then the name, then the folder.

Source: fsync(2), rename(2); docs/adr/0001.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def fsync_path(path: Path) -> None:
    """Put a file's bytes, or a folder's names, on the medium.

    A failed fsync is final for these bytes: the kernel may have dropped them, so the caller makes
    the file anew instead of calling again.

    Raises:
        OSError: the medium refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(source: Path, target: Path) -> None:
    """Give a file whose bytes are already synced its final name.

    Raises:
        OSError: the rename or the folder's fsync failed; then the name may or may not be there.
    """
    os.replace(source, target)
    fsync_path(target.parent)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a whole file so that a reader, or a power cut, sees the old or the new one.

    Raises:
        OSError: nothing was changed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        replace_durably(temporary, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte; write(2) alone may stop short.

    Raises:
        OSError: the medium refused.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """Read a file that may not be larger than we are ready to hold.

    Raises:
        ValueError: it is larger.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError(f"{path} is larger than {limit_bytes} bytes")
    return data
