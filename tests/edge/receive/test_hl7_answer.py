"""What a sender's log shows: short, plain, in both languages, for everything that can be wrong."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bocage_edge.hl7
from bocage_edge.hl7.message import MAX_SEGMENTS
from bocage_edge.hl7.reading import LONGEST_CONTROL_ID
from bocage_edge.receive.hl7_answer import (
    FRENCH_FAULTS,
    MAX_TEXT_CHARACTERS,
    Hl7Answer,
    fault_text,
)

LONGEST_NAME = "x" * 32  # of a sender or a device


@pytest.mark.parametrize("answer", Hl7Answer)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_sentence_fits_and_is_plain(answer: Hl7Answer, language: str) -> None:
    said = answer.text(language, name="ris")
    assert said.isascii()
    assert len(said) < MAX_TEXT_CHARACTERS
    assert bool(said) is not answer.is_success
    assert not set(said) & set("|^~\\&")
    assert len(answer.text(language, name=LONGEST_NAME)) <= MAX_TEXT_CHARACTERS


def test_every_fault_that_a_reader_finds_has_its_french_sentence() -> None:
    """Read out of the readers themselves, so that a new one is not forgotten."""
    folder = Path(next(iter(bocage_edge.hl7.__path__)))
    found = set()
    for module in ("message.py", "reading.py"):
        for node in ast.walk(ast.parse((folder / module).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Hl7Error":
                found.add(_text(node.args[0]))
    assert found == set(FRENCH_FAULTS)


def _text(node: ast.expr) -> str:
    names = {"MAX_SEGMENTS": MAX_SEGMENTS, "LONGEST_CONTROL_ID": LONGEST_CONTROL_ID}
    return str(eval(ast.unparse(node), {"__builtins__": {}}, names))  # noqa: S307 - our own source


@pytest.mark.parametrize("fault", FRENCH_FAULTS)
def test_a_fault_fits_in_both_languages(fault: str) -> None:
    for language in ("fr", "en"):
        said = fault_text(fault, language)
        assert said.isascii()
        assert len(said) < MAX_TEXT_CHARACTERS
