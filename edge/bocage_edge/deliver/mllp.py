"""One MLLP connection, as its initiator: messages out, answers in, one at a time.

Whatever the other side sends is bounded in size and in time before it is looked at: an answer has a
few hundred bytes, and a byte a minute does not make one.

Source: HL7 v2.5.1 Implementation Guide, appendix C.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time

from bocage_contract.destination import Hl7Destination
from bocage_edge.hl7.errors import FramingError
from bocage_edge.hl7.framing import Deframer, frame

MAX_ANSWER_BYTES = 64 * 1024
_PIECE_BYTES = 4096
UNREACHABLE = "it cannot be reached"


class ConnectionLostError(Exception):
    """The connection ended, or what came on it is no MLLP.

    Args:
        is_sent: every byte of the message had been handed over: the other side may have it.
    """

    def __init__(self, reason: str, *, is_sent: bool) -> None:
        """Say what happened, in words of ours."""
        super().__init__(reason)
        self.reason = reason
        self.is_sent = is_sent


class MllpConnection:
    """A connection to one listener; used by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        self._sock = sock
        self._deframer = Deframer(MAX_ANSWER_BYTES)
        self._answers: list[bytes] = []
        self._is_ended = False

    @property
    def is_quiet(self) -> bool:
        """Whether it stands and nothing has come on it that nobody asked for."""
        if self._is_ended or self._answers or self._deframer.is_inside:
            return False
        readable, _, _ = select.select([self._sock], [], [], 0)
        return not readable

    def send(self, message: bytes, within_s: float) -> None:
        """Send a message whole.

        Raises:
            ConnectionLostError: it ended meanwhile, or takes nothing for too long.
            FramingError: the message holds the byte that ends a frame; nothing was sent.
        """
        framed = frame(message)
        self._sock.settimeout(within_s)
        try:
            self._sock.sendall(framed)
        except OSError:
            raise ConnectionLostError("it ended the connection", is_sent=False) from None

    def receive(self, deadline: float) -> bytes | None:
        """Give the next message that comes.

        Args:
            deadline: of the monotonic clock; for all of it, however it drips.

        Returns:
            None where none was whole in time.

        Raises:
            ConnectionLostError: it ended, or what came is no MLLP or too long.
        """
        while not self._answers:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._sock.settimeout(left_s)
            try:
                piece = self._sock.recv(_PIECE_BYTES)
            except TimeoutError:
                return None
            except OSError:
                piece = b""
            if not piece:
                raise ConnectionLostError("it ended the connection", is_sent=True)
            try:
                self._answers += self._deframer.feed(piece)
            except FramingError:
                raise ConnectionLostError("what it answers is no MLLP", is_sent=True) from None
        return self._answers.pop(0)

    def close(self) -> None:
        """End it."""
        self._is_ended = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


def dial(destination: Hl7Destination, connect_s: float) -> MllpConnection | None:
    """Connect to a listener; None where it cannot be reached."""
    try:
        sock = socket.create_connection((destination.host, destination.port), connect_s)
    except OSError:
        return None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return MllpConnection(sock)


def knock(destination: Hl7Destination, connect_s: float) -> str:
    """Say why a listener cannot be reached; empty where it can. Sends nothing."""
    connection = dial(destination, connect_s)
    if connection is None:
        return UNREACHABLE
    connection.close()
    return ""
