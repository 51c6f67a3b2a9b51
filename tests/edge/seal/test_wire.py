"""Messages over a socket pair, and sides that do not keep to them."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from bocage_edge.seal import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("head", [b"", b"h" * 12, b"h" * wire.HEAD_LIMIT_BYTES])
@pytest.mark.parametrize(
    "size", [0, 1, wire.FIRST_READ_BYTES - 30, wire.FIRST_READ_BYTES, 3_000_000]
)
def test_a_message_of_any_size_comes_whole(pair: Pair, head: bytes, size: int) -> None:
    ours, theirs = pair
    payload = bytes(range(256)) * (size // 256 + 1)
    sending = threading.Thread(target=wire.send, args=(ours, 7, head, payload[:size]))
    sending.start()
    kind, got_head, got = wire.receive(theirs)
    sending.join()
    assert (kind, got_head, bytes(got)) == (7, head, payload[:size])


def test_a_view_is_sent_as_its_bytes(pair: Pair) -> None:
    ours, theirs = pair
    wire.send(ours, 1, b"", memoryview(bytearray(b"abcdef"))[2:4])
    assert wire.receive(theirs)[2] == b"cd"


def test_it_may_drip(pair: Pair) -> None:
    ours, theirs = pair
    raw = struct.pack(">BII", 3, 2, 4) + b"hhpppp"
    looks = []
    for byte in raw[:-1]:
        ours.send(bytes([byte]))
    done = threading.Thread(target=lambda: looks.append(wire.receive(theirs)))
    done.start()
    ours.send(raw[-1:])
    done.join()
    assert looks == [(3, b"hh", bytearray(b"pppp"))]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\1\0\0", id="cut in the prefix"),
        pytest.param(struct.pack(">BII", 1, 4, 0) + b"h", id="cut in the head"),
        pytest.param(struct.pack(">BII", 1, 0, 4) + b"p", id="cut in the payload"),
        pytest.param(struct.pack(">BII", 1, wire.HEAD_LIMIT_BYTES + 1, 0), id="long head"),
        pytest.param(struct.pack(">BII", 1, 0, wire.PAYLOAD_LIMIT_BYTES + 1), id="long payload"),
        pytest.param(struct.pack(">BII", 1, 0, 1) + b"pp", id="more than one"),
    ],
)
def test_what_is_no_message_is_refused(pair: Pair, raw: bytes) -> None:
    ours, theirs = pair
    ours.sendall(raw)
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(wire.WireError):
        wire.receive(theirs)
