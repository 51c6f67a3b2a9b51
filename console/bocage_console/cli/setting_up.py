"""`bocage-console setup` and `database`: the first start, and the schema of a new release."""

from __future__ import annotations

import click

from bocage_console.authority.files import found_authority
from bocage_console.database.opening import upgrade, url_of
from bocage_console.folder import Folder
from bocage_contract.fleet.enrolment import pin_of
from bocage_system.clock import SystemClock


@click.command()
@click.pass_obj
def setup(folder: Folder) -> None:
    """Make the console's authority and its database."""
    folder.root.mkdir(parents=True, mode=0o750, exist_ok=True)
    upgrade(url_of(folder))
    authority = found_authority(folder, SystemClock().now())
    click.echo(f"authority made; its pin is {pin_of(authority.spki):020x}")


@click.group()
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
@click.pass_obj
def upgrade_database(folder: Folder) -> None:
    """Bring the database to this release's schema."""
    upgrade(url_of(folder))
    click.echo("the database is up to date")
