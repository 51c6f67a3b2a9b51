"""DICOM's wire, as bare as it goes: for senders and stations that hold no more than one PDU.

Source: PS3.8 9.3 (PDUs), E.2 (message control header); PS3.7 6.3.1, E.1 (command sets).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07
COMMAND, LAST = 0x01, 0x02
C_STORE_RQ, C_STORE_RSP, C_ECHO_RQ, C_ECHO_RSP = 0x0001, 0x8001, 0x0030, 0x8030
NO_DATA_SET, DATA_SET = 0x0101, 0x0001

MAX_PDU_BYTES = 131072
IMPLEMENTATION = "1.2.826.0.1.3680043.8.498.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

_HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">IBB")  # length, context id, message control header
_ELEMENT = struct.Struct("<HHI")


class PeerGoneError(Exception):
    """The connection ended."""


def read_pdu(sock: socket.socket, into: bytearray) -> tuple[int, memoryview]:
    """Read one PDU; gives its type and its body, which lies in `into`.

    Raises:
        PeerGoneError: the connection ended.
    """
    _fill(sock, memoryview(into)[: _HEADER.size])
    kind, length = _HEADER.unpack_from(into)
    if length > len(into):
        into.extend(bytes(length - len(into)))
    body = memoryview(into)[:length]
    _fill(sock, body)
    return kind, body


def _fill(sock: socket.socket, view: memoryview) -> None:
    while view:
        count = sock.recv_into(view)
        if count == 0:
            raise PeerGoneError
        view = view[count:]


def pdu(kind: int, body: bytes) -> bytes:
    """Write a PDU."""
    return _HEADER.pack(kind, len(body)) + body


def data_pdu(context_id: int, control: int, fragment: bytes | memoryview) -> bytes:
    """Write a P-DATA-TF with one presentation data value."""
    item = _ITEM.pack(len(fragment) + 2, context_id, control)
    return b"".join((_HEADER.pack(P_DATA, len(item) + len(fragment)), item, fragment))


def values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Split a P-DATA-TF: context id, message control header, fragment."""
    offset = 0
    while offset < len(body):
        length, context_id, control = _ITEM.unpack_from(body, offset)
        yield context_id, control, body[offset + _ITEM.size : offset + 4 + length]
        offset += 4 + length


def associate_rq(calling: str, called: str, contexts: Sequence[tuple[str, str]]) -> bytes:
    """Ask for an association; the contexts get the ids 1, 3, 5 …

    Args:
        contexts: SOP class UID, transfer syntax UID.
    """
    asked = A_ASSOCIATE()
    asked.application_context_name = UID(APPLICATION_CONTEXT)
    asked.calling_ae_title, asked.called_ae_title = calling, called
    proposed = [build_context(*context) for context in contexts]
    for index, context in enumerate(proposed):
        context.context_id = 2 * index + 1
    asked.presentation_context_definition_list = proposed
    asked.user_information = _user_information()
    made = A_ASSOCIATE_RQ()
    made.from_primitive(asked)
    return made.encode()


def associate_ac(
    request: bytes, refused: frozenset[str] = frozenset()
) -> tuple[bytes, dict[int, str]]:
    """Accept an association, each context with the first transfer syntax proposed.

    Args:
        refused: transfer syntaxes that are not taken.

    Returns:
        The A-ASSOCIATE-AC, and the transfer syntax of each accepted context id.
    """
    read = A_ASSOCIATE_RQ()
    read.decode(request)
    asked = read.to_primitive()
    results, taken = [], {}
    for context in asked.presentation_context_definition_list:
        answer = PresentationContext()
        answer.context_id = context.context_id
        usable = [each for each in context.transfer_syntax if each not in refused]
        answer.transfer_syntax = [str((usable or context.transfer_syntax)[0])]
        answer.result = 0 if usable else 4
        results.append(answer)
        if usable:
            taken[int(context.context_id or 0)] = str(usable[0])
    asked.presentation_context_definition_results_list = results
    asked.result, asked.result_source = 0, 1
    asked.user_information = _user_information()
    made = A_ASSOCIATE_AC()
    made.from_primitive(asked)
    return made.encode(), taken


def accepted(answer: bytes) -> dict[int, str]:
    """Read an A-ASSOCIATE-AC: the transfer syntax of each accepted context id."""
    read = A_ASSOCIATE_AC()
    read.decode(answer)
    contexts = read.to_primitive().presentation_context_definition_results_list
    return {
        int(each.context_id or 0): str(each.transfer_syntax[0])
        for each in contexts
        if each.result == 0
    }


def _user_information() -> list[Any]:
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = MAX_PDU_BYTES
    implementation.implementation_class_uid = UID(IMPLEMENTATION)
    return [longest, implementation]


def store_rq(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """Write the command set of a C-STORE request."""
    return _command(
        {
            0x0002: _uid(sop_class),
            0x0100: _us(C_STORE_RQ),
            0x0110: _us(message_id),
            0x0700: _us(0),
            0x0800: _us(DATA_SET),
            0x1000: _uid(sop_instance),
        }
    )


def response_to(command: dict[int, bytes], status: int) -> bytes:
    """Write the command set that answers a C-STORE or C-ECHO request."""
    kind = struct.unpack("<H", command[0x0100])[0]
    elements = {
        0x0002: command[0x0002],
        0x0100: _us(kind | 0x8000),
        0x0120: command[0x0110],
        0x0800: _us(NO_DATA_SET),
        0x0900: _us(status),
    }
    if kind == C_STORE_RQ:
        elements[0x1000] = command[0x1000]
    return _command(elements)


def read_command(raw: bytes) -> dict[int, bytes]:
    """Read a command set: the value of each element of group 0000."""
    found, offset = {}, 0
    while offset < len(raw):
        _group, element, length = _ELEMENT.unpack_from(raw, offset)
        offset += _ELEMENT.size
        found[element] = raw[offset : offset + length]
        offset += length
    return found


def text(value: bytes) -> str:
    """Read a UID, or a text, without its padding."""
    return value.rstrip(b"\0 ").decode("latin-1")


def number(value: bytes) -> int:
    """Read an unsigned short."""
    return int(struct.unpack("<H", value)[0])


def _command(elements: dict[int, bytes]) -> bytes:
    body = b"".join(
        _ELEMENT.pack(0, element, len(value)) + value for element, value in sorted(elements.items())
    )
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _us(value: int) -> bytes:
    return struct.pack("<H", value)


def _uid(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


class Requestor:
    """An association as a modality has it; a store streams whatever its iterator gives."""

    def __init__(
        self, address: tuple[str, int], calling: str, called: str, sop_class: str, syntax: str
    ) -> None:
        """Ask for an association with one context.

        Raises:
            PeerGoneError: it was not accepted.
        """
        self._buffer = bytearray(MAX_PDU_BYTES)
        self._sop_class = sop_class
        self._message_id = 0
        self._sock = socket.create_connection(address, 30)
        self._sock.settimeout(900)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.sendall(associate_rq(calling, called, [(sop_class, syntax)]))
        kind, body = read_pdu(self._sock, self._buffer)
        if kind != ASSOCIATE_AC or not accepted(pdu(kind, bytes(body))):
            raise PeerGoneError(f"association not accepted: PDU {kind}")

    def begin(self, sop_instance: str) -> None:
        """Send the command of a C-STORE."""
        self._message_id = self._message_id % 0xFFFF + 1
        command = store_rq(self._message_id, self._sop_class, sop_instance)
        self._sock.sendall(data_pdu(1, COMMAND | LAST, command))

    def fragment(self, data: bytes | memoryview, *, is_last: bool) -> None:
        """Send a piece of the data set; at most a PDU less 6 bytes."""
        self._sock.sendall(data_pdu(1, LAST if is_last else 0, data))

    def send_raw(self, wire: bytes) -> None:
        """Send PDUs that are written already."""
        self._sock.sendall(wire)

    def answer(self) -> tuple[int, str]:
        """Wait for the response: status and error comment."""
        kind, body = read_pdu(self._sock, self._buffer)
        if kind != P_DATA:
            raise PeerGoneError(f"PDU {kind} where a response was due")
        command = read_command(b"".join(bytes(part) for _id, _control, part in values(body)))
        return number(command[0x0900]), text(command.get(0x0902, b""))

    def release(self) -> None:
        """End the association in good order."""
        self._sock.sendall(pdu(RELEASE_RQ, bytes(4)))
        read_pdu(self._sock, self._buffer)
        self._sock.close()

    def abort(self) -> None:
        """Give up: A-ABORT, whatever was under way. Source: PS3.8 9.3.8."""
        self._sock.sendall(pdu(ABORT, bytes(4)))
        self._sock.close()

    def cut(self) -> None:
        """Let go of the connection in the middle of whatever it is."""
        self._sock.close()
