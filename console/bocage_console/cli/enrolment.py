"""`bocage-console enrol`: codes, boxes that wait, yes and no."""

from __future__ import annotations

from typing import IO

import click
import segno

from bocage_console.authority.files import load_authority
from bocage_console.cli.opened import now, opened, who
from bocage_console.enrolment.codes import VALID_S, make_code
from bocage_console.enrolment.deciding import grant, refuse, waiting
from bocage_console.errors import ConsoleError
from bocage_console.folder import Folder
from bocage_contract.canonical import canonical_json
from bocage_contract.fleet.enrolment import EnrolmentFile


@click.group()
def enrol() -> None:
    """Let boxes into the fleet."""


@enrol.command("code")
@click.argument("device")
@click.option("--console", required=True, help="HOST:PORT where a box reaches the gate.")
@click.option("--minutes", default=VALID_S // 60, show_default=True, type=click.IntRange(1, 1440))
@click.option("--file", "out", type=click.File("wb"), help="Write an enrolment file for a card.")
@click.option("--qr/--no-qr", default=True, help="Show the code as a QR as well.")
@click.pass_obj
def enrol_code(
    folder: Folder,
    device: str,
    console: str,
    minutes: int,
    out: IO[bytes] | None,
    qr: bool,
) -> None:
    """Make a code for DEVICE; it is shown once."""
    spki = load_authority(folder).spki
    with opened(folder) as database, database.writing() as session:
        code = make_code(session, now(), who(), device, spki, valid_s=minutes * 60)
    file = canonical_json(EnrolmentFile(console=console, code=code.text).to_json())
    if out is not None:
        out.write(file + b"\n")
    click.echo(code.text)
    if qr:
        segno.make(file.decode(), micro=False).terminal(compact=True)


@enrol.command("list")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.pass_obj
def enrol_list(folder: Folder, language: str) -> None:
    """List the boxes that wait, with the six words to compare by telephone."""
    with opened(folder) as database, database.reading() as session:
        found = waiting(session, "en" if language == "en" else "fr")
    for each in found:
        replaces = "  REPLACES THE PRESENT BOX" if each.replaces else ""
        click.echo(f"{each.ticket}  {each.device}  from {each.address}{replaces}")
        click.echo(f"    {' '.join(each.words)}")


@enrol.command("grant")
@click.argument("device")
@click.option("--words", required=True, help="The six words its site read to you.")
@click.pass_obj
def enrol_grant(folder: Folder, device: str, words: str) -> None:
    """Let the waiting box in whose words are these."""
    with opened(folder) as database, database.writing() as session:
        typed = words.lower().split()
        found = [
            each.ticket
            for language in ("fr", "en")
            for each in waiting(session, "en" if language == "en" else "fr")
            if each.device == device and [word.lower() for word in each.words] == typed
        ]
        if not found:
            raise ConsoleError(
                f"no box that waits to be {device} has these words",
                "see: bocage-console enrol list; if the words differ, it is not the box",
            )
        grant(session, now(), who(), load_authority(folder), found[0])
    click.echo(f"{device} is enrolled")


@enrol.command("refuse")
@click.argument("ticket")
@click.pass_obj
def enrol_refuse(folder: Folder, ticket: str) -> None:
    """Say no to a waiting box."""
    with opened(folder) as database, database.writing() as session:
        refuse(session, now(), who(), ticket)
