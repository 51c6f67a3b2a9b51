"""`bocage-edge enrol`: become one of a console's boxes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from bocage_contract.fingerprint import words
from bocage_contract.fleet.enrolment import EnrolmentFile, read_code
from bocage_edge import enrolment
from bocage_edge.cli.configuration import read_document
from bocage_edge.cli.setting_up import owners_of, print_paper
from bocage_edge.configuration import load_card
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_edge.setup import Paper, make_keys
from bocage_system.command import LocalHost


@click.command()
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The enrolment file of the card: it names the console and holds the code.",
)
@click.option("--console", help="HOST:PORT of the console's gate, where there is no file.")
@click.option("--code", help="The code, where there is no file.")
@click.option("--owners", help="Who the units are: receive=UID,…,group=GID. Default: by name.")
@click.option("--json", "as_json", is_flag=True, help="Print a new box's paper as one JSON object.")
@click.pass_obj
def enrol(
    box: Box,
    file: Path | None,
    console: str | None,
    code: str | None,
    owners: str | None,
    as_json: bool,
) -> None:
    """Ask the console to let this box in, and wait for the operator.

    A box without keys makes them first and prints its paper; one that has them asks for its paper
    code, or reads it from standard input.
    """
    told = _told(file, console, code)
    parsed = read_code(told.code)
    device, authority = enrolment.name_of(told.console, parsed)
    paper: Paper | None = None
    if not box.card.exists():
        paper = make_keys(box, LocalHost(), owners_of(owners), device, None, time.time())
        print_paper(box, paper, as_json=as_json)
    typed = _paper_code() if paper is None else paper.code
    newcomer, ticket = enrolment.ask(box, told.console, authority, parsed, time.time())
    own = load_card(box).identity_key
    click.echo(f"{device} asks to be let in. Read these six words to the operator:", err=True)
    for language in ("fr", "en"):
        click.echo(f"    {' '.join(words(own, language))}", err=True)
    granted = enrolment.wait_granted(told.console, authority, ticket, time.sleep)
    enrolment.settle(box, newcomer, granted, authority, typed)
    click.echo(f"{device} is enrolled", err=True)


def _told(file: Path | None, console: str | None, code: str | None) -> EnrolmentFile:
    if file is not None:
        return EnrolmentFile.read(read_document(file))
    if console is None or code is None:
        raise ConfigError("which console?", "give --file, or --console and --code")
    return EnrolmentFile.of({"console": console, "code": code})


def _paper_code() -> str:
    return str(click.prompt("Paper code", hide_input=True)) if os.isatty(0) else input()
