"""A connection in bytes and seconds: what is a message, when it is answered, when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.hl7.framing import frame
from bocage_edge.receive.hl7_answer import Hl7Answer
from bocage_edge.receive.hl7_session import Session, SessionLimits

LIMITS = SessionLimits(idle_s=100.0, message_s=10.0, slowest_bytes_s=100.0, message_bytes=1000)
MSH = b"MSH|^~\\&|A|B|C|D|||ORM^O01|%d|P|2.3\rPID|1\r"


@dataclass
class Box:
    """Takes everything, and notes what it took and what it refused."""

    taken: list[bytes] = field(default_factory=list)
    refused: list[Hl7Answer] = field(default_factory=list)

    def take(self, raw: bytes) -> bytes | None:
        """Take a message; a `quiet` one wants no answer."""
        self.taken.append(raw)
        return None if raw.startswith(b"quiet") else b"AA"

    def refuse(self, _beginning: bytes, answer: Hl7Answer) -> bytes:
        """Refuse one."""
        self.refused.append(answer)
        return b"NO"

    def session(self) -> Session:
        """Begin a connection at second 0."""
        return Session(self.take, self.refuse, LIMITS, 0.0)


def test_messages_are_answered_in_order_and_each_before_the_next() -> None:
    box = Box()
    answers = box.session().feed(frame(b"one") + frame(b"quiet two") + frame(b"three"), 1.0)
    assert next(answers) == frame(b"AA")
    assert box.taken == [b"one"]
    assert list(answers) == [frame(b"AA")]
    assert box.taken == [b"one", b"quiet two", b"three"]


def test_a_message_in_single_bytes_and_without_its_last_return() -> None:
    box, session = Box(), None
    session = box.session()
    answers = [each for byte in b"\x0bone\x1c" for each in session.feed(bytes([byte]), 1.0)]
    assert answers == [frame(b"AA")]
    assert list(session.feed(b"\x0btwo\x1c\r", 2.0)) == [frame(b"AA")]
    assert box.taken == [b"one", b"two"]


def test_a_message_whose_end_was_left_out_is_told_from_the_next() -> None:
    """The first is refused, for nobody knows whether it was whole; the second is fine."""
    box = Box()
    sent = b"\x0b" + MSH % 1 + b"\x0b" + MSH % 2 + b"\x1c\r"
    assert list(box.session().feed(sent, 1.0)) == [frame(b"NO"), frame(b"AA")]
    assert box.refused == [Hl7Answer.UNENDED]
    assert box.taken == [MSH % 2]


def test_a_vertical_tab_in_a_text_ends_nothing() -> None:
    box = Box()
    text = MSH % 1 + b"OBX|1|TX|||a\x0bb MSH|\r"
    list(box.session().feed(frame(text), 1.0))
    assert box.taken == [text]


def test_one_that_stops_in_the_middle_is_told_so() -> None:
    box = Box()
    session = box.session()
    assert list(session.feed(b"\x0b" + MSH % 1, 1.0)) == []
    assert list(session.ended()) == [frame(b"NO")]
    assert session.is_over
    assert box.refused == [Hl7Answer.UNENDED]


def test_an_end_between_messages_is_none_of_our_business() -> None:
    session = Box().session()
    list(session.feed(frame(b"one"), 1.0))
    assert list(session.ended()) == []


def test_too_long_a_message_ends_the_connection_with_an_answer() -> None:
    box = Box()
    session = box.session()
    assert list(session.feed(b"\x0b" + bytes(1000), 1.0)) == []
    assert list(session.feed(b"x", 1.0)) == [frame(b"NO")]
    assert (box.refused, session.is_over) == ([Hl7Answer.TOO_LONG], True)


def test_what_is_no_mllp_is_hung_up_on() -> None:
    session = Box().session()
    assert list(session.feed(b"GET / HTTP/1.1\r\n" * 100, 1.0)) == []
    assert session.is_over


@pytest.mark.parametrize(("at", "is_over"), [(99.0, False), (101.0, True)])
def test_silence_between_messages_has_its_end(at: float, is_over: bool) -> None:
    session = Box().session()
    assert list(session.look(at)) == []
    assert session.is_over is is_over


def test_a_message_that_drips_is_cut_however_alive_it_looks() -> None:
    """One byte now and then: after ten seconds, and as long as 100 bytes a second would take."""
    box = Box()
    session = box.session()
    list(session.feed(b"\x0b", 0.0))
    for second in range(1, 10):
        list(session.feed(b"x", float(second)))
        assert list(session.look(float(second))) == []
    assert list(session.look(11.0)) == [frame(b"NO")]
    assert session.is_over


def test_a_long_message_has_the_time_its_length_needs() -> None:
    session = Box().session()
    list(session.feed(b"\x0b" + bytes(500), 0.0))
    list(session.look(14.0))
    assert not session.is_over
    session.waited(5.0)  # for its turn, by us
    list(session.look(19.0))
    assert not session.is_over
    list(session.look(21.0))
    assert session.is_over


def test_each_message_has_its_own_time() -> None:
    session = Box().session()
    list(session.feed(b"\x0bone\x1c\r\x0bt", 9.0))
    list(session.feed(b"wo\x1c\r\x0b", 18.0))
    list(session.look(27.0))
    assert not session.is_over
    list(session.look(29.0))
    assert session.is_over


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_whatever_comes_nothing_raises_and_memory_is_bounded(pieces: list[bytes]) -> None:
    box = Box()
    session = box.session()
    for number, piece in enumerate(pieces):
        if session.is_over:
            break
        list(session.feed(piece, float(number)))
        list(session.look(float(number)))
        assert session.held_bytes <= LIMITS.message_bytes + 300
    list(session.ended())
