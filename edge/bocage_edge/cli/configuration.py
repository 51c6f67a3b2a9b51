"""Loading and showing the signed configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from bocage_contract.fleet.keyset import Purpose
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
    raw = read_document(file)
    card = configuration.load_card(box)
    held = configuration.load_desired(box, card).revision if box.desired.exists() else 0
    desired = configuration.verify_desired(
        raw,
        configuration.load_keyset(box).keys(Purpose.CONFIGURATION),
        card,
        at_least_revision=held + 1,
    )
    _put_in_force(box, box.desired, raw)
    click.echo(f"revision {desired.revision} is in force", err=True)


@config.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def keyset(box: Box, file: Path) -> None:
    """Put a keyset in force: the first, or one that the roots of the present one signed."""
    raw = read_document(file)
    held = configuration.load_keyset(box) if box.keyset.exists() else None
    found = configuration.verify_keyset(raw, held)
    _put_in_force(box, box.keyset, raw)
    click.echo(f"keyset {found.version} is in force", err=True)


def read_document(file: Path) -> bytes:
    """Read a signed document that somebody brought.

    Raises:
        ConfigError: it cannot be read, or is larger than any.
    """
    try:
        return read_limited(file, MAX_ENVELOPE_BYTES)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _put_in_force(box: Box, path: Path, raw: bytes) -> None:
    folder = os.stat(path.parent)
    write_atomic(path, raw, mode=0o640)
    os.chown(path, folder.st_uid, folder.st_gid)
    for unit in UNITS:
        ring(box.doorbell(unit.name))


@config.command()
@click.pass_obj
def show(box: Box) -> None:
    """Show the configuration in force, after checking its signature."""
    desired = configuration.load_desired(box, configuration.load_card(box))
    click.echo(json.dumps(desired.to_json(), indent=2, ensure_ascii=False))
