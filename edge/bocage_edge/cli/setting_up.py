"""Set-up of a box, its card, and unlocking it after a restart."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click

from bocage_contract.fingerprint import words
from bocage_edge import configuration
from bocage_edge import setup as first_boot
from bocage_edge import unlock as unlocking
from bocage_edge.cli.configuration import read_document
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_edge.units import Owners, own_owners, parse_owners, system_owners
from bocage_system.command import LocalHost


@click.command()
@click.option("--device", required=True, help="The box's id, such as flers-1.")
@click.option(
    "--keyset",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which keys may sign its configuration. Without it, enrolment says.",
)
@click.option("--owners", help="Who the units are: receive=UID,…,group=GID. Default: by name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def setup(box: Box, device: str, keyset: Path | None, owners: str | None, as_json: bool) -> None:
    """Make the keys of a new box and print, once, what belongs in the site's safe."""
    raw = None if keyset is None else read_document(keyset)
    paper = first_boot.make_keys(box, LocalHost(), owners_of(owners), device, raw, time.time())
    print_paper(box, paper, as_json=as_json)


def print_paper(box: Box, paper: first_boot.Paper, *, as_json: bool) -> None:
    """Print what belongs in the site's safe; it is shown once."""
    own = configuration.load_card(box)
    device = own.device
    if as_json:
        click.echo(
            json.dumps(
                {
                    "device": device,
                    "identity": own.identity,
                    "words": {lang: list(words(own.identity_key, lang)) for lang in ("fr", "en")},
                    "recovery_key": paper.recovery_key,
                    "code": paper.code,
                }
            )
        )
        return
    click.echo(f"Box {device} has its keys.\n")
    click.echo("PRINT THIS NOW; it is shown once and kept nowhere on the box:")
    click.echo(f"  paper code (unlocks the box after a power cut):  {paper.code}")
    click.echo(f"  recovery key (opens what was sent to this site): {paper.recovery_key}\n")
    click.echo(f"Fingerprint: {' '.join(words(own.identity_key, 'fr'))}")
    click.echo(f"             {' '.join(words(own.identity_key, 'en'))}")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write the card to a file.")
@click.pass_obj
def card(box: Box, out: Path | None) -> None:
    """Show the box's card: its public keys, signed by its identity."""
    own = configuration.load_card(box)
    raw = box.card.read_bytes()
    if out is not None:
        out.write_bytes(raw)
    else:
        click.echo(raw.decode())
    click.echo(f"{own.device}: {' '.join(words(own.identity_key, 'fr'))}", err=True)


@click.command()
@click.option(
    "--recovery-key",
    "is_recovery",
    is_flag=True,
    help="Ask for the recovery key of the box that stood here before, and deliver what was on the"
    " way to it.",
)
@click.pass_obj
def unlock(box: Box, is_recovery: bool) -> None:
    """Unlock the box with the site's paper code, so that it can deliver.

    The code is asked for, or read from standard input; it is never an argument.
    """
    what = "Recovery key" if is_recovery else "Paper code"
    typed = click.prompt(what, hide_input=True) if os.isatty(0) else input()
    act = unlocking.unlock_with_recovery if is_recovery else unlocking.unlock
    act(box, typed, box.clock().now())
    click.echo("unlocked", err=True)


def owners_of(text: str | None) -> Owners:
    """Say who the units are: as told, by the package's users, or everybody whoever runs this.

    Raises:
        ConfigError: what was told cannot be read, or a user is missing.
    """
    if text is not None:
        try:
            return parse_owners(text)
        except (ValueError, KeyError) as error:
            raise ConfigError(f"--owners: {error}") from None
    if os.getuid() != 0:
        return own_owners()
    try:
        return system_owners()
    except KeyError as error:
        raise ConfigError(
            f"system user missing: {error.args[0]}", "install the package, or give --owners"
        ) from None
