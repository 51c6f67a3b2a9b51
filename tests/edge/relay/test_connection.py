"""One connection over a transport that keeps what it gets: signs of life, flow control, the end."""

from __future__ import annotations

import asyncio

from bocage_edge.relay.connection import (
    CHATTER_BURST,
    DEAD_AFTER_S,
    PING_AFTER_S,
    Connection,
    Ending,
)
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import ErrorFrame, Frame, Ping, Pong, parse_frame
from bocage_edge.relay.wire import FrameDecoder, FrameType, encode_preamble


class MemoryTransport(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_reading_paused = False
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Keep bytes."""
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def pause_reading(self) -> None:
        """Remember."""
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Remember."""
        self.is_reading_paused = False

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.is_closed

    def close(self) -> None:
        """Remember."""
        self.is_closed = True

    def abort(self) -> None:
        """Remember."""
        self.is_closed = True

    def frames(self) -> list[Frame]:
        """Give the frames written so far."""
        return [parse_frame(*frame) for frame in FrameDecoder().feed(bytes(self.written))]


def opened() -> tuple[Connection, MemoryTransport, list[FrameType]]:
    heard: list[FrameType] = []
    connection, transport = Connection(), MemoryTransport()
    connection.connection_made(transport)
    connection.data_received(encode_preamble())
    connection.hand_frames_to(lambda kind, _body: heard.append(kind))
    return connection, transport, heard


async def test_a_silent_partner_is_pinged_and_a_dead_one_given_up() -> None:
    connection, transport, _ = opened()
    heard_at = connection.heard_at
    connection.look_for_life(heard_at + PING_AFTER_S - 0.1)
    assert transport.frames() == []
    connection.look_for_life(heard_at + PING_AFTER_S)
    assert isinstance(transport.frames()[0], Ping)
    connection.look_for_life(heard_at + DEAD_AFTER_S)
    assert connection.ending == Ending(
        Fault.TIMED_OUT, "no sign of life from the partner", is_ours=True
    )
    assert not connection.ending.is_hostile
    connection.connection_lost(None)


async def test_a_partner_we_do_not_listen_to_is_not_dead_and_hears_from_us() -> None:
    connection, transport, _ = opened()
    connection.pause_reading()
    connection.look_for_life(connection.heard_at + 100 * DEAD_AFTER_S)
    assert connection.ending is None
    assert isinstance(transport.frames()[0], Ping)
    connection.resume_reading()
    assert not transport.is_reading_paused
    connection.connection_lost(None)


async def test_a_ping_is_answered_with_its_token() -> None:
    connection, transport, heard = opened()
    connection.data_received(Ping(77).encode())
    assert transport.frames() == [Pong(77)]
    assert heard == []
    connection.connection_lost(None)


async def test_chatter_without_end_is_cut() -> None:
    connection, _, _ = opened()
    connection.data_received(Ping(1).encode() * int(CHATTER_BURST + 50))
    assert connection.ending is not None
    assert connection.ending.fault is Fault.LIMIT
    assert connection.ending.is_hostile
    connection.connection_lost(None)


async def test_a_fault_of_ours_is_told_once_and_nothing_after_it() -> None:
    connection, transport, heard = opened()
    connection.fail(RelayProtocolError(Fault.WRONG_STATE, "why"))
    connection.fail(RelayProtocolError(Fault.LIMIT, "again"))
    connection.send(Ping(1).encode())
    connection.data_received(Ping(1).encode())
    assert transport.frames() == [ErrorFrame(Fault.WRONG_STATE, "why")]
    assert transport.is_closed
    assert heard == []
    connection.connection_lost(None)


async def test_what_the_partner_blames_us_for_is_not_its_lie() -> None:
    connection, _, _ = opened()
    connection.data_received(ErrorFrame(Fault.BAD_FRAME, "\x1bnonsense").encode())
    assert connection.ending == Ending(
        Fault.BAD_FRAME, "the partner says: ?nonsense", is_ours=False
    )
    assert not connection.ending.is_hostile
    connection.connection_lost(None)


async def test_frames_that_wait_for_a_handshake_are_few() -> None:
    connection, _, _ = opened()
    early, transport = Connection(), MemoryTransport()
    early.connection_made(transport)
    early.data_received(encode_preamble() + ErrorFrame(999, "x").encode())
    assert early.ending is not None
    flood = Connection()
    flood.connection_made(MemoryTransport())
    flood.data_received(encode_preamble() + Ping(1).encode() * 65)
    assert flood.ending is not None
    assert flood.ending.fault is Fault.LIMIT
    for each in (connection, early, flood):
        each.connection_lost(None)
