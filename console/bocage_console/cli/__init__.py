"""`bocage-console`: the command line of a console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bocage_console.cli.audit import audit
from bocage_console.cli.command import command
from bocage_console.cli.enrolment import enrol
from bocage_console.cli.fleet import convention, device, link, site
from bocage_console.cli.processes import broker, gate, ingest, signer
from bocage_console.cli.root import root
from bocage_console.cli.setting_up import database, setup
from bocage_console.errors import ConsoleError
from bocage_console.folder import Folder
from bocage_contract.errors import ContractError


class _Commands(click.Group):
    """Turns what we expect to go wrong into a message with a hint and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConsoleError as error:
            click.echo(f"bocage-console: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(1)
        except ContractError as error:
            click.echo(f"bocage-console: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands)
@click.option(
    "--state",
    envvar="BOCAGE_CONSOLE_STATE",
    default="/var/lib/bocage-console",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the console keeps its files.",
)
@click.pass_context
def main(ctx: click.Context, state: Path) -> None:
    """Look after a fleet of Bocage boxes."""
    ctx.obj = Folder(state)


for each in (
    setup,
    database,
    root,
    site,
    device,
    link,
    convention,
    enrol,
    command,
    audit,
    broker,
    gate,
    ingest,
    signer,
):
    main.add_command(each)
