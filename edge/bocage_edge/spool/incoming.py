"""A sealed object while it is written on this box: its bytes, its running name, its lock."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bocage_edge.errors import SpoolError
from bocage_edge.spool.folders import open_locked, remove
from bocage_system.durable import write_all

# How much may be written between two looks at the free space. Each looks this far ahead, so that
# one large object stops before it touches the reserve: then everybody else would be refused too.
ROOM_CHECK_BYTES = 1 << 20


class IncomingFile:
    """A file under incoming/ that becomes an object, or nothing.

    Once an operation has failed the file is good for nothing but `discard`: a failed fsync is
    never tried again, for the kernel may have dropped the bytes.
    """

    def __init__(self, path: Path, check_room: Callable[[int], None]) -> None:
        """Make the file.

        Args:
            check_room: raises SpoolFullError where so many bytes more would touch the reserve.

        Raises:
            OSError: the medium refused.
        """
        self.path = path
        self.size = 0
        self._check_room = check_room
        self._checked_at_bytes = 0
        self._hash = hashlib.sha256()
        self._name: str | None = None
        self._is_failed = False
        self._descriptor: int | None = open_locked(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, wait=True
        )

    def write(self, data: bytes | memoryview) -> None:
        """Append sealed bytes.

        Raises:
            OSError: the medium refused.
            SpoolFullError: there is no room for more.
        """
        descriptor = self._open_descriptor()
        if self._name is not None:
            raise SpoolError("a finished object takes no more bytes")
        self._is_failed = True
        if self.size - self._checked_at_bytes >= ROOM_CHECK_BYTES:
            self._check_room(ROOM_CHECK_BYTES)
            self._checked_at_bytes = self.size
        write_all(descriptor, data)
        self._hash.update(data)
        self.size += len(data)
        self._is_failed = False

    def finish(self) -> str:
        """Put every byte on the medium and give the object's name; the second call only names it.

        Raises:
            OSError: the medium refused.
        """
        descriptor = self._open_descriptor()
        if self._name is None:
            self._is_failed = True
            os.fsync(descriptor)
            self._name = self._hash.hexdigest()
            self._is_failed = False
        return self._name

    def discard(self) -> None:
        """Throw the file away, unless the spool has taken it; may be called at any time, twice."""
        if self._descriptor is not None:
            remove(self.path)
            self.release()

    def release(self) -> None:
        """Let go of the file: from now on the index speaks for it, or a sweep removes it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise SpoolError("this incoming file is closed")
        if self._is_failed:
            raise SpoolError("writing this object failed before; it must be made anew")
        return self._descriptor

    def __enter__(self) -> Self:
        """Use the file in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Discard the file at the end of the block, unless the spool has taken it."""
        self.discard()
