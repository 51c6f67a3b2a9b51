"""A doorbell between processes: "look again", nothing more.

A ring carries no data and may be lost without harm: whoever waits looks by itself after a while.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class Kick:
    """The bell of one process, at a path in the run folder."""

    def __init__(self, path: Path, *, mode: int = 0o660) -> None:
        """Hang the bell, in place of one that a killed process left behind.

        Raises:
            OSError: the folder is missing or not ours to write in.
        """
        self.path = path
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        self._socket.bind(str(path))
        os.chmod(path, mode)

    def fileno(self) -> int:
        """The descriptor to wait on; readable when somebody rang."""
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring; several rings count as one.

        Returns:
            Whether somebody rang within `timeout_s`.
        """
        readable, _, _ = select.select([self._socket], [], [], max(timeout_s, 0.0))
        if readable:
            self.clear()
        return bool(readable)

    def clear(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def __enter__(self) -> Self:
        """Use the bell in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take the bell down at the end of the block."""
        self.close()


def ring(path: Path) -> None:
    """Ring a bell; if nobody is there, or the bell is full of rings, that is all right too."""
    with (
        contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError),
        socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        ) as bell,
    ):
        bell.sendto(b"!", str(path))
