"""Loading and showing the signed configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from bocage_contract.signing import MAX_ENVELOPE_BYTES
from bocage_edge import configuration
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_edge.units import UNITS
from bocage_system.durable import read_limited, write_atomic
from bocage_system.kick import ring


@click.group()
def config() -> None:
    """The signed configuration of this box."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def load(box: Box, file: Path) -> None:
    """Put a signed configuration in force, if it is for this box and newer."""
    try:
        raw = read_limited(file, MAX_ENVELOPE_BYTES)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error
    card = configuration.load_card(box)
    held = configuration.load_desired(box, card).revision if box.desired.exists() else 0
    desired = configuration.verify_desired(
        raw, configuration.load_trust(box), card, at_least_revision=held + 1
    )
    folder = os.stat(box.desired.parent)
    write_atomic(box.desired, raw, mode=0o640)
    os.chown(box.desired, folder.st_uid, folder.st_gid)
    for unit in UNITS:
        ring(box.doorbell(unit.name))
    click.echo(f"revision {desired.revision} is in force", err=True)


@config.command()
@click.pass_obj
def show(box: Box) -> None:
    """Show the configuration in force, after checking its signature."""
    desired = configuration.load_desired(box, configuration.load_card(box))
    click.echo(json.dumps(desired.to_json(), indent=2, ensure_ascii=False))
