"""`bocage-edge`: the command line of a box, for people at the site and for the supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bocage_contract.errors import ContractError
from bocage_edge.cli.audit import audit
from bocage_edge.cli.configuration import config
from bocage_edge.cli.convention import convention
from bocage_edge.cli.diagnosis import doctor
from bocage_edge.cli.enrolment import enrol
from bocage_edge.cli.exam import exam
from bocage_edge.cli.ledger import ledger
from bocage_edge.cli.pairing import pair
from bocage_edge.cli.reports import reports
from bocage_edge.cli.requests import requests
from bocage_edge.cli.sealing import seal
from bocage_edge.cli.setting_up import card, setup, unlock
from bocage_edge.cli.spool import spool
from bocage_edge.cli.statement import statement
from bocage_edge.cli.unit import run_unit
from bocage_edge.errors import EdgeError
from bocage_edge.paths import Box

SERVICE_STATE = Path("/var/lib/bocage")


class _Commands(click.Group):
    """Turns what we expect to go wrong into a message with a hint and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EdgeError as error:
            click.echo(f"bocage-edge: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(1)
        except ContractError as error:
            click.echo(f"bocage-edge: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands)
@click.option(
    "--state",
    envvar="BOCAGE_STATE",
    default=SERVICE_STATE,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the box keeps what survives a power cut.",
)
@click.option(
    "--run",
    envvar="BOCAGE_RUN",
    default="/run/bocage",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the box keeps what does not: must be in memory (tmpfs).",
)
@click.option(
    "--lab-clock",
    hidden=True,  # no environment variable gives it either: only the laboratory's command line
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.pass_context
def main(ctx: click.Context, state: Path, run: Path, lab_clock: Path | None) -> None:
    """Look after one Bocage box."""
    if lab_clock is not None and state == SERVICE_STATE:
        raise click.UsageError(f"{state} is a box in service: it has no laboratory's clock")
    ctx.obj = Box(state, run, lab_clock)


for command in (
    setup,
    enrol,
    card,
    config,
    pair,
    unlock,
    run_unit,
    doctor,
    spool,
    reports,
    requests,
    exam,
    convention,
    ledger,
    statement,
    seal,
    audit,
):
    main.add_command(command)
