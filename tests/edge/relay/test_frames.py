"""What each frame says: written and read the same; what breaks the specification is refused."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.relay import page
from bocage_edge.relay.fault import RelayProtocolError
from bocage_edge.relay.frames import (
    LARGEST_OBJECT_BYTES,
    Commit,
    Entries,
    Frame,
    Pull,
    Refuse,
    encode_text,
    parse_frame,
    parse_text,
)
from bocage_edge.relay.wire import HEADER, PUSH_LIMIT_BYTES, FrameType
from tests.edge.relay.examples import FRAMES, NAME, SIGNATURE, commit, offer


def body_of(frame: Frame) -> tuple[FrameType, bytes]:
    raw = frame.encode()
    length, kind = HEADER.unpack_from(raw)
    assert length == len(raw) - HEADER.size
    return FrameType(kind), raw[HEADER.size :]


@given(FRAMES)
def test_a_frame_written_is_the_frame_read(frame: Frame) -> None:
    assert parse_frame(*body_of(frame)) == frame


@given(st.sampled_from(list(FrameType)), st.binary(max_size=600))
def test_any_body_is_a_frame_or_a_fault(kind: FrameType, body: bytes) -> None:
    try:
        parse_frame(kind, body)
    except RelayProtocolError as error:
        assert error.is_hostile


@given(FRAMES, st.data())
def test_a_body_cut_short_never_crashes_the_reader(frame: Frame, data: st.DataObject) -> None:
    kind, body = body_of(frame)
    cut = data.draw(st.integers(0, len(body)))
    try:
        parse_frame(kind, body[:cut])
    except RelayProtocolError as error:
        assert error.is_hostile


OFFER = body_of(offer())[1]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (slice(36, 44), struct.pack(">Q", 0)),  # size of nought
        (slice(36, 44), struct.pack(">Q", LARGEST_OBJECT_BYTES + 1)),
        (slice(44, 45), b"\x04"),  # class
        (slice(45, 46), b"\x03"),  # kind
        (slice(110, 118), struct.pack(">Q", 1 << 53)),  # time
        (slice(36, 119), struct.pack(">Q", PUSH_LIMIT_BYTES + 1) + OFFER[44:118] + b"\x01"),
    ],
)
def test_an_offer_with_a_value_out_of_bounds_is_refused(place: slice, value: bytes) -> None:
    body = bytearray(OFFER)
    body[place] = value
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.OFFER, bytes(body))


def test_bytes_a_later_version_adds_to_an_offer_are_passed_over() -> None:
    assert parse_frame(FrameType.OFFER, OFFER + b"more") == offer()


def test_a_commit_whose_count_is_not_its_length_is_refused() -> None:
    body = bytearray(body_of(commit())[1])
    body[17] = 2
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.COMMIT, bytes(body))


def test_a_commit_with_an_unknown_verdict_is_refused() -> None:
    body = bytearray(body_of(commit())[1])
    body[18 + 32] = 9
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.COMMIT, bytes(body))


def test_a_billion_entries_are_refused() -> None:
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.ENTRIES, struct.pack(">QBBI", 0, 0, 0, 1_000_000_000) + bytes(64))


def test_an_entry_longer_than_its_frame_is_refused() -> None:
    body = struct.pack(">QBBIII", 0, 0, 0, 1, 1 << 31, 0)
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.ENTRIES, body)


def test_a_pull_of_an_earlier_release_asks_for_plain_entries() -> None:
    assert parse_frame(FrameType.PULL, struct.pack(">QI", 4, 250)) == Pull(4, 250, page.PLAIN)


def test_a_pull_of_a_later_release_is_answered_by_what_we_know() -> None:
    body = struct.pack(">QIB", 4, 250, 9) + b"more"
    assert parse_frame(FrameType.PULL, body) == Pull(4, 250, page.ZLIB)


def test_packed_entries_are_shorter_and_the_same() -> None:
    entries = tuple(b'{"kind":"stored","n":%d}' % n for n in range(100))
    packed = Entries(0, entries, False, b"{}", page.ZLIB)
    assert len(packed.encode()) < len(Entries(0, entries, False, b"{}").encode()) / 4
    assert parse_frame(*body_of(packed)) == packed


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(bytes(2_000_000)),
        zlib.compress(bytes(100))[:-1],
        zlib.compress(bytes(8)) + b"more",
        b"no zlib stream",
    ],
    ids=["bomb", "cut", "more", "other"],
)
def test_a_page_that_cannot_be_unpacked_is_refused(packed: bytes) -> None:
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.ENTRIES, struct.pack(">QBBI", 0, 1, 0, 1) + packed)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(RelayProtocolError):
        parse_frame(FrameType.ENTRIES, struct.pack(">QBBII", 0, 2, 0, 0, 0))


def test_an_unknown_reason_still_defers() -> None:
    body = bytearray(body_of(Refuse(1, "quota", 5))[1])
    body[4:6] = b"\x00\x63"
    refused = parse_frame(FrameType.REFUSE, bytes(body))
    assert isinstance(refused, Refuse)
    assert refused.reason == "busy"


@pytest.mark.parametrize("kind", [FrameType.HELLO, FrameType.PROOF])
def test_a_second_handshake_is_refused(kind: FrameType) -> None:
    with pytest.raises(RelayProtocolError):
        parse_frame(kind, bytes(64))


def test_a_text_is_cut_between_characters() -> None:
    assert encode_text("é" * 200) == "é".encode() * 100


def test_a_partners_text_cannot_drive_a_terminal() -> None:
    assert parse_text(b"\x1b[2J\r\nred") == "?[2J??red"


def test_names_and_verdicts_survive_the_wire() -> None:
    read = parse_frame(*body_of(commit(NAME, "cd" * 32, number=7)))
    assert read == Commit(1, 7, ((NAME, "stored"), ("cd" * 32, "stored")), SIGNATURE)
