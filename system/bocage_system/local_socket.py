"""Questions and answers between processes of one machine: framed JSON over a Unix socket.

A frame is a length (4 bytes, big endian) and that many bytes of JSON, at most 8 MiB. The kernel
tells the server which user asks (SO_PEERCRED), so a caller cannot claim to be another.
Source: unix(7).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_FRAME_BYTES = 8 << 20
_ACCEPT_POLL_S = 0.25
_CALL_TIMEOUT_S = 30.0

Message = dict[str, Any]
Handler = Callable[[int, Message], Message]


class LocalSocketError(Exception):
    """The other process is not there, or broke the framing."""


def serve(path: Path, handler: Handler, stop: threading.Event, *, mode: int = 0o660) -> None:
    """Answer callers until `stop` is set; one thread a connection.

    Args:
        handler: gets the caller's uid and its message; its answer goes back. It must turn what it
            expects to go wrong into an answer: an exception ends the process.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listener:
        listener.bind(str(path))
        os.chmod(path, mode)
        listener.listen(64)
        listener.settimeout(_ACCEPT_POLL_S)
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            threading.Thread(target=_converse, args=(connection, handler), daemon=True).start()


class LocalClient:
    """A caller; safe to use from several threads, one question at a time."""

    def __init__(self, path: Path, *, timeout_s: float = _CALL_TIMEOUT_S) -> None:
        """Remember where the server is; the connection is made at the first call."""
        self._path = path
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def call(self, message: Message) -> Message:
        """Ask and wait for the answer.

        A connection that has broken since the last call is made anew; a question whose answer did
        not come is not asked again, for the caller must know whether asking twice is harmless.

        Raises:
            LocalSocketError: nobody answers.
        """
        with self._lock:
            try:
                connection = self._connected_locked()
                write_frame(connection, message)
                answer = read_frame(connection)
            except (OSError, LocalSocketError) as error:
                self._close_locked()
                raise LocalSocketError(f"{self._path.name} does not answer: {error}") from error
            if answer is None:
                self._close_locked()
                raise LocalSocketError(f"{self._path.name} closed the connection")
            return answer

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        with self._lock:
            self._close_locked()

    def _connected_locked(self) -> socket.socket:
        if self._connection is not None and _is_closed(self._connection):
            self._close_locked()
        if self._connection is None:
            self._connection = socket.socket(
                socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC
            )
            self._connection.settimeout(self._timeout_s)
            self._connection.connect(str(self._path))
        return self._connection

    def _close_locked(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def peer_uid(connection: socket.socket) -> int:
    """Ask the kernel which user is at the other end. Source: unix(7), SO_PEERCRED."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _pid, uid, _gid = struct.unpack("3i", credentials)
    return int(uid)


def write_frame(connection: socket.socket, message: Message) -> None:
    """Send one message.

    Raises:
        LocalSocketError: it is larger than a frame may be.
        OSError: the connection broke.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise LocalSocketError(f"a message of {len(data)} bytes is too large")
    connection.sendall(struct.pack(">I", len(data)) + data)


def read_frame(connection: socket.socket) -> Message | None:
    """Receive one message; None where the other end closed between two messages.

    Raises:
        LocalSocketError: too large, cut short, or not a JSON object.
        OSError: the connection broke.
    """
    head = _read_exactly(connection, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">I", head)
    if length > MAX_FRAME_BYTES:
        raise LocalSocketError(f"a frame of {length} bytes is too large")
    data = _read_exactly(connection, length)
    try:
        message = json.loads(data or b"")
    except ValueError:
        raise LocalSocketError("a frame is not JSON") from None
    if not isinstance(message, dict):
        raise LocalSocketError("a frame is not a JSON object")
    return message


def _read_exactly(connection: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(length - len(parts), 1 << 20))
        if not part:
            if parts:
                raise LocalSocketError("the connection closed inside a frame")
            return None
        parts += part
    return bytes(parts)


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other end has gone: between two questions nothing else can be readable."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable)


def _converse(connection: socket.socket, handler: Handler) -> None:
    with connection:
        uid = peer_uid(connection)
        try:
            while (message := read_frame(connection)) is not None:
                write_frame(connection, handler(uid, message))
        except (OSError, LocalSocketError):
            # A caller that went away or broke the framing loses its connection, nothing else.
            return
