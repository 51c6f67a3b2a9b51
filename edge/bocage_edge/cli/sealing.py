"""Opening sealed objects by hand."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click


@click.group()
def seal() -> None:
    """Sealed objects, outside of the box's daily work."""


@seal.command("open")
@click.argument("plain", type=click.File("rb"))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--bare", is_flag=True, help="The data set alone, without file meta information.")
def open_object(plain: BinaryIO, target: Path, bare: bool) -> None:
    """Restore an object whose encryption `age -d` took off, exactly as it was received.

    PLAIN is what came out of `age -d -i KEY OBJECT` ("-": standard input). TARGET appears only
    when every byte of it was verified. It is a patient's exam: keep it in memory.
    """
    from bocage_edge.restore import restore  # brings DICOM along, which no other command needs

    header = restore(plain, target, bare=bare)
    click.echo(f"restored: {header.kind.value}, service {header.called_aet}", err=True)
