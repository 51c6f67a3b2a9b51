"""`bocage-provision schemas`: the messages of the contract as JSON Schema, one file each."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bocage_contract.fleet.schema import schemas


@click.command("schemas")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def write_schemas(folder: Path) -> None:
    """Write every message's JSON Schema into FOLDER; files of messages that are gone go too."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"{name}.schema.json": schema for name, schema in schemas().items()}
    for path in folder.glob("*.schema.json"):
        if path.name not in wanted:
            path.unlink()
    for name, schema in wanted.items():
        (folder / name).write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n")
    click.echo(f"{len(wanted)} schemas in {folder}")
