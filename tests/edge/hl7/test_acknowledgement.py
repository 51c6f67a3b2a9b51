"""Answers in both modes, and what peers answer us."""

from __future__ import annotations

import pytest

from bocage_edge.hl7.acknowledgement import (
    Answered,
    Verdict,
    acknowledge,
    beginning_of,
    is_answer_wanted,
    read_answer,
)
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Message, parse
from tests.edge.hl7.messages import er7, order

NOW = 1_800_000_000.0


def message(accept: str = "", application: str = "") -> Message:
    """An order in one of the modes."""
    lines = order()
    lines[0] = lines[0].replace("|2.3.1||||||", f"|2.3.1|||{accept}|{application}||")
    return parse(er7(*lines))


@pytest.mark.parametrize(
    ("accept", "verdict", "code", "is_wanted"),
    [
        ("", Verdict.ACCEPT, "AA", True),
        ("", Verdict.ERROR, "AE", True),
        ("", Verdict.REJECT, "AR", True),
        ("AL", Verdict.ACCEPT, "CA", True),
        ("AL", Verdict.ERROR, "CE", True),
        ("SU", Verdict.ACCEPT, "CA", True),
        ("ER", Verdict.ACCEPT, "CA", False),
        ("ER", Verdict.REJECT, "CR", True),
        ("NE", Verdict.ACCEPT, "CA", False),
        ("NE", Verdict.REJECT, "CR", True),
    ],
)
def test_the_answer_is_the_one_asked_for(
    accept: str, verdict: Verdict, code: str, is_wanted: bool
) -> None:
    asked = message(accept)
    raw = acknowledge(asked, verdict, "", now=NOW, control_id="B1")
    assert read_answer(raw) == Answered(code, "RIS0001")
    assert read_answer(raw).verdict is verdict
    assert is_answer_wanted(asked, verdict) is is_wanted


def test_an_answer_goes_back_to_who_asked() -> None:
    raw = acknowledge(message(), Verdict.ACCEPT, "", now=NOW, control_id="B1")
    assert raw == (
        b"MSH|^~\\&|BOCAGE|FLERS|RIS|FLERS|20270115080000+0000||ACK^O01^ACK|B1|P|2.3.1"
        b"||||||UNICODE UTF-8\rMSA|AA|RIS0001\r"
    )


def test_what_is_no_message_is_answered_too() -> None:
    raw = acknowledge(None, Verdict.REJECT, "begins with MSH", now=NOW, control_id="B1")
    assert read_answer(raw) == Answered("AR", "")
    assert b"begins with MSH" in raw


def test_of_a_message_too_long_the_beginning_is_enough_for_an_answer() -> None:
    beginning = beginning_of(er7(*order())[:150])
    assert beginning is not None
    assert beginning.control_id == "RIS0001"
    assert beginning_of(b"GET / HTTP/1.1") is None
    assert beginning_of(b"MSH") is None


@pytest.mark.parametrize("code", ["", "OK", "AX", "A", "AAA"])
def test_an_unknown_code_is_no_verdict(code: str) -> None:
    assert Answered(code, "1").verdict is None


def test_an_answer_without_msa_is_none() -> None:
    with pytest.raises(Hl7Error, match="MSA"):
        read_answer(b"MSH|^~\\&|A\r")
