"""One TCP connection of the stream: bytes to frames, flow control, signs of life, a decent end.

A connection that is dead but not closed (a cut line) is given up after `DEAD_AFTER_S` without a
byte; a queue of ours that the kernel cannot send stays small, so that an urgent object overtakes.
What frames mean is the session's affair.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bocage_edge.relay.fault import HOSTILE, Fault, RelayProtocolError
from bocage_edge.relay.frames import (
    ErrorFrame,
    Ping,
    Pong,
    parse_error,
    parse_frame,
)
from bocage_edge.relay.wire import FrameDecoder, FrameType, encode_preamble

# Chosen.
PING_AFTER_S = 3.0  # without a byte from the partner
DEAD_AFTER_S = 10.0
# The kernel's own limit stands behind ours; it also counts while the partner's disk is slow.
USER_TIMEOUT_MS = 30_000
GOODBYE_S = 1.0  # for the ERROR frame to leave
NOTSENT_LOWAT_BYTES = 128 * 1024  # with one chunk of ours: what an urgent object waits for at most
# The window bounds what a cut loses on its way; 2 MiB are 100 Mbit/s at 160 ms.
RECEIVE_WINDOW_BYTES = 2 * 1024 * 1024
READ_AHEAD_FRAMES = 64
LEAST_SEGMENT_BYTES = 536  # RFC 9293 section 3.7.1
CONGESTION_CONTROL = b"bbr"
# Frames that bring nothing forward. An honest partner sends a few a second.
CHATTER_BURST = 400.0
CHATTER_A_SECOND = 40.0
CHATTER = frozenset({FrameType.PING, FrameType.PONG, FrameType.HEAD, FrameType.CANCEL})

FrameHandler = Callable[[FrameType, bytes], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection ended.

    Args:
        fault: None where the other side or the line just closed it.
        is_ours: we found the fault; False: the partner said so, or the line.
    """

    fault: Fault | None
    text: str
    is_ours: bool

    @property
    def is_hostile(self) -> bool:
        """Whether we cut a broken or lying partner."""
        return self.is_ours and self.fault is not None and self._error().is_hostile

    @property
    def is_rejection(self) -> bool:
        """Whether the partner cut us as broken or lying; being too many passes by itself."""
        is_passing = self.fault is Fault.LIMIT
        return not self.is_ours and self.fault in HOSTILE and not is_passing

    def _error(self) -> RelayProtocolError:
        return RelayProtocolError(self.fault or Fault.CLOSING, self.text)


class ConnectionEndedError(Exception):
    """The connection ended while something waited for it; expected, and caught by the session."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.text)
        self.ending = ending


class Connection(asyncio.Protocol):
    """Frames over one socket.

    Frames wait in a short queue for `next_frame` until a handler is set; then each goes to the
    handler as it comes. A handler raises RelayProtocolError to cut the connection.
    """

    def __init__(self, on_made: Callable[["Connection"], None] | None = None) -> None:
        self._on_made = on_made
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[FrameType, bytes]] = deque()
        self._handler: FrameHandler | None = None
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused_at: float | None = None
        self._is_held = False
        self._chatter = CHATTER_BURST
        self._chatter_at = self._loop.time()
        self.heard_at = self._loop.time()
        self.sent_bytes = 0
        self.received_bytes = 0
        self.ending: Ending | None = None
        self.ended = asyncio.Event()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the other side."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("the stream needs a byte transport")
        self._transport = transport
        # Nothing queued in this process but the frame in hand: the order is decided late.
        transport.set_write_buffer_limits(high=0)
        self.send(encode_preamble())
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Cut bytes into frames and hand them on."""
        self.heard_at = self._loop.time()
        self.received_bytes += len(data)
        if self.ending is not None:
            return
        try:
            for kind, body in self._decoder.feed(data):
                self._on_frame(kind, body)
                if self.ending is not None:
                    return
        except RelayProtocolError as error:
            self.fail(error)
        self._arrived.set()

    def pause_writing(self) -> None:
        """The kernel has enough."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The kernel takes more."""
        self._writable.set()

    def eof_received(self) -> bool:
        """The other side has closed; so do we."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        text = "the connection was closed" if exc is None else _line_fault(exc)
        self._end(Ending(None, text, is_ours=False))
        self.ended.set()
        self._writable.set()

    # The session's side

    @property
    def version(self) -> int | None:
        """The version both sides speak; None until the partner's preamble came."""
        return self._decoder.version

    async def greeted(self) -> int:
        """Wait for the partner's preamble.

        Raises:
            ConnectionEndedError: it never came.
        """
        while True:
            if self.version is not None:
                return self.version
            await self._more()

    async def next_frame(self) -> tuple[FrameType, bytes]:
        """Wait for one frame; only while no handler is set.

        Raises:
            ConnectionEndedError: the connection ended first.
        """
        while not self._waiting:
            await self._more()
        return self._waiting.popleft()

    def hold_frames(self) -> None:
        """The partner is proved, the session not there yet: take no more bytes for the moment.

        What has come already waits; `hand_frames_to` goes on.
        """
        self._is_held = True
        self.pause_reading()

    def hand_frames_to(self, handler: FrameHandler) -> None:
        """From now on give frames to `handler`, those that wait first."""
        self._handler = handler
        self._is_held = False
        self.resume_reading()
        try:
            while self._waiting and self.ending is None:
                handler(*self._waiting.popleft())
        except RelayProtocolError as error:
            self.fail(error)

    @property
    def segment_bytes(self) -> int:
        """What one packet carries at most, as the kernel sees it now."""
        return self._option(socket.TCP_MAXSEG) or LEAST_SEGMENT_BYTES

    @property
    def congestion_control(self) -> str:
        """The kernel's algorithm on this connection; empty where it does not say."""
        sock = self._socket()
        if sock is None:
            return ""
        try:
            raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        except OSError:
            return ""
        return raw.rstrip(b"\0").decode("ascii", "replace")

    def _socket(self) -> socket.socket | None:
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        return None if sock is None or sock.fileno() < 0 else sock

    def _option(self, option: int) -> int:
        sock = self._socket()
        try:
            return 0 if sock is None else sock.getsockopt(socket.IPPROTO_TCP, option)
        except OSError:
            return 0

    def send(self, data: bytes) -> None:
        """Queue bytes; after the end of the connection they go nowhere."""
        if data and self._transport is not None and self.ending is None:
            self.sent_bytes += len(data)
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the kernel has taken what was sent.

        Raises:
            ConnectionEndedError: the connection ended.
        """
        await self._writable.wait()
        if self.ending is not None:
            raise ConnectionEndedError(self.ending)

    def pause_reading(self) -> None:
        """Take no more bytes: our disk is behind."""
        if self._transport is not None and self._paused_at is None and self.ending is None:
            self._paused_at = self._loop.time()
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        if self._transport is not None and self._paused_at is not None:
            self._paused_at = None
            self.heard_at = self._loop.time()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def fail(self, error: RelayProtocolError, reason: str = "") -> None:
        """Tell the partner why and cut the connection.

        Args:
            reason: for our own operator, where it says more than the partner should know.
        """
        self.send(ErrorFrame(error.fault, error.text).encode())
        self._end(Ending(error.fault, reason or error.text, is_ours=True))

    def give_up(self, reason: str) -> None:
        """End the connection, if it has not ended yet."""
        if self.ending is None:
            self.fail(RelayProtocolError(Fault.CLOSING, reason))

    def ping(self) -> None:
        """Ask for a sign of life; only once the connection is open."""
        self.send(Ping(int(self._loop.time() * 1000)).encode())

    async def watch(self) -> None:
        """Ping a silent partner, and give a dead one up; ends with the connection."""
        while self.ending is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), PING_AFTER_S / 2)
            self.look_for_life(self._loop.time())

    async def close(self) -> None:
        """End the connection, if it has not, and wait until the socket is gone."""
        self.give_up("this side ends the connection")
        await self.ended.wait()

    def look_for_life(self, now: float) -> None:
        """Ping a partner that is silent, and give up one that has been for too long.

        Args:
            now: of the event loop's clock, seconds.
        """
        if self.ending is not None:
            return
        if self._paused_at is not None:
            # We hear nothing because we do not listen; but the partner shall know that we live.
            self.ping()
        elif now - self.heard_at >= DEAD_AFTER_S:
            self.fail(RelayProtocolError(Fault.TIMED_OUT, "no sign of life from the partner"))
            self._abort()
        elif now - self.heard_at >= PING_AFTER_S and self._handler is not None:
            self.ping()

    def _on_frame(self, kind: FrameType, body: bytes) -> None:
        if kind in CHATTER:
            self._spend_chatter()
        if kind is FrameType.ERROR:
            self._on_error(body)
        elif self._handler is None:
            self._queue(kind, body)
        elif kind is FrameType.PING:
            ping = parse_frame(kind, body)
            self.send(Pong(ping.token).encode() if isinstance(ping, Ping) else b"")
        elif kind is FrameType.PONG:
            parse_frame(kind, body)
        else:
            self._handler(kind, body)

    def _queue(self, kind: FrameType, body: bytes) -> None:
        if len(self._waiting) >= READ_AHEAD_FRAMES and not self._is_held:
            raise RelayProtocolError(Fault.LIMIT, "frames before the handshake is done")
        self._waiting.append((kind, body))

    def _spend_chatter(self) -> None:
        now = self._loop.time()
        earned = (now - self._chatter_at) * CHATTER_A_SECOND
        self._chatter = min(CHATTER_BURST, self._chatter + earned) - 1
        self._chatter_at = now
        if self._chatter < 0:
            raise RelayProtocolError(Fault.LIMIT, "frames that bring nothing forward, too often")

    def _on_error(self, body: bytes) -> None:
        error = parse_error(body)
        try:
            fault = Fault(error.code)
        except ValueError:
            fault = Fault.INTERNAL
        self._end(Ending(fault, f"the partner says: {error.text}", is_ours=False))

    async def _more(self) -> None:
        if self.ending is not None:
            raise ConnectionEndedError(self.ending)
        self._arrived.clear()
        await self._arrived.wait()

    def _end(self, ending: Ending) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        self._arrived.set()
        self._writable.set()
        if self._transport is not None:
            self._transport.close()
            self._loop.call_later(GOODBYE_S, self._abort)

    def _abort(self) -> None:
        if self._transport is not None and not self.ended.is_set():
            self._transport.abort()


def tune(sock: socket.socket) -> None:
    """Set up a socket of the stream, before it connects or as it is accepted.

    Source: tcp(7); TCP_NOTSENT_LOWAT: Linux Documentation/networking/ip-sysctl.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, RECEIVE_WINDOW_BYTES)
    # It keeps its rate on lines that lose packets. A kernel without it, or one that does not let us
    # (net.ipv4.tcp_allowed_congestion_control), stays with its default; the status says which.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)


def _line_fault(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"the line failed: {error.strerror or error.errno}"
    return f"the line failed: {type(error).__name__}"
