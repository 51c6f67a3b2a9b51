"""`bocage-console root`: the ceremony of the offline keys, and the keyset they sign.

The root keys are made and used on a machine without a network, one a person; what travels between
it and the console is the keyset document, which is no secret.
"""

from __future__ import annotations

from pathlib import Path

import click

from bocage_console.audit.record import record
from bocage_console.cli.opened import now, opened, who
from bocage_console.errors import ConsoleError
from bocage_console.fleet_keyset import install_keyset
from bocage_console.folder import Folder
from bocage_console.signer.key import make_key, public_text, read_key
from bocage_contract.fleet.keyset import KEYSET_TYPE, Keyset, countersign_keyset, seal_keyset
from bocage_contract.signing import MAX_ENVELOPE_BYTES, peek_payload
from bocage_system.durable import read_limited

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def root() -> None:
    """Make root keys and have them sign which keys a fleet believes."""


@root.command("key")
@click.argument("file", type=_FILE)
def key(file: Path) -> None:
    """Make a key in FILE and print its public half; on the machine where it stays."""
    click.echo(public_text(make_key(file)))


@root.command("draft")
@click.option("--version", required=True, type=click.IntRange(1))
@click.option("--threshold", default=2, show_default=True, type=click.IntRange(1, 5))
@click.option("--root", "roots", multiple=True, required=True, help="Public root key.")
@click.option("--configuration", multiple=True, required=True, help="May sign configurations.")
@click.option("--command", "commands", multiple=True, help="May sign commands.")
@click.option("--update", multiple=True, help="May sign updates; never a key of the console.")
@click.option("--key", "key_file", required=True, type=_FILE, help="The first root that signs.")
@click.option("--out", required=True, type=_FILE)
def draft(
    version: int,
    threshold: int,
    roots: tuple[str, ...],
    configuration: tuple[str, ...],
    commands: tuple[str, ...],
    update: tuple[str, ...],
    key_file: Path,
    out: Path,
) -> None:
    """Write a keyset and sign it as the first root."""
    keyset = Keyset.of(
        {
            "version": version,
            "issued_at": int(now()),
            "threshold": threshold,
            "roots": list(roots),
            "configuration": list(configuration),
            "command": list(commands),
            "update": list(update),
        }
    )
    signer = read_key(key_file)
    out.write_bytes(seal_keyset(keyset, signer.sign, signer.public_key().public_bytes_raw()))
    click.echo(f"keyset {version}: 1 of {threshold} roots has signed")


@root.command("sign")
@click.argument("file", type=_FILE)
@click.option("--key", "key_file", required=True, type=_FILE)
def sign(file: Path, key_file: Path) -> None:
    """Read what FILE says, then sign it as another root (of the old keyset or of the new)."""
    raw = _read(file)
    keyset = Keyset.read(peek_payload(raw, KEYSET_TYPE))
    for line in _lines(keyset):
        click.echo(line)
    signer = read_key(key_file)
    signed = countersign_keyset(raw, signer.sign, signer.public_key().public_bytes_raw())
    file.write_bytes(signed)
    click.echo("signed")


@root.command("install")
@click.argument("file", type=_FILE)
@click.pass_obj
def install(folder: Folder, file: Path) -> None:
    """Put a keyset in force on the console; boxes get it when they next speak."""
    keyset = install_keyset(folder, _read(file))
    with opened(folder) as database, database.writing() as session:
        record(session, now(), who(), "keyset installed", f"version {keyset.version}")
    click.echo(f"keyset {keyset.version} is in force")


def _read(file: Path) -> bytes:
    try:
        return read_limited(file, MAX_ENVELOPE_BYTES)
    except (OSError, ValueError) as error:
        raise ConsoleError(f"{file} cannot be read: {error}") from error


def _lines(keyset: Keyset) -> list[str]:
    named = {
        "root": keyset.roots,
        "configuration": keyset.configuration,
        "command": keyset.command,
        "update": keyset.update,
    }
    head = f"keyset {keyset.version}, {keyset.threshold} of {len(keyset.roots)} roots"
    return [head, *(f"  {what:13} {each}" for what, keys in named.items() for each in keys)]
