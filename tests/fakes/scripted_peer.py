"""A DICOM peer that says exactly the bytes a test tells it to, right or wrong.

It speaks on a plain socket: what a toolkit would never send (a lying length, half a PDU, one
message inside another) is what a hostile or broken peer does send.

Source: PS3.8 9.3 (PDUs), PS3.7 6.3 (command sets).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ACCEPTED, REJECTED, DATA, RELEASE_RQ, RELEASE_RP, ABORT = 2, 3, 4, 5, 6, 7
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU of the other side; type 0: it closed the connection."""

    type: int
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A C-STORE-RSP or C-ECHO-RSP."""

    field: int
    status: int
    message_id: int
    comment: str
    elements: Mapping[int, bytes]


class ScriptedPeer:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """Connect, and say nothing yet."""
        self._socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(raw)

    def send_all_or_be_cut(self, raw: bytes) -> None:
        """Send bytes; the other side may close the connection meanwhile."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(raw)

    def finish_sending(self) -> None:
        """Say that nothing more will come (TCP FIN)."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> Pdu:
        """Wait for the next PDU."""
        head = self._exactly(6)
        if len(head) < 6:
            return Pdu(0)
        length = int.from_bytes(head[2:], "big")
        return Pdu(head[0], self._exactly(length))

    def associate(self, request: bytes) -> Pdu:
        """Send an A-ASSOCIATE-RQ and wait for what comes back."""
        self.send(request)
        return self.receive()

    def response(self) -> Response:
        """Wait for a DIMSE response."""
        pdu = self.receive()
        assert pdu.type == DATA, pdu
        return read_response(pdu.body[6:])

    def release(self) -> Pdu:
        """Release the association and wait for the answer."""
        self.send(pdu(RELEASE_RQ, bytes(4)))
        return self.receive()

    def abort(self) -> None:
        """Abort the association."""
        self.send(pdu(ABORT, bytes(4)))

    def reset(self) -> None:
        """Tear the connection down with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close it at the end."""
        self.close()

    def _exactly(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            try:
                piece = self._socket.recv(count - len(received))
            except ConnectionResetError:
                piece = b""
            if not piece:
                break
            received += piece
        return bytes(received)


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Write a PDU; `length` tells another length than the true one."""
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def item(kind: int, body: bytes) -> bytes:
    """Write an item of an A-ASSOCIATE PDU."""
    return struct.pack(">BxH", kind, len(body)) + body


def context(number: int, abstract_syntax: str, syntaxes: Iterable[str]) -> bytes:
    """Write a presentation context item."""
    inner = item(0x30, abstract_syntax.encode("latin-1"))
    inner += b"".join(item(0x40, syntax.encode("latin-1")) for syntax in syntaxes)
    return item(0x20, bytes((number, 0, 0, 0)) + inner)


def associate_request(
    calling: bytes,
    called: bytes,
    contexts: Sequence[tuple[int, str, Sequence[str]]],
    *,
    user_items: bytes = b"",
    max_pdu_bytes: int = 65536,
) -> bytes:
    """Write an A-ASSOCIATE-RQ.

    Args:
        calling, called: up to 16 bytes, padded with spaces here.
        contexts: (id, abstract syntax, transfer syntaxes).
        user_items: further sub-items of the user information.
    """
    user = item(0x51, struct.pack(">I", max_pdu_bytes)) + item(0x52, b"1.2.3.4") + user_items
    body = (
        struct.pack(">HH", 1, 0)
        + called.ljust(16)
        + calling.ljust(16)
        + bytes(32)
        + item(0x10, APPLICATION_CONTEXT.encode())
        + b"".join(context(*each) for each in contexts)
        + item(0x50, user)
    )
    return pdu(1, body)


def context_results(body: bytes) -> dict[int, tuple[int, str]]:
    """Read an A-ASSOCIATE-AC: context id -> (result, transfer syntax)."""
    found = {}
    place = 68
    while place < len(body):
        kind, length = body[place], int.from_bytes(body[place + 2 : place + 4], "big")
        inner = body[place + 4 : place + 4 + length]
        if kind == 0x21:
            found[inner[0]] = (inner[2], inner[8:].decode())
        place += 4 + length
    return found


def data(context_id: int, fragment: bytes, *, command: bool = False, last: bool = True) -> bytes:
    """Write a P-DATA-TF with one presentation data value."""
    value = bytes((int(command) | int(last) << 1,)) + fragment
    return pdu(DATA, struct.pack(">IB", len(value) + 1, context_id) + value)


def command_set(elements: Mapping[int, bytes], *, group_length: int | None = None) -> bytes:
    """Write a command set; `group_length` tells another one than the true one."""
    body = b"".join(
        struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in sorted(elements.items())
    )
    told = len(body) if group_length is None else group_length
    return struct.pack("<HHII", 0, 0, 4, told) + body


def store_command(sop_class: str, sop_instance: str, message_id: int = 1) -> bytes:
    """Write a C-STORE-RQ."""
    return command_set(
        {
            0x0002: even(sop_class),
            0x0100: struct.pack("<H", 1),
            0x0110: struct.pack("<H", message_id),
            0x0700: struct.pack("<H", 0),
            0x0800: struct.pack("<H", 1),
            0x1000: even(sop_instance),
        }
    )


def echo_command(message_id: int = 1) -> bytes:
    """Write a C-ECHO-RQ."""
    return command_set(
        {
            0x0002: even("1.2.840.10008.1.1"),
            0x0100: struct.pack("<H", 0x30),
            0x0110: struct.pack("<H", message_id),
            0x0800: struct.pack("<H", 0x0101),
        }
    )


def even(uid: str) -> bytes:
    """Pad a UID to even length with NUL."""
    raw = uid.encode("latin-1")
    return raw + b"\0" * (len(raw) % 2)


def read_response(raw: bytes) -> Response:
    """Read a response's command set."""
    elements = {}
    place = 0
    while place < len(raw):
        _, tag, length = struct.unpack_from("<HHI", raw, place)
        elements[tag] = raw[place + 8 : place + 8 + length]
        place += 8 + length
    return Response(
        field=int.from_bytes(elements[0x0100], "little"),
        status=int.from_bytes(elements[0x0900], "little"),
        message_id=int.from_bytes(elements[0x0120], "little"),
        comment=elements.get(0x0902, b"").decode().strip(),
        elements=elements,
    )
