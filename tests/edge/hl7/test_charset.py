"""Accents, as they come and as they are said to come."""

from __future__ import annotations

import pytest

from bocage_edge.hl7.charset import charset_of, is_shifted
from bocage_edge.hl7.errors import Hl7Error, UnwritableError
from bocage_edge.hl7.message import parse
from bocage_edge.hl7.reading import read
from tests.edge.hl7.messages import er7, order

# What MSH-18 says, what the bytes are, whether the message says so itself.
CASES = (
    ("UNICODE UTF-8", "utf-8", True),
    ("UTF-8", "utf-8", True),
    ("", "utf-8", False),
    ("8859/1", "iso8859-1", True),
    ("8859/15", "iso8859-15", True),
    ("ISO 8859-1", "iso8859-1", True),
    ("ISO-8859-15", "iso8859-15", True),
    ("", "iso8859-1", False),
    ("ASCII", "iso8859-1", False),
    ("8859/1", "utf-8", False),
    ("UNICODE UTF-8", "iso8859-1", False),
    ("CP1252", "cp1252", True),
)


@pytest.mark.parametrize(("said", "charset", "is_as_said"), CASES)
def test_a_french_name_is_read_whatever_is_said(said: str, charset: str, is_as_said: bool) -> None:
    raw = er7(*order(said), charset=charset)
    assert read(raw).identities.name == "LEMAÎTRE^Hélène"
    assert charset_of(said, raw).is_as_said is is_as_said


@pytest.mark.parametrize("said", ["", "8859/1", "8859/15", "UNICODE UTF-8"])
def test_the_oe_and_dashes_of_windows_are_read_under_another_name(said: str) -> None:
    name = "CŒUR \N{EN DASH} d\N{RIGHT SINGLE QUOTATION MARK}Été"
    raw = er7(*order(said)).decode().replace("LEMAÎTRE", name).encode("cp1252")
    assert read(raw).identities.name == f"{name}^Hélène"


def test_the_oe_of_latin_9_is_read() -> None:
    raw = er7(*order("8859/15")).decode().replace("LEMAÎTRE", "CŒUR").encode("iso8859-15")
    assert read(raw).identities.name == "CŒUR^Hélène"


def test_any_bytes_are_read_somehow() -> None:
    every = bytes(range(128, 256))
    assert len(charset_of("", every).decode(every)) == 128


def test_what_a_set_has_no_character_for_is_never_mangled() -> None:
    latin = charset_of("8859/1", b"\xe9")
    assert latin.encode("e\u0301") == b"\xe9"  # an accent apart
    with pytest.raises(UnwritableError):
        latin.encode("é—")


@pytest.mark.parametrize("said", ["ISO IR87", "ISO IR14", "ISO 2022-1994", "KS X 1001", "BIG-5"])
def test_a_set_that_shifts_is_refused_in_words(said: str) -> None:
    raw = f"MSH|^~\\&|RIS|C|BOX|H|2026||ORU^R01|7|P|2.5|||||FRA|{said}".encode()
    with pytest.raises(Hl7Error, match="UTF-8"):
        parse(raw)


@pytest.mark.parametrize(
    "said", ["", "8859/1", "8859/15", "UNICODE UTF-8", "ISO 8859-1", "ISO IR6", "ASCII"]
)
def test_what_leaves_ascii_alone_is_read(said: str) -> None:
    assert not is_shifted(said)
