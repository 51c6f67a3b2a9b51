"""Command sets of DIMSE-N as storage commitment needs them: N-ACTION, N-EVENT-REPORT. Pure.

Source: PS3.7 10.3.1 (N-EVENT-REPORT), 10.3.4 (N-ACTION), E.1.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from bocage_edge.deliver.channel import encode_command

# PS3.7 E.1: (0000,eeee), and Command Field
_AFFECTED_CLASS, _REQUESTED_CLASS = 0x0002, 0x0003
_FIELD, _MESSAGE_ID, _RESPONDED_TO, _DATA_SET_TYPE = 0x0100, 0x0110, 0x0120, 0x0800
_STATUS, _AFFECTED_INSTANCE, _REQUESTED_INSTANCE = 0x0900, 0x1000, 0x1001
_EVENT_TYPE, _ACTION_TYPE = 0x1002, 0x1008
N_EVENT_REPORT, N_ACTION = 0x0100, 0x0130
_RESPONSE, _DATA_SET, _NO_DATA_SET = 0x8000, 0x0001, 0x0101
_US = struct.Struct("<H")


def action_command(message_id: int, sop_class: str, sop_instance: str, action: int) -> bytes:
    """Write an N-ACTION-RQ with a data set."""
    return encode_command(
        {
            _REQUESTED_CLASS: sop_class.encode("ascii"),
            _FIELD: _US.pack(N_ACTION),
            _MESSAGE_ID: _US.pack(message_id),
            _DATA_SET_TYPE: _US.pack(_DATA_SET),
            _REQUESTED_INSTANCE: sop_instance.encode("ascii"),
            _ACTION_TYPE: _US.pack(action),
        }
    )


def event_command(message_id: int, sop_class: str, sop_instance: str, event: int) -> bytes:
    """Write an N-EVENT-REPORT-RQ with a data set."""
    return encode_command(
        {
            _AFFECTED_CLASS: sop_class.encode("ascii"),
            _FIELD: _US.pack(N_EVENT_REPORT),
            _MESSAGE_ID: _US.pack(message_id),
            _DATA_SET_TYPE: _US.pack(_DATA_SET),
            _AFFECTED_INSTANCE: sop_instance.encode("ascii"),
            _EVENT_TYPE: _US.pack(event),
        }
    )


def is_event(command: Mapping[int, bytes], sop_class: str) -> bool:
    """Whether a command set is an N-EVENT-REPORT-RQ of a SOP class."""
    is_report = command.get(_FIELD) == _US.pack(N_EVENT_REPORT)
    return is_report and command.get(_AFFECTED_CLASS, b"").rstrip(b"\0 ") == sop_class.encode()


def event_response(command: Mapping[int, bytes], status: int) -> bytes:
    """Write the N-EVENT-REPORT-RSP to a request."""
    kept = {
        element: command[element]
        for element in (_AFFECTED_CLASS, _AFFECTED_INSTANCE, _EVENT_TYPE)
        if element in command
    }
    return encode_command(
        {
            **kept,
            _FIELD: _US.pack(_RESPONSE | N_EVENT_REPORT),
            _RESPONDED_TO: command.get(_MESSAGE_ID, bytes(2)),
            _DATA_SET_TYPE: _US.pack(_NO_DATA_SET),
            _STATUS: _US.pack(status),
        }
    )
