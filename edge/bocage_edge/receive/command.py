"""DIMSE command sets: read bounded and strictly, written plainly. Pure.

A command set is a few dozen short elements in implicit VR little endian. It is read here and not
by a data set parser: strangers write it, and a parser made for data sets recurses, converts and
complains in texts that quote what was sent.

Source: PS3.7 6.3.1, 9.3.1, 9.3.5, 10.3.1, 10.3.4, E.1; PS3.5 7.1.3.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

# PS3.7 E.1: (0000,eeee)
GROUP_LENGTH = 0x0000
AFFECTED_SOP_CLASS_UID = 0x0002
REQUESTED_SOP_CLASS_UID = 0x0003
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_RESPONDED_TO = 0x0120
DATA_SET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000
REQUESTED_SOP_INSTANCE_UID = 0x1001
EVENT_TYPE_ID = 0x1002
ACTION_TYPE_ID = 0x1008
NO_DATA_SET = 0x0101

# Ours: a true command set has a few hundred bytes.
MAX_COMMAND_BYTES = 8192
MAX_VALUE_BYTES = 1024

_HEADER = struct.Struct("<HHI")
_US = struct.Struct("<H")
_UL = struct.Struct("<I")


class CommandField(IntEnum):
    """The commands we answer. Source: PS3.7 E.1."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130


# DIMSE-N, with the element that says what kind of event or action it is.
_TYPE_ELEMENTS: dict[int, int] = {
    CommandField.N_EVENT_REPORT_RQ: EVENT_TYPE_ID,
    CommandField.N_ACTION_RQ: ACTION_TYPE_ID,
}
_RESPONSE = 0x8000


class CommandError(ValueError):
    """The bytes are no command set; the text never quotes them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request. UIDs are text without padding; `raw_*` are as sent, for the answer.

    Args:
        field: of CommandField, or a number we do not answer.
        sop_class, sop_instance: affected, or of N-ACTION those requested.
        type_id: Event or Action Type ID; None where the command has none.
    """

    field: int
    message_id: int
    has_data_set: bool
    sop_class: str = ""
    sop_instance: str = ""
    raw_sop_class: bytes = b""
    raw_sop_instance: bytes = b""
    type_id: int | None = None


def parse_command(raw: bytes) -> Command:
    """Read a command set.

    Raises:
        CommandError: cut short, another group, an element twice or out of order, a length that
            lies, or one of the elements missing that every request has.
    """
    elements = _elements(raw)
    field = _us(elements, COMMAND_FIELD)
    is_action = field == CommandField.N_ACTION_RQ
    raw_class = elements.get(REQUESTED_SOP_CLASS_UID if is_action else AFFECTED_SOP_CLASS_UID, b"")
    raw_instance = elements.get(
        REQUESTED_SOP_INSTANCE_UID if is_action else AFFECTED_SOP_INSTANCE_UID, b""
    )
    type_element = _TYPE_ELEMENTS.get(field)
    # C-CANCEL alone has no message id of its own.
    message_id = 0 if field == CommandField.C_CANCEL_RQ else _us(elements, MESSAGE_ID)
    return Command(
        field=field,
        message_id=message_id,
        has_data_set=_us(elements, DATA_SET_TYPE) != NO_DATA_SET,
        sop_class=_uid(raw_class),
        sop_instance=_uid(raw_instance),
        raw_sop_class=raw_class,
        raw_sop_instance=raw_instance,
        type_id=None if type_element is None else _us(elements, type_element),
    )


def store_response(request: Command, status: int, comment: str = "") -> bytes:
    """Write the C-STORE-RSP to a request.

    Args:
        comment: at most 64 ASCII characters; empty: none.
    """
    elements = {
        COMMAND_FIELD: _US.pack(CommandField.C_STORE_RSP),
        MESSAGE_ID_RESPONDED_TO: _US.pack(request.message_id),
        DATA_SET_TYPE: _US.pack(NO_DATA_SET),
        STATUS: _US.pack(status),
    }
    if request.raw_sop_class:
        elements[AFFECTED_SOP_CLASS_UID] = request.raw_sop_class
    if request.raw_sop_instance:
        elements[AFFECTED_SOP_INSTANCE_UID] = request.raw_sop_instance
    if comment:
        elements[ERROR_COMMENT] = _padded(comment.encode("ascii"), b" ")
    return _encode(elements)


def normalized_response(request: Command, status: int, comment: str = "") -> bytes:
    """Write the N-ACTION-RSP or N-EVENT-REPORT-RSP to a request. Source: PS3.7 10.3.1, 10.3.4.

    Args:
        comment: as of `store_response`.
    """
    elements = {
        COMMAND_FIELD: _US.pack(request.field | _RESPONSE),
        MESSAGE_ID_RESPONDED_TO: _US.pack(request.message_id),
        DATA_SET_TYPE: _US.pack(NO_DATA_SET),
        STATUS: _US.pack(status),
        AFFECTED_SOP_CLASS_UID: request.raw_sop_class,
        AFFECTED_SOP_INSTANCE_UID: request.raw_sop_instance,
    }
    if request.type_id is not None:
        elements[_TYPE_ELEMENTS[request.field]] = _US.pack(request.type_id)
    if comment:
        elements[ERROR_COMMENT] = _padded(comment.encode("ascii"), b" ")
    return _encode(elements)


def echo_response(request: Command, status: int) -> bytes:
    """Write the C-ECHO-RSP to a request."""
    elements = {
        COMMAND_FIELD: _US.pack(CommandField.C_ECHO_RSP),
        MESSAGE_ID_RESPONDED_TO: _US.pack(request.message_id),
        DATA_SET_TYPE: _US.pack(NO_DATA_SET),
        STATUS: _US.pack(status),
    }
    if request.raw_sop_class:
        elements[AFFECTED_SOP_CLASS_UID] = request.raw_sop_class
    return _encode(elements)


def _elements(raw: bytes) -> dict[int, bytes]:
    if len(raw) > MAX_COMMAND_BYTES:
        raise CommandError(f"a command set of {len(raw)} bytes")
    elements: dict[int, bytes] = {}
    offset, last = 0, -1
    while offset < len(raw):
        if len(raw) - offset < _HEADER.size:
            raise CommandError("a command set that is cut short")
        group, element, length = _HEADER.unpack_from(raw, offset)
        offset += _HEADER.size
        if group != 0 or element <= last:
            raise CommandError("a command set with an element out of place")
        if length > min(MAX_VALUE_BYTES, len(raw) - offset):
            raise CommandError("a command set with a length that lies")
        elements[element] = raw[offset : offset + length]
        offset += length
        last = element
    _check_group_length(elements, len(raw))
    return elements


def _check_group_length(elements: Mapping[int, bytes], total: int) -> None:
    # PS3.7 6.3.1: the number of bytes that follow the group length element.
    value = elements.get(GROUP_LENGTH)
    if value is None or len(value) != _UL.size:
        raise CommandError("a command set without its group length")
    if _UL.unpack(value)[0] != total - _HEADER.size - _UL.size:
        raise CommandError("a command set with a wrong group length")


def _us(elements: Mapping[int, bytes], element: int) -> int:
    value = elements.get(element, b"")
    if len(value) != _US.size:
        raise CommandError(f"a command set without (0000,{element:04x})")
    number: int = _US.unpack(value)[0]
    return number


def _uid(value: bytes) -> str:
    return value.decode("latin-1").strip("\0 ")


def _encode(elements: Mapping[int, bytes]) -> bytes:
    body = b"".join(
        _HEADER.pack(0, element, len(value)) + value
        for element, value in ((e, _padded(elements[e], b"\0")) for e in sorted(elements))
    )
    return _HEADER.pack(0, GROUP_LENGTH, _UL.size) + _UL.pack(len(body)) + body


def _padded(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value
