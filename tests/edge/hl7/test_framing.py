"""Where messages begin and end, however the wire cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.hl7.errors import FrameTooLongError, FramingError
from bocage_edge.hl7.framing import GARBAGE_LIMIT_BYTES, Deframer, frame

# Whatever may stand in a message: any byte but the one that ends it.
bodies = st.binary(max_size=60).map(lambda raw: raw.replace(b"\x1c", b""))


@given(
    st.lists(st.tuples(bodies, st.sampled_from((b"\r", b"", b"\n", b"\r\n")))),
    st.lists(st.integers(0, 400), max_size=30),
)
def test_messages_come_out_whole_whatever_the_cuts(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(b"\x0b" + body + b"\x1c" + ending for body, ending in sent)
    deframer, came, last = Deframer(), list[bytes](), 0
    for cut in [*sorted(cuts), len(stream)]:
        came += deframer.feed(stream[last:cut])
        last = max(last, cut)
    assert came == [body for body, _ in sent]
    assert not deframer.is_inside


def test_a_frame_of_ours_is_read_again() -> None:
    assert Deframer().feed(frame(b"MSH|")) == [b"MSH|"]


def test_a_message_that_would_end_its_own_frame_is_not_framed() -> None:
    with pytest.raises(FramingError, match="FS"):
        frame(b"MSH|\x1c")


def test_a_vertical_tab_of_a_word_processor_is_text() -> None:
    assert Deframer().feed(b"\x0bMSH|a\x0bb\x1c\r") == [b"MSH|a\x0bb"]


def test_an_endless_message_is_ended_and_little_of_it_held() -> None:
    deframer = Deframer(limit_bytes=10_000)
    deframer.feed(b"\x0bMSH|^~\\&|RIS")
    with pytest.raises(FrameTooLongError) as caught:
        for _ in range(100):
            deframer.feed(b"x" * 1000)
    assert caught.value.beginning.startswith(b"MSH|^~\\&|RIS")
    assert deframer.held_bytes <= 11_000


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    assert Deframer(limit_bytes=4).feed(b"\x0bMSH|\x1c") == [b"MSH|"]


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\x0b" not in raw))
def test_garbage_is_ended_by_an_error_or_holds_nothing(garbage: bytes) -> None:
    deframer = Deframer()
    try:
        for _ in range(GARBAGE_LIMIT_BYTES):
            assert deframer.feed(garbage) == []
            assert deframer.held_bytes == 0
    except FramingError as error:
        assert "VT" in error.message
    else:
        assert not garbage.strip(b"\r\n \0") or len(garbage) < 2


def test_a_web_browser_is_told_from_an_hl7_sender() -> None:
    with pytest.raises(FramingError):
        Deframer().feed(b"GET / HTTP/1.1\r\nHost: bocage\r\n" * 60)
