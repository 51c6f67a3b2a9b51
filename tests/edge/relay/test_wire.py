"""The outermost layer: preamble, headers, limits, and bytes that come in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import Frame, parse_frame
from bocage_edge.relay.wire import (
    BODY_LIMITS,
    HEADER,
    FrameDecoder,
    FrameType,
    Versions,
    common_version,
    encode_preamble,
)
from tests.edge.relay.examples import FRAMES


def test_every_frame_type_has_limits() -> None:
    assert set(BODY_LIMITS) == set(FrameType)


@pytest.mark.parametrize(
    ("own", "partner", "version"),
    [
        (Versions(1, 1), Versions(1, 1), 1),
        (Versions(1, 3), Versions(2, 5), 3),
        (Versions(2, 9), Versions(1, 4), 4),
    ],
)
def test_the_highest_common_version_is_spoken(
    own: Versions, partner: Versions, version: int
) -> None:
    assert common_version(own, partner) == version


def test_boxes_without_a_common_version_say_so() -> None:
    decoder = FrameDecoder(Versions(1, 2))
    with pytest.raises(RelayProtocolError) as caught:
        decoder.feed(encode_preamble(Versions(3, 4)))
    assert caught.value.fault is Fault.NO_COMMON_VERSION
    assert not caught.value.is_hostile


@pytest.mark.parametrize("versions", [Versions(0, 1), Versions(3, 2)])
def test_a_version_range_upside_down_is_refused(versions: Versions) -> None:
    with pytest.raises(RelayProtocolError):
        FrameDecoder().feed(encode_preamble(versions))


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\n", b"B0", b"\x00", b"BOCAGE\n"])
def test_a_stranger_is_known_by_its_first_bytes(opening: bytes) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        FrameDecoder().feed(opening)
    assert caught.value.fault is Fault.NOT_OUR_PROTOCOL


def test_half_a_preamble_waits() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"BOCAGE\r") == []
    assert decoder.version is None


@pytest.mark.parametrize("kind", list(FrameType))
def test_a_frame_too_long_is_refused_by_its_header_alone(kind: FrameType) -> None:
    decoder = FrameDecoder()
    with pytest.raises(RelayProtocolError) as caught:
        decoder.feed(encode_preamble() + HEADER.pack(BODY_LIMITS[kind][1] + 1, kind))
    assert caught.value.fault is Fault.BAD_FRAME


@pytest.mark.parametrize("kind", list(FrameType))
def test_a_frame_too_short_is_refused(kind: FrameType) -> None:
    with pytest.raises(RelayProtocolError):
        FrameDecoder().feed(encode_preamble() + HEADER.pack(BODY_LIMITS[kind][0] - 1, kind))


def test_an_unknown_frame_type_is_refused() -> None:
    with pytest.raises(RelayProtocolError, match="0x7f"):
        FrameDecoder().feed(encode_preamble() + HEADER.pack(4, 0x7F))


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_frames_are_the_same_in_whatever_pieces_they_come(
    frames: list[Frame], sizes: list[int]
) -> None:
    stream = encode_preamble() + b"".join(frame.encode() for frame in frames)
    decoder = FrameDecoder()
    read: list[Frame] = []
    start = turn = 0
    while start < len(stream):
        size = sizes[turn % len(sizes)]
        for kind, body in decoder.feed(stream[start : start + size]):
            read.append(parse_frame(kind, body))
        start, turn = start + size, turn + 1
    assert read == frames
    assert decoder.buffered_bytes == 0


@given(st.binary(max_size=400))
def test_any_bytes_are_frames_or_a_fault(data: bytes) -> None:
    decoder = FrameDecoder()
    try:
        for kind, body in decoder.feed(encode_preamble() + data):
            parse_frame(kind, body)
    except RelayProtocolError as error:
        assert error.is_hostile
    else:
        assert decoder.buffered_bytes <= len(data)
