"""Messages between the pool and a codec worker, over a socket pair.

    request   operation u8 · head length u32 · payload length u32 · head · payload
    reply     outcome u8   · head length u32 · payload length u32 · head · payload

Lengths are big endian and bounded before anything is read: the worker may have been taken over by
what it decoded, so the pool believes it as little as it would a stranger.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from enum import IntEnum

from bocage_edge.seal.layout import BLOCK_LIMIT_BYTES

HEAD_LIMIT_BYTES = 4096
PAYLOAD_LIMIT_BYTES = BLOCK_LIMIT_BYTES + 1024 * 1024
_PREFIX = struct.Struct(">BII")

Bytes = bytes | bytearray | memoryview


class Operation(IntEnum):
    """What a worker can be asked."""

    CODE_BLOCK = 1
    OPEN_BLOCK = 2
    DECODE = 3
    DIGEST = 4
    ENCODE = 5
    TRY_WALLS = 6


class Outcome(IntEnum):
    """How it went."""

    DONE = 0
    REFUSED = 1
    READY = 2  # the worker's first message, with its walls


class WireError(Exception):
    """The other side closed, or sent what cannot be."""


def send(sock: socket.socket, kind: int, head: bytes, payload: Bytes) -> None:
    """Send one message whole.

    Raises:
        OSError: closed, or no progress within the socket's time-out.
    """
    prefix = _PREFIX.pack(kind, len(head), len(payload)) + head
    if len(payload) <= HEAD_LIMIT_BYTES:
        sock.sendall(prefix + payload)
    else:
        sock.sendall(prefix)
        sock.sendall(payload)


def receive(
    sock: socket.socket, before: Callable[[], None] | None = None
) -> tuple[int, bytes, bytearray]:
    """Receive one message: its kind, head and payload.

    Args:
        before: called ahead of every read; may shorten the time-out or raise.

    Raises:
        WireError: closed, or lengths out of bounds.
        OSError: no progress within the socket's time-out.
    """
    kind, head_bytes, payload_bytes = _PREFIX.unpack(_exactly(sock, _PREFIX.size, before))
    if head_bytes > HEAD_LIMIT_BYTES or payload_bytes > PAYLOAD_LIMIT_BYTES:
        raise WireError("a message is too long")
    head = bytes(_exactly(sock, head_bytes, before))
    return kind, head, _exactly(sock, payload_bytes, before)


def _exactly(sock: socket.socket, size: int, before: Callable[[], None] | None) -> bytearray:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        if before is not None:
            before()
        count = sock.recv_into(view[got:])
        if not count:
            raise WireError("closed")
        got += count
    return data
