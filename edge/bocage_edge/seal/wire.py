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
FIRST_READ_BYTES = 64 * 1024
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
    # In one call: the other side wakes once, and with something to work on.
    sent = sock.sendmsg([prefix, payload])
    if sent < len(prefix):
        sock.sendall(prefix[sent:])
        sent = len(prefix)
    if sent < len(prefix) + len(payload):
        sock.sendall(memoryview(payload)[sent - len(prefix) :])


def receive(
    sock: socket.socket, before: Callable[[], None] | None = None
) -> tuple[int, bytes, bytearray]:
    """Receive one message: its kind, head and payload. Nothing may follow it before an answer.

    Args:
        before: called ahead of every read; may shorten the time-out or raise.

    Raises:
        WireError: closed, lengths out of bounds, or more than one message.
        OSError: no progress within the socket's time-out.
    """
    first = bytearray(FIRST_READ_BYTES)
    got = _at_least(sock, first, 0, _PREFIX.size, before)
    kind, head_bytes, payload_bytes = _PREFIX.unpack_from(first)
    if head_bytes > HEAD_LIMIT_BYTES or payload_bytes > PAYLOAD_LIMIT_BYTES:
        raise WireError("a message is too long")
    start = _PREFIX.size + head_bytes
    got = _at_least(sock, first, got, start, before)
    if got - start > payload_bytes:
        raise WireError("more than one message")
    payload = bytearray(payload_bytes)
    payload[: got - start] = memoryview(first)[start:got]
    _at_least(sock, payload, got - start, payload_bytes, before)
    return kind, bytes(first[_PREFIX.size : start]), payload


def _at_least(
    sock: socket.socket,
    into: bytearray,
    got: int,
    size: int,
    before: Callable[[], None] | None,
) -> int:
    """Read until `into` holds so many bytes, perhaps more; gives how many."""
    view = memoryview(into)
    while got < size:
        if before is not None:
            before()
        count = sock.recv_into(view[got:])
        if not count:
            raise WireError("closed")
        got += count
    return got
