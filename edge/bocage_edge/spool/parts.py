"""An object that arrives from the partner, and may go on after a cut or a reboot.

Beside `<name>.part` lies `<name>.mark`: an offset and the SHA-256 of the bytes before it. The mark
is written after those bytes are on the medium, so it never promises more than is there; and it is
not believed either: on resume the bytes are hashed again, and where they differ all of it goes.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bocage_edge.errors import SpoolCorruptError, SpoolError
from bocage_edge.spool.folders import FILE_MODE, open_locked, remove
from bocage_system.durable import write_all

_MARK_BYTES = 160
_READ_BYTES = 1 << 20


class PartFile:
    """The part of one object that is here so far.

    `offset` is where the next byte belongs. What lies before `durable` survives a power cut.
    After a failed write or sync the part must be closed; opening it anew goes on from the mark.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Open the part, making it or going on where it is durable.

        Raises:
            BlockingIOError: another connection writes it.
            OSError: the medium refused.
        """
        self.path = path
        self.name = name
        self._mark_path = path.with_suffix(".mark")
        self._is_failed = False
        self._is_finished = False
        self.offset = self.durable = 0
        self._descriptor: int | None = open_locked(path, os.O_RDWR | os.O_CREAT)
        try:
            self._hash = self._resume(self._descriptor)
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes at `offset`.

        Raises:
            OSError: the medium refused.
        """
        descriptor = self._open_descriptor()
        self._is_failed = True
        write_all(descriptor, data)
        self._hash.update(data)
        self.offset += len(data)
        self._is_failed = False

    def sync(self) -> None:
        """Make what is here durable, so that a power cut costs nothing before `offset`.

        Raises:
            OSError: the medium refused.
        """
        descriptor = self._open_descriptor()
        self._is_failed = True
        os.fdatasync(descriptor)
        self._write_mark()
        self.durable = self.offset
        self._is_failed = False

    def finish(self, expected: str) -> None:
        """Check the whole and put it on the medium; only then may it be accepted.

        Args:
            expected: SHA-256 of the sealed bytes, 64 hex digits: the object's name.

        Raises:
            SpoolCorruptError: these are other bytes; they have been thrown away.
            OSError: the medium refused.
        """
        descriptor = self._open_descriptor()
        if self._is_finished:
            return
        if self._hash.hexdigest() != expected or expected != self.name:
            self.discard()
            raise SpoolCorruptError(
                "what arrived is not what was offered", hint="the partner sends it again"
            )
        self._is_failed = True
        os.fsync(descriptor)
        self._is_failed = False
        self._is_finished = True

    def close(self) -> None:
        """Leave the part for another time."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def discard(self) -> None:
        """Throw the part away; may be called at any time, twice."""
        if self._descriptor is not None:
            remove(self.path)
            remove(self._mark_path)
            self.close()

    def release(self) -> None:
        """Let go: the file has its final name now."""
        if self._descriptor is not None:
            remove(self._mark_path)
            self.close()

    def _resume(self, descriptor: int) -> hashlib._Hash:
        marked, expected = read_mark(self._mark_path)
        marked = marked if marked <= os.fstat(descriptor).st_size else 0
        so_far = hashlib.sha256()
        for start in range(0, marked, _READ_BYTES):
            so_far.update(os.pread(descriptor, min(_READ_BYTES, marked - start), start))
        if marked and so_far.hexdigest() != expected:
            marked, so_far = 0, hashlib.sha256()
        os.ftruncate(descriptor, marked)
        os.lseek(descriptor, marked, os.SEEK_SET)
        self.offset = self.durable = marked
        return so_far

    def _write_mark(self) -> None:
        mark = json.dumps({"offset": self.offset, "sha256": self._hash.hexdigest()}).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._mark_path, flags, FILE_MODE)
        try:
            os.pwrite(descriptor, mark.ljust(_MARK_BYTES), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise SpoolError("this part is closed")
        if self._is_failed:
            raise SpoolError("writing this part failed before; open it anew")
        return self._descriptor

    def __enter__(self) -> Self:
        """Use the part in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Leave the part for another time at the end of the block."""
        self.close()


def read_mark(path: Path) -> tuple[int, str]:
    """Read how far a part is durable, and the SHA-256 of it; (0, "") where that is not known."""
    try:
        mark = json.loads(path.read_bytes()[:_MARK_BYTES])
        offset, digest = int(mark["offset"]), str(mark["sha256"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, ""
    return max(offset, 0), digest
