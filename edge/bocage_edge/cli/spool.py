"""Looking into the spool: is everything there, and what lies in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

import click

from bocage_edge.errors import KeeperError
from bocage_edge.exam.identity import exam_ref
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import flush
from bocage_edge.paths import Box
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import VerifyReport
from bocage_edge.units import ADMINISTRATOR

UNSOUND = 1


@click.group()
def spool() -> None:
    """The durable store of sealed objects."""


@spool.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Compare index and files both ways and recompute every digest; status 1: something is wrong.

    What is left over from killed processes is swept by the units themselves; here it is shown.
    """
    with opened_spool(ctx.obj) as opened:
        report = opened.verify()
        write_down(opened, ctx.obj)
    if as_json:
        click.echo(
            json.dumps({"sound": report.is_sound, "clean": report.is_clean, **asdict(report)})
        )
    else:
        for line in _lines(report):
            click.echo(line)
    ctx.exit(0 if report.is_sound else UNSOUND)


@spool.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def list_backlog(box: Box, as_json: bool) -> None:
    """Show how much lies in the spool, by direction, link, class and state."""
    with opened_spool(box) as opened:
        corners = opened.backlog()
    for corner in corners:
        if as_json:
            click.echo(json.dumps(asdict(corner)))
        else:
            click.echo(
                f"{corner.direction:<4}{corner.link:<24}{corner.klass:<9}{corner.state:<9}"
                f"{corner.objects:>8} objects {corner.size_bytes:>14,} bytes  {corner.held} held"
            )


@spool.command("again")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def list_again(box: Box, as_json: bool) -> None:
    """List the exams that have to be sent again, and why."""
    with opened_spool(box) as opened:
        exams = opened.refused_exams()
    for each in exams:
        ref = exam_ref(each.exam_id)
        if as_json:
            click.echo(json.dumps({"exam_ref": ref, **asdict(each)}))
        else:
            since = datetime.fromtimestamp(each.received_at).astimezone()
            click.echo(
                f"{ref}  {each.link:<24}{since:%d.%m. %H:%M}  {each.instances:>5} instances:"
                f" {each.reason}"
            )


@contextmanager
def opened_spool(box: Box) -> Iterator[Spool]:
    """Open the spool as the administrator does."""
    opened = Spool(box.spool, box.clock(), unit=ADMINISTRATOR)
    try:
        yield opened
    finally:
        opened.close()


def write_down(opened: Spool, box: Box) -> None:
    """Hand what was found to the ledger; without a keeper it waits for the next time."""
    try:
        flush(opened, Keeper(box.keeper_socket))
    except KeeperError as error:
        click.echo(f"not in the ledger yet: {error.message}", err=True)


def _lines(report: VerifyReport) -> Iterator[str]:
    yield f"{report.objects} objects, {report.size_bytes:,} bytes, {report.parts} in part"
    for what, names in (
        ("MISSING, the index knows it", report.missing),
        ("CORRUPT, moved to corrupt/", report.corrupt),
        ("left over, will be swept", [*report.orphans, *report.stale]),
        ("arrived, but due nowhere", report.stuck),
        ("not the spool's", report.foreign),
    ):
        for name in names:
            yield f"{what}: {name}"
    yield "sound" if report.is_sound else "NOT SOUND"
