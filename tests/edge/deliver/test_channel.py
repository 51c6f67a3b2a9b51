"""Messages on an association's socket: what goes out, and whatever may come back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu import A_ABORT_RQ, A_RELEASE_RP, A_RELEASE_RQ, P_DATA_TF

from bocage_edge.deliver.channel import (
    MAX_ANSWER_PDU_BYTES,
    Channel,
    LinkLostError,
    NoAnswerError,
    echo_command,
    encode_command,
    parse_command,
    status_of,
    store_command,
)

CR = "1.2.840.10008.5.1.4.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
CONTEXT = 3
RESPONSE_S = 0.2
ANSWER = {
    0x0100: b"\x01\x80",
    0x0120: b"\x07\x00",
    0x0800: b"\x01\x01",
    0x0900: b"\x00\xa7",
}


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(1.0)
    theirs.settimeout(5.0)
    with theirs:
        channel = Channel(ours, RESPONSE_S)
        yield channel, theirs
        channel.abort()


def in_pdu(command: bytes, control: int = 3) -> bytes:
    """Put a fragment of a command set into a P-DATA-TF. Source: PS3.8 9.3.5."""
    size = len(command) + 2
    lengths = (size + 4).to_bytes(4, "big") + size.to_bytes(4, "big")
    return b"\x04\x00" + lengths + bytes([CONTEXT, control]) + command


def by_pynetdicom(message: DIMSEMessage, primitive: C_STORE | C_ECHO) -> bytes:
    message.primitive_to_message(primitive)
    message.data_set = BytesIO()
    (pdata,) = message.encode_msg(CONTEXT, 16382)
    return bytes(pdata.presentation_data_value_list[0][1][1:])


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.3.4"])
def test_a_store_request_is_the_one_pynetdicom_writes(instance: str) -> None:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 7, 0
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = CR, instance
    primitive.DataSet = BytesIO(b"\0")
    ours = store_command(7, CR, instance)
    assert ours == by_pynetdicom(C_STORE_RQ(), primitive)


def test_an_echo_request_is_the_one_pynetdicom_writes() -> None:
    primitive = C_ECHO()
    primitive.MessageID, primitive.AffectedSOPClassUID = 9, VERIFICATION
    assert echo_command(9, VERIFICATION) == by_pynetdicom(C_ECHO_RQ(), primitive)


def test_the_command_leaves_with_the_first_fragment_in_pdus_the_station_can_take(
    ends: tuple[Channel, socket.socket],
) -> None:
    channel, theirs = ends
    command = store_command(7, CR, "1.2.3")
    channel.send_command(CONTEXT, command, 64)
    channel.send_fragment(CONTEXT, b"\x02", b"data")
    came = theirs.recv(65536)
    pdus = []
    while came:
        length = 6 + int.from_bytes(came[2:6], "big")
        pdu = P_DATA_TF()
        pdu.decode(came[:length])
        pdus.append(pdu.to_primitive().presentation_data_value_list[0])
        came = came[length:]
    assert all(context == CONTEXT for context, _ in pdus)
    assert b"".join(value[1:] for _, value in pdus[:-1]) == command
    assert [value[0] for _, value in pdus] == [1] * (len(pdus) - 2) + [3, 2]
    assert pdus[-1][1][1:] == b"data"


@pytest.mark.parametrize("step", [1000, 9])
def test_an_answer_is_read_in_any_number_of_fragments(
    ends: tuple[Channel, socket.socket], step: int
) -> None:
    channel, theirs = ends
    command = encode_command(ANSWER)
    for start in range(0, len(command), step):
        is_last = start + step >= len(command)
        theirs.sendall(in_pdu(command[start : start + step], 3 if is_last else 1))
    answer = channel.answer()
    assert status_of(answer, 7, is_echo=False) == 0xA700
    assert status_of(answer, 8, is_echo=False) is None
    assert status_of(answer, 7, is_echo=True) is None


@pytest.mark.parametrize(
    "came",
    [
        b"",
        in_pdu(encode_command(ANSWER), control=2),
        in_pdu(encode_command(ANSWER)[:-3]),
        in_pdu(bytes(9000), control=1),
        b"\x04\x00" + (MAX_ANSWER_PDU_BYTES + 1).to_bytes(4, "big"),
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\xff\x03\x03",
        b"\x07\x00\x00\x00\x00\x04\0\0\0\0",
        b"\x05\x00\x00\x00\x00\x04\0\0\0\0",
    ],
    ids=["nothing", "data", "cut", "endless", "long", "lying", "abort", "release"],
)
def test_what_is_no_answer_is_none(ends: tuple[Channel, socket.socket], came: bytes) -> None:
    channel, theirs = ends
    theirs.sendall(came)
    with pytest.raises(NoAnswerError):
        channel.answer()


@given(st.binary(max_size=200))
def test_whatever_comes_is_an_answer_or_none(came: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(1.0)
        theirs.sendall(in_pdu(came))
        theirs.shutdown(socket.SHUT_WR)
        try:
            answer = Channel(ours, 1.0).answer()
        except NoAnswerError:
            return
        assert answer == parse_command(came)


def test_who_speaks_unasked_is_not_open_and_gets_nothing_more(
    ends: tuple[Channel, socket.socket],
) -> None:
    channel, theirs = ends
    assert channel.is_open
    theirs.sendall(in_pdu(encode_command(ANSWER)))
    assert not channel.is_open
    with pytest.raises(LinkLostError):
        channel.send_fragment(CONTEXT, b"\x02", b"data")


def test_a_release_waits_for_its_answer(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    with ThreadPoolExecutor() as pool:
        released = pool.submit(channel.release)
        asked = A_RELEASE_RQ()
        asked.decode(theirs.recv(100))
        assert not released.done()
        theirs.sendall(bytes(A_RELEASE_RP().encode()))
        released.result(5)
    assert theirs.recv(100) == b""
    assert not channel.is_open


def test_an_abort_tells_the_station(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    channel.abort()
    channel.abort()
    came = theirs.recv(100)
    pdu = A_ABORT_RQ()
    pdu.decode(came)
    assert pdu.source == 0
    assert theirs.recv(100) == b""
