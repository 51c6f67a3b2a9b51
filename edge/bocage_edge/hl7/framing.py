"""MLLP: where a message begins and ends on a connection. Pure.

    VT message FS CR

Real senders leave the last CR out, put line ends between messages, or cut anywhere: all that is
fine. A VT inside a message is text (word processors make them), unless it begins another message
(`parted`); an FS always ends it.

Source: HL7 v2.5.1 Implementation Guide, appendix C ("Minimal Lower Layer Protocol").
"""

from __future__ import annotations

import re

from bocage_edge.hl7.errors import FrameTooLongError, FramingError

# Of the protocol.
START = b"\x0b"
END = b"\x1c"
CARRIAGE_RETURN = b"\r"

# Ours.
LIMIT_BYTES = 32 * 1024 * 1024
GARBAGE_LIMIT_BYTES = 1024
BEGINNING_BYTES = 4096
_BETWEEN = b"\r\n \0"
# A VT before MSH at the start of a line: no text has that.
_BEGINS_INSIDE = re.compile(rb"(?<=[\r\n])\x0b(?=MSH[^A-Za-z0-9\r\n])")


def frame(message: bytes) -> bytes:
    """Wrap a message for the wire.

    Raises:
        FramingError: it holds the byte that would end it.
    """
    if END in message:
        raise FramingError("a message holds the byte FS, which ends a frame")
    return START + message + END + CARRIAGE_RETURN


def parted(message: bytes) -> tuple[list[bytes], bytes]:
    """Tell messages apart whose ends the sender left out, so that they came as one.

    Returns:
        Those without an end, and the last, which had one.
    """
    *unended, last = _BEGINS_INSIDE.split(message)
    return unended, last


class Deframer:
    """Takes a connection's bytes in pieces of any size and gives whole messages."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Begin between two messages."""
        self._limit_bytes = limit_bytes
        self._held = bytearray()
        self._is_inside = False
        self._scanned = 0
        self._garbage = 0

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._is_inside

    @property
    def held_bytes(self) -> int:
        """How much of a message is held; never more than the limit and one piece."""
        return len(self._held)

    @property
    def beginning(self) -> bytes:
        """The first bytes of the message that has begun, for an answer to it."""
        return bytes(self._held[:BEGINNING_BYTES])

    def feed(self, piece: bytes) -> list[bytes]:
        """Take what came; gives the messages that are whole now.

        Raises:
            FrameTooLongError: a message passes the limit. Nothing of the connection can be used.
            FramingError: too much that is no message came.
        """
        self._held += piece
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        if not self._is_inside and not self._find_start():
            return None
        end = self._held.find(END, self._scanned)
        size = len(self._held) if end < 0 else end
        if size > self._limit_bytes:
            raise FrameTooLongError(self._limit_bytes, bytes(self._held[:BEGINNING_BYTES]))
        if end < 0:
            self._scanned = size
            return None
        with memoryview(self._held) as held:
            message = bytes(held[:end])
        del self._held[: end + 1]
        self._is_inside, self._scanned = False, 0
        return message

    def _find_start(self) -> bool:
        start = self._held.find(START)
        between = self._held if start < 0 else self._held[:start]
        self._garbage += len(between.strip(_BETWEEN))
        if self._garbage > GARBAGE_LIMIT_BYTES:
            raise FramingError("what comes is no HL7 over MLLP: messages begin with the byte VT")
        if start < 0:
            self._held.clear()
            return False
        del self._held[: start + 1]
        self._is_inside, self._garbage = True, 0
        return True
