"""Command sets: read strictly, written plainly."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.receive.command import (
    MAX_COMMAND_BYTES,
    Command,
    CommandError,
    echo_response,
    parse_command,
    store_response,
)
from tests.fakes.scripted_peer import command_set, echo_command, read_response, store_command

CT = "1.2.840.10008.5.1.4.1.1.2"
STORE = store_command(CT, "1.2.3", message_id=7)
US_1 = struct.pack("<H", 1)


def test_a_store_request() -> None:
    """UIDs lose their padding and keep it for the answer."""
    assert parse_command(STORE) == Command(
        field=1,
        message_id=7,
        has_data_set=True,
        sop_class=CT,
        sop_instance="1.2.3",
        raw_sop_class=CT.encode() + b"\0",
        raw_sop_instance=b"1.2.3\0",
    )


def test_an_echo_request_has_no_data_set() -> None:
    """0101H in (0000,0800)."""
    command = parse_command(echo_command(3))
    assert (command.field, command.message_id, command.has_data_set) == (0x30, 3, False)


def without(tag: int) -> bytes:
    """A store request without one element."""
    elements = {
        0x0002: b"1.2.3\0",
        0x0100: US_1,
        0x0110: US_1,
        0x0800: US_1,
        0x1000: b"1.2.3\0",
    }
    del elements[tag]
    return command_set(elements)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        STORE[:-1],
        STORE[:20],
        STORE[12:],  # no group length
        STORE + STORE,  # every element twice
        command_set({0x0100: US_1}, group_length=9),
        struct.pack("<HHII", 0, 0, 4, 10) + struct.pack("<HHIH", 8, 0x18, 2, 1),  # group 0008
        struct.pack("<HHII", 0, 0, 4, 8) + struct.pack("<HHI", 0, 0x0002, 0xFFFFFFFF),
        command_set({0x0002: b"1" * 2000, 0x0100: US_1, 0x0110: US_1, 0x0800: US_1}),
        command_set({0x0100: b"\1", 0x0110: US_1, 0x0800: US_1}),
        without(0x0100),
        without(0x0110),
        without(0x0800),
        bytes(MAX_COMMAND_BYTES + 1),
    ],
)
def test_what_is_no_command_set(raw: bytes) -> None:
    """Each ends the association."""
    with pytest.raises(CommandError):
        parse_command(raw)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda tail: STORE[:-40] + tail))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    """Foreign bytes: a command or a CommandError."""
    try:
        parse_command(raw)
    except CommandError as error:
        assert str(error).isascii()


def test_the_answer_to_a_store_names_status_and_comment() -> None:
    """The comment is padded to even length with a space (PS3.5 6.2, LO)."""
    raw = store_response(parse_command(STORE), 0xA700, "no room")
    response = read_response(raw)
    assert (response.field, response.status, response.message_id) == (0x8001, 0xA700, 7)
    assert response.elements[0x0902] == b"no room "
    assert response.elements[0x1000] == b"1.2.3\0"
    assert response.elements[0x0800] == struct.pack("<H", 0x0101)
    assert int.from_bytes(response.elements[0], "little") == len(raw) - 12


def test_success_has_no_comment() -> None:
    """(0000,0902) is for warnings and failures (PS3.7 annex C)."""
    assert 0x0902 not in read_response(store_response(parse_command(STORE), 0)).elements


def test_an_odd_uid_of_the_request_is_echoed_at_even_length() -> None:
    """A peer that forgot the padding still gets a valid answer."""
    request = parse_command(command_set({0x0002: b"1.2", 0x0100: US_1, 0x0110: US_1, 0x0800: US_1}))
    assert read_response(store_response(request, 0)).elements[0x0002] == b"1.2\0"


def test_the_answer_to_an_echo() -> None:
    """C-ECHO-RSP."""
    response = read_response(echo_response(parse_command(echo_command(9)), 0))
    assert (response.field, response.status, response.message_id) == (0x8030, 0, 9)
