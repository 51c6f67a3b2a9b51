"""Signing a box's configuration by hand, where there is no console.

The private key is a file of 32 raw bytes in base64 that only its owner can read; it belongs on a
machine of the operator's, never on a box.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.errors import ContractError
from bocage_contract.fleet.keyset import Keyset, seal_keyset
from bocage_system.durable import read_limited

_KEY_FILE_BYTES = 256
_DOCUMENT_BYTES = 1 << 20


@click.group()
def configuration() -> None:
    """Sign configurations by hand."""


@configuration.command("key")
@click.argument("file", type=click.Path(path_type=Path))
def make_key(file: Path) -> None:
    """Make a key, of a root or for configurations, and print its public half."""
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise click.ClickException(f"{file} exists already; keys are never overwritten") from None
    with os.fdopen(descriptor, "wb") as out:
        out.write(base64.b64encode(key.private_bytes_raw()) + b"\n")
    click.echo(base64.b64encode(key.public_key().public_bytes_raw()).decode())


@configuration.command("keyset")
@click.option("--root", "root_file", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--signs", multiple=True, required=True, help="Public key for configurations.")
@click.option("--version", default=1, show_default=True, type=click.IntRange(1))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def make_keyset(root_file: Path, signs: tuple[str, ...], version: int, out: Path) -> None:
    """Have one root key vouch for who signs configurations; a fleet takes three roots instead."""
    root = read_key(root_file)
    out.write_bytes(one_root_keyset(root, signs, version, int(time.time())))
    click.echo(f"keyset {version}", err=True)


def one_root_keyset(
    root: Ed25519PrivateKey, signs: Sequence[str], version: int, issued_at: int
) -> bytes:
    """Write the keyset of a pair of boxes without a console.

    Args:
        signs: public keys that may sign configurations, base64.
        issued_at: Unix seconds.

    Raises:
        MessageError: a key is none, or is the root itself.
    """
    public = root.public_key().public_bytes_raw()
    keyset = Keyset.of(
        {
            "version": version,
            "issued_at": issued_at,
            "threshold": 1,
            "roots": [base64.b64encode(public).decode()],
            "configuration": list(signs),
        }
    )
    return seal_keyset(keyset, root.sign, public)


@configuration.command("sign")
@click.argument("document", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", "key_file", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Signed document.")
def sign(document: Path, key_file: Path, out: Path) -> None:
    """Check a configuration (JSON) and sign it for the box it names."""
    key = read_key(key_file)
    try:
        desired = Desired.read(read_limited(document, _DOCUMENT_BYTES))
    except (ContractError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    public = key.public_key().public_bytes_raw()
    out.write_bytes(seal_desired(desired, key.sign, public))
    click.echo(f"signed: {desired.device}, revision {desired.revision}", err=True)


def read_key(file: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        ClickException: it is none, or others can read it.
    """
    if file.stat().st_mode & 0o077:
        raise click.ClickException(f"{file} can be read by others: chmod 600 it")
    try:
        raw = base64.b64decode(read_limited(file, _KEY_FILE_BYTES), validate=False)
        return Ed25519PrivateKey.from_private_bytes(raw)
    except ValueError:
        raise click.ClickException(f"{file} is no key of ours") from None
