"""Segments, fields, escapes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.hl7.charset import Charset
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import MAX_SEGMENTS, Marks, escaped, parse, timestamp, unescape
from bocage_edge.hl7.reading import read
from tests.edge.hl7.messages import er7, order

UTF_8 = Charset("utf-8", is_as_said=True)


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_line_ends_of_every_kind_end_a_segment(ending: str) -> None:
    message = parse(er7(*order(), ending=ending))
    assert [each.name for each in message.segments] == ["MSH", "PID", "PV1", "ORC", "OBR", "ZDS"]
    assert (message.code, message.event, message.control_id) == ("ORM", "O01", "RIS0001")


def test_a_line_end_inside_a_text_goes_on_with_it() -> None:
    message = parse(b"MSH|^~\\&|A\rOBX|1|TX|CR||Thorax\nnormal.\rOBX|2|TX|CR||fin")
    assert [each.whole(5) for each in message.all("OBX")] == ["Thorax\nnormal.", "fin"]


def test_other_separators_are_taken_as_said() -> None:
    message = parse(b"MSH#*~!%#RIS#\rPID###1*X*~2")
    pid = message.first("PID")
    assert pid is not None
    assert [pid.component(each, 1) for each in pid.repetitions(3)] == ["1", "2"]


def test_the_fields_of_msh_count_from_its_separator() -> None:
    header = parse(b"MSH|^~\\&|RIS|FLERS").header
    assert (header.field(1), header.field(2), header.text(3)) == (b"|", b"^~\\&", "RIS")
    assert header.text(40) == ""


def test_the_event_is_found_in_the_structure_where_only_that_says_it() -> None:
    assert parse(b"MSH|^~\\&|||||||ORU^^ORU_R01|1").event == "R01"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PID|1",
        b"MSH",
        b"MSHA^~\\&|",
        b"MSH|^^\\&|",
        b"\xff\xfeM\0S\0H\0|\0",
        b"MSH|^~\\&|A\r" + b"NTE|1\r" * (MAX_SEGMENTS + 1),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(Hl7Error):
        parse(raw)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b"\xef\xbb\xbf" + er7(*order())).code == "ORM"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (rb"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (rb"un\.br\deux\.sp2\trois", "un\ndeux\ntrois"),
        (rb"\H\gras\N\ \XC3A9\ \Xzz\ \Zvendor\fin", "gras é  fin"),
        (rb"C:\dossier", "C:\\dossier"),
    ],
)
def test_escapes_are_undone(written: bytes, meant: str) -> None:
    assert unescape(written, Marks(), UTF_8) == meant


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=80))
def test_what_is_escaped_comes_back(text: str) -> None:
    written = escaped(text, Marks(), UTF_8)
    assert not set(written) & set(b"|^~&\r\n")
    assert unescape(written, Marks(), UTF_8) == text


@given(st.binary(max_size=300))
def test_hostile_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(Hl7Error):
        read(b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5\rPID|||1\r" + raw)


def test_an_instant_is_written_in_utc() -> None:
    assert timestamp(1_800_000_000.9) == b"20270115080000+0000"
