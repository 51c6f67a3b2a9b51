"""Messages out of fragments: each order that may be, and each that may not."""

from __future__ import annotations

import struct

import pytest

from bocage_edge.receive.command import MAX_COMMAND_BYTES, parse_command
from bocage_edge.receive.message import (
    Assembler,
    DataSetFragment,
    EchoAsked,
    Event,
    MessageFaultError,
    StoreBegins,
)
from tests.fakes.scripted_peer import command_set, echo_command, store_command

STORE = store_command("1.2.840.10008.5.1.4.1.1.2", "1.2.3")
ECHO = echo_command()
CANCEL = command_set(
    {0x0100: struct.pack("<H", 0xFFF), 0x0120: bytes(2), 0x0800: struct.pack("<H", 0x101)}
)
FIND = command_set({0x0100: struct.pack("<H", 0x20), 0x0110: bytes(2), 0x0800: bytes(2)})
STORE_WITHOUT_DATA = command_set(
    {0x0100: struct.pack("<H", 1), 0x0110: bytes(2), 0x0800: struct.pack("<H", 0x101)}
)
C, C_LAST, D, D_LAST = b"\1", b"\3", b"\0", b"\2"

Step = tuple[int, bytes]


def run(steps: list[Step]) -> list[Event | None]:
    """Feed every step."""
    assembler = Assembler({1, 3})
    return [assembler.feed(*step) for step in steps]


def test_a_store_passes_its_data_set_on() -> None:
    """Fragment by fragment, then the next message may be in another context."""
    events = run(
        [
            (1, C + STORE[:10]),
            (1, C_LAST + STORE[10:]),
            (1, D + b"abc"),
            (1, D + b""),
            (1, D_LAST + b"def"),
            (3, C_LAST + ECHO),
        ]
    )
    assert events == [
        None,
        StoreBegins(1, parse_command(STORE)),
        DataSetFragment(b"abc", is_last=False),
        DataSetFragment(b"", is_last=False),
        DataSetFragment(b"def", is_last=True),
        EchoAsked(3, parse_command(ECHO)),
    ]


def test_reserved_bits_of_the_control_header_do_not_count() -> None:
    """PS3.8 E.2: only the two lowest do."""
    assert isinstance(run([(1, b"\xf3" + ECHO)])[0], EchoAsked)


def test_a_cancel_is_taken_and_does_nothing() -> None:
    """It is for queries."""
    assert run([(1, C_LAST + CANCEL), (1, C_LAST + ECHO)])[0] is None


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(1, b"")], id="empty value"),
        pytest.param([(5, C_LAST + ECHO)], id="context not accepted"),
        pytest.param([(1, D + b"x")], id="data without command"),
        pytest.param([(1, C_LAST + ECHO), (1, D + b"x")], id="data after an echo"),
        pytest.param([(1, C + STORE[:8]), (1, D + b"x")], id="data inside a command"),
        pytest.param([(1, C_LAST + STORE), (1, C_LAST + STORE)], id="command instead of data"),
        pytest.param([(1, C_LAST + STORE), (1, D + b"x"), (1, C + b"")], id="command inside data"),
        pytest.param([(1, C + STORE[:8]), (3, C_LAST + STORE[8:])], id="command in two contexts"),
        pytest.param([(1, C_LAST + STORE), (3, D_LAST + b"x")], id="data in another context"),
        pytest.param([(1, C_LAST + STORE_WITHOUT_DATA)], id="store without data set"),
        pytest.param([(1, C_LAST + FIND)], id="query"),
        pytest.param([(1, C_LAST + STORE[:-2])], id="broken command"),
        pytest.param([(1, C + bytes(MAX_COMMAND_BYTES)), (1, C + b"x")], id="endless command"),
    ],
)
def test_what_makes_no_message_ends_the_association(steps: list[Step]) -> None:
    """Every step but the last is fine."""
    assembler = Assembler({1, 3})
    for step in steps[:-1]:
        assembler.feed(*step)
    with pytest.raises(MessageFaultError):
        assembler.feed(*steps[-1])
