"""What the papers say is so: links lead somewhere, commands exist, tables are complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bocage_edge.cli import main
from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.negotiation import OUR_ORDER
from tests.source_tree import ROOT, files

PAPERS = [ROOT / path for path in files() if path.endswith(".md")]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)")
BOX_COMMAND = re.compile(r"bocage-edge ((?:[a-z-]+ ?){1,2})")
RUN_COMMAND = re.compile(r"\./run ([a-z]+)")
PIXEL_ROOT = "1.2.840.10008.1.2"


def ids(paper: Path) -> str:
    """Name a paper from the root, for pytest."""
    return paper.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("paper", PAPERS, ids=ids)
def test_links_lead_somewhere(paper: Path) -> None:
    links = LINK.findall(paper.read_text())
    assert [link for link in links if not (paper.parent / link).exists()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=ids)
def test_commands_exist(paper: Path) -> None:
    text = paper.read_text()
    run = (ROOT / "run").read_text()
    commands = set(RUN_COMMAND.findall(text))
    assert [name for name in commands if not re.search(rf"^{name}\b.*\) ", run, re.M)] == []
    assert [said for said in BOX_COMMAND.findall(text) if not exists(said.split())] == []


def exists(words: list[str]) -> bool:
    """Whether these words begin a command of the box; what follows it is its arguments."""
    here: click.Command = main
    for word in words:
        if not isinstance(here, click.Group):
            return True
        if word not in here.commands:
            return False
        here = here.commands[word]
    return True


def test_conformance_names_every_answer_to_a_c_store() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    assert [each.name for each in Answer if f"| {each.status:04X} |" not in text] == []


def test_conformance_names_the_implementation() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    assert f"`{IMPLEMENTATION_CLASS_UID}`" in text
    assert f"`{IMPLEMENTATION_VERSION}`" in text


def test_conformance_names_every_transfer_syntax() -> None:
    text = (ROOT / "docs/conformance.md").read_text()
    assert [uid for uid in OUR_ORDER if not any(said in text for said in _spellings(uid))] == []


def _spellings(uid: str) -> Iterator[str]:
    """A UID as the statement may spell it: whole, short, or inside "`.4.100` to `.4.108`"."""
    yield f"`{uid}`"
    short = uid.removeprefix(PIXEL_ROOT)
    yield f"`{short}`"
    if re.fullmatch(r"\.4\.10[0-8](\.1)?", short):
        yield "`.4.100` to `.4.108`, fragmentable forms included"
