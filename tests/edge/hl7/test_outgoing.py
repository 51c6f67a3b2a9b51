"""A message as its receiver wants it, with nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.errors import Hl7Error, UnwritableError
from bocage_edge.hl7.message import parse
from bocage_edge.hl7.outgoing import CODECS, UNICODE, Manner, Outgoing, outgoing
from bocage_edge.hl7.reading import Report, read
from bocage_edge.hl7.writing import Route
from tests.edge.hl7.messages import er7, result

# What French names and reports are written with, and both Latin sets have.
FRENCH = "aàâäbcçdeéèêëfghiîïjklmnoôöpqrstuùûüvwxyÿzAÀÂBCÇDEÉÈÊËIÎÏOÔUÙÛÜ '-.,;:!?()0123456789°²µ"
LATIN_9 = FRENCH + "œŒ€Ÿ"
names = st.text(FRENCH, min_size=1, max_size=30).map(str.strip).filter(bool)
CODEC = {"8859/1": "iso8859-1", "8859/15": "iso8859-15", UNICODE: "utf-8"}


def report_of(text: str, said: str = UNICODE, codec: str = "") -> bytes:
    """A report with this text, in a character set that says what it is."""
    line = f"OBX|1|FT|CR^Compte rendu||{text}||||||F"
    return er7(*result(line, said=said), charset=codec or CODEC[said])


def sent(raw: bytes, manner: Manner, own: Identities | None = None) -> Outgoing:
    return outgoing(parse(raw), manner, own)


def text_of(raw: bytes) -> str:
    found = read(raw)
    assert isinstance(found, Report)
    return found.text


@given(text=names, came=st.sampled_from(list(CODECS)), goes=st.sampled_from(list(CODECS)))
def test_french_survives_every_pair_of_character_sets(text: str, came: str, goes: str) -> None:
    done = sent(report_of(text, came), Manner(charset=goes))
    message = parse(done.raw)
    assert (message.header.text(18), done.charset) == (goes, goes)
    line = message.first("OBX")
    assert line is not None
    # Read in the set the message says, not in one that was guessed.
    assert line.field(5).decode(CODEC[goes]) == text


@given(text=st.text(LATIN_9, min_size=1).map(str.strip).filter(bool))
def test_what_latin_1_lacks_is_refused_or_goes_in_utf_8(text: str) -> None:
    lacks = not set(text) <= set(FRENCH)
    raw = report_of(text, "8859/15")
    if lacks:
        with pytest.raises(UnwritableError):
            sent(raw, Manner(charset="8859/1"))
    done = sent(raw, Manner(charset="8859/1", utf8_where_needed=True))
    assert done.charset == (UNICODE if lacks else "8859/1")
    assert done.raw.decode(CODEC[done.charset]).split("|FT|")[1].split("|")[2] == text


def test_a_message_the_receiver_can_take_keeps_its_bytes() -> None:
    raw = report_of("Pas d'anomalie décelée.", "8859/1")
    assert sent(raw, Manner(charset="8859/1")).raw == raw


def test_the_typographers_marks_of_windows_are_not_lost() -> None:
    raw = report_of("L\u2019aorte \u2013 dilatée", "8859/1", "cp1252")
    assert "L\u2019aorte \u2013 dilatée" in sent(raw, Manner()).raw.decode()
    with pytest.raises(UnwritableError, match="not in the character set"):
        sent(raw, Manner(charset="8859/15"))


def test_the_address_and_the_way_to_acknowledge_are_the_receivers() -> None:
    manner = Manner(Route("BOCAGE", "", "RIS", "CH"), accept="AL", application="NE")
    done = sent(report_of("x"), manner)
    header = parse(done.raw).header
    assert [header.text(n) for n in (3, 4, 5, 6)] == ["BOCAGE", "THURY", "RIS", "CH"]
    assert (header.text(15), header.text(16)) == ("AL", "NE")
    assert (header.text(10), done.control_id) == ("CAB9", "CAB9")
    back = parse(sent(done.raw, Manner()).raw).header
    assert (back.text(15), back.text(16)) == ("", "")


def test_the_hospitals_numbers_are_put_in_and_told() -> None:
    own = Identities(patients=(Issued("0042", "CHFLERS"),), accessions=(Issued("ACC77"),))
    done = sent(report_of("x"), Manner(charset="8859/1"), own)
    assert done.changed == ("PID-3", "OBR-3", "OBR-18", "OBR-20")
    assert read(done.raw).identities.accessions == (Issued("ACC77"),)


def test_a_number_that_the_set_cannot_write_is_no_question_mark() -> None:
    own = Identities(accessions=(Issued("Δ1"),))
    with pytest.raises(UnwritableError):
        sent(report_of("x"), Manner(charset="8859/1"), own)
    allowed = Manner(charset="8859/1", utf8_where_needed=True)
    assert "Δ1" in sent(report_of("x"), allowed, own).raw.decode()


def test_a_line_inside_a_text_becomes_the_standards_line_end() -> None:
    raw = report_of("une\rdeux ligne")
    assert text_of(sent(raw, Manner()).raw) == "une\ndeux ligne"
    assert b"une\\.br\\deux" in sent(raw, Manner()).raw


def test_a_line_inside_a_file_goes() -> None:
    raw = er7(*result("OBX|1|ED|CR||^application^pdf^Base64^JVBERi0x\nLjQK||||||F"))
    done = read(sent(raw, Manner()).raw)
    assert isinstance(done, Report)
    assert done.documents[0].data == b"%PDF-1.4\n"
    assert b"\n" not in sent(raw, Manner()).raw


def test_bytes_written_as_hexadecimal_follow_the_character_set() -> None:
    raw = report_of("d\\XE9\\cel\\X0D\\", "8859/1")
    assert b"d\\XC3A9\\cel\\X0D\\" in sent(raw, Manner()).raw


def test_separators_beyond_ascii_are_not_moved_to_another_set() -> None:
    raw = report_of("côte", "8859/1").replace(b"|", b"\xa6")
    assert sent(raw, Manner(charset="8859/1")).raw == raw
    with pytest.raises(UnwritableError):
        sent(raw, Manner())


def test_without_a_control_id_no_answer_can_be_its_own() -> None:
    with pytest.raises(Hl7Error, match="MSH-10"):
        sent(er7(*result(control="")), Manner())
