"""Messages on an established association's socket, as requestor: bytes out, an answer in.

Once an association stands, the state machine of PS3.8 chapter 9 has nothing to decide for a
requestor that sends one message at a time: it sends P-DATA-TF and reads P-DATA-TF until one side
releases or aborts. So the lane's own thread does that, without a thread that wakes every
millisecond to see whether there is anything to do. What the station says is bounded before it is
read; an answer that is none, or that nobody asked for, ends the association.

Source: PS3.8 9.3.5 (P-DATA-TF), 9.3.6 (A-RELEASE-RQ), 9.3.8 (A-ABORT), E.2; PS3.7 6.3.1, 9.3, E.1.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# PS3.8 9.3.1: PDU types
_P_DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = 0x04, 0x05, 0x06, 0x07
_HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">IBB")
_PDU = struct.Struct(">BxIIB")
_RELEASE = _HEADER.pack(_RELEASE_RQ, 4) + bytes(4)
_ABORT_BY_USER = _HEADER.pack(_ABORT, 4) + bytes(4)
_COMMAND, _LAST_COMMAND = b"\x01", b"\x03"  # PS3.8 E.2, message control header

# PS3.7 E.1: (0000,eeee)
_SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
_PRIORITY, _DATA_SET_TYPE, _STATUS, _SOP_INSTANCE = 0x0700, 0x0800, 0x0900, 0x1000
_STORE_RQ, _ECHO_RQ, _RESPONSE = 0x0001, 0x0030, 0x8000
_NO_DATA_SET, _DATA_SET = 0x0101, 0x0001
_MEDIUM = 0x0000  # PS3.7 9.3.1.1
_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")

# Ours: an answer has a few hundred bytes; what we announced as our longest PDU is 16 KiB.
MAX_ANSWER_PDU_BYTES = 128 * 1024
MAX_ANSWER_BYTES = 8192
RELEASE_WITHIN_S = 5.0


class LinkLostError(Exception):
    """The association ended under our hands, or the station does not read on."""


class NoAnswerError(Exception):
    """What came in place of an answer is none, or nothing came in time."""


@dataclass(frozen=True, slots=True)
class Message:
    """A command set of the station's own, with its data set; empty where it has none."""

    context_id: int
    command: Mapping[int, bytes]
    data_set: bytes


class Channel:
    """One association's socket; used by one thread. Ended by `release` or `abort`."""

    def __init__(self, sock: socket.socket, response_s: float) -> None:
        """Take over a connection.

        Args:
            sock: with its time-out set; each call on it blocks no longer.
            response_s: to wait for an answer.
        """
        self._sock = sock
        self._response_s = response_s
        self._is_ended = False
        self._held = b""

    @property
    def is_open(self) -> bool:
        """Whether it still stands: the station has nothing to say before it is asked."""
        return not self._is_ended and not _is_readable(self._sock, 0.0)

    def send_command(self, context_id: int, command: bytes, limit: int) -> None:
        """Send a command set; it leaves with what follows it, or with `flush`.

        Args:
            limit: bytes of a fragment.
        """
        for start in range(0, len(command), limit):
            fragment = command[start : start + limit]
            is_last = start + limit >= len(command)
            head = _pdu_head(context_id, len(fragment) + 1)
            self._held += head + (_LAST_COMMAND if is_last else _COMMAND) + fragment

    def send_fragment(self, context_id: int, control: bytes, fragment: bytes) -> None:
        """Send a fragment of a data set.

        Args:
            control: message control header, PS3.8 E.2.

        Raises:
            LinkLostError: the association ended, or the station has taken nothing for too long.
        """
        held, self._held = self._held, b""
        head = _pdu_head(context_id, len(fragment) + 1)
        self._send([held + head + control, fragment])

    def flush(self) -> None:
        """Send what is held.

        Raises:
            LinkLostError: as `send_fragment`.
        """
        held, self._held = self._held, b""
        self._send([held])

    def answer(self) -> Mapping[int, bytes]:
        """Wait for a command set: value by element, of group 0000.

        Raises:
            NoAnswerError: none came in time, or the association ended instead.
        """
        deadline = time.monotonic() + self._response_s
        command = bytearray()
        try:
            while True:
                kind, body = self._read_pdu(deadline)
                if kind != _P_DATA:
                    raise NoAnswerError
                for _, control, fragment in _values(body):
                    if not control & 1 or len(command) + len(fragment) > MAX_ANSWER_BYTES:
                        raise NoAnswerError
                    command += fragment
                    if control & 2:
                        return parse_command(bytes(command))
        except (OSError, ValueError):
            raise NoAnswerError from None

    def hear(self, within_s: float, max_bytes: int) -> Message:
        """Wait for a message that the station sends by itself, with its data set.

        Args:
            max_bytes: of the data set.

        Raises:
            NoAnswerError: none came in time, it is too large, or the association ended instead.
        """
        deadline = time.monotonic() + within_s
        command, data_set = bytearray(), bytearray()
        read: Mapping[int, bytes] | None = None
        try:
            while True:
                kind, body = self._read_pdu(deadline)
                if kind != _P_DATA:
                    raise NoAnswerError
                for context_id, control, fragment in _values(body):
                    is_command, is_last = bool(control & 1), bool(control & 2)
                    part, limit = (
                        (command, MAX_ANSWER_BYTES) if is_command else (data_set, max_bytes)
                    )
                    if is_command is (read is not None) or len(part) + len(fragment) > limit:
                        raise NoAnswerError
                    part += fragment
                    if is_last and is_command:
                        read = parse_command(bytes(command))
                        if _number(read.get(_DATA_SET_TYPE, b"")) == _NO_DATA_SET:
                            return Message(context_id, read, b"")
                    elif is_last and read is not None:
                        return Message(context_id, read, bytes(data_set))
        except (OSError, ValueError):
            raise NoAnswerError from None

    def release(self) -> None:
        """End the association in good order, or at least end it."""
        if self.is_open:
            deadline = time.monotonic() + RELEASE_WITHIN_S
            with contextlib.suppress(OSError, NoAnswerError):
                self._sock.sendall(_RELEASE)
                while self._read_pdu(deadline)[0] not in (_RELEASE_RP, _ABORT):
                    pass
                self._close()
        self.abort()

    def abort(self) -> None:
        """End the association at once; does nothing where it has ended already."""
        if not self._is_ended:
            with contextlib.suppress(OSError):
                # Where the station does not read, an abort would wait behind the data.
                self._sock.setblocking(False)
                self._sock.send(_ABORT_BY_USER)
            self._close()

    def _close(self) -> None:
        self._is_ended = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _send(self, parts: Iterable[bytes]) -> None:
        if not self.is_open:
            raise LinkLostError
        parts = [part for part in parts if part]
        try:
            sent = self._sock.sendmsg(parts)
            for part in parts:
                if sent < len(part):
                    self._sock.sendall(memoryview(part)[sent:])
                sent = max(sent - len(part), 0)
        except OSError:
            raise LinkLostError from None

    def _read_pdu(self, deadline: float) -> tuple[int, bytes]:
        kind, length = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if length > MAX_ANSWER_PDU_BYTES:
            raise NoAnswerError
        return kind, self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        """Read exactly so many bytes.

        Raises:
            NoAnswerError: the connection ended, or the time is over.
        """
        read = b""
        while len(read) < size:
            if not _is_readable(self._sock, deadline - time.monotonic()):
                raise NoAnswerError
            piece = self._sock.recv(size - len(read))
            if not piece:
                raise NoAnswerError
            read += piece
        return read


def store_command(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """Write a C-STORE-RQ. Source: PS3.7 9.3.1.1."""
    return encode_command(
        {
            _SOP_CLASS: sop_class.encode("ascii"),
            _FIELD: _US.pack(_STORE_RQ),
            _MESSAGE_ID: _US.pack(message_id),
            _PRIORITY: _US.pack(_MEDIUM),
            _DATA_SET_TYPE: _US.pack(_DATA_SET),
            _SOP_INSTANCE: sop_instance.encode("ascii"),
        }
    )


def echo_command(message_id: int, sop_class: str) -> bytes:
    """Write a C-ECHO-RQ. Source: PS3.7 9.3.5.1."""
    return encode_command(
        {
            _SOP_CLASS: sop_class.encode("ascii"),
            _FIELD: _US.pack(_ECHO_RQ),
            _MESSAGE_ID: _US.pack(message_id),
            _DATA_SET_TYPE: _US.pack(_NO_DATA_SET),
        }
    )


def status_of(answer: Mapping[int, bytes], message_id: int, *, is_echo: bool) -> int | None:
    """Give (0000,0900) of an answer; None where it is not the answer to this message."""
    return response_status(answer, message_id, _ECHO_RQ if is_echo else _STORE_RQ)


def response_status(answer: Mapping[int, bytes], message_id: int, request: int) -> int | None:
    """Give (0000,0900) of an answer; None where it is not the answer to this message.

    Args:
        request: Command Field of the request.
    """
    wanted = _RESPONSE | request
    numbers = [_number(answer.get(element, b"")) for element in (_FIELD, _RESPONDED_TO)]
    return _number(answer.get(_STATUS, b"")) if numbers == [wanted, message_id] else None


def encode_command(elements: Mapping[int, bytes]) -> bytes:
    """Write a command set, its group length in front. Source: PS3.7 6.3.1."""
    body = b"".join(
        _ELEMENT.pack(0, element, len(value) + len(value) % 2) + value + bytes(len(value) % 2)
        for element, value in sorted(elements.items())
    )
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def parse_command(raw: bytes) -> dict[int, bytes]:
    """Read a command set.

    Raises:
        ValueError: cut short, or of another group.
    """
    elements: dict[int, bytes] = {}
    place = 0
    while place < len(raw):
        if len(raw) - place < _ELEMENT.size:
            raise ValueError("cut short")
        group, element, length = _ELEMENT.unpack_from(raw, place)
        place += _ELEMENT.size
        if group != 0 or length > len(raw) - place:
            raise ValueError("no command set")
        elements[element] = raw[place : place + length]
        place += length
    return elements


def _pdu_head(context_id: int, value_bytes: int) -> bytes:
    return _PDU.pack(_P_DATA, value_bytes + 5, value_bytes + 1, context_id)


def _values(body: bytes) -> Iterable[tuple[int, int, bytes]]:
    """Give context id, message control header and fragment of each value of a P-DATA-TF."""
    place = 0
    while place < len(body):
        if len(body) - place < _ITEM.size:
            raise ValueError("cut short")
        length, context_id, control = _ITEM.unpack_from(body, place)
        end = place + 4 + length
        if length < 2 or end > len(body):
            raise ValueError("a length that lies")
        yield context_id, control, body[place + _ITEM.size : end]
        place = end


def _number(value: bytes) -> int | None:
    return int(_US.unpack(value)[0]) if len(value) == _US.size else None


def _is_readable(sock: socket.socket, wait_s: float) -> bool:
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(max(wait_s, 0.0) * 1000))
