"""`bocage-console audit`: who did what, and whether the list is whole."""

from __future__ import annotations

import datetime
import json

import click
from sqlalchemy import select

from bocage_console.audit.record import verify
from bocage_console.cli.opened import opened
from bocage_console.database.tables import AuditEntry
from bocage_console.folder import Folder


@click.group()
def audit() -> None:
    """The audit."""


@audit.command("show")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.pass_obj
def show(folder: Folder, last: int) -> None:
    """Print the last entries, newest first."""
    with opened(folder) as database, database.reading() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.n.desc()).limit(last))
        for row in rows:
            at = datetime.datetime.fromtimestamp(row.at, datetime.UTC).isoformat()
            detail = json.dumps(row.detail, ensure_ascii=False) if row.detail else ""
            click.echo(f"{row.n}\t{at}\t{row.who}\t{row.what}\t{row.about}\t{detail}".rstrip())


@audit.command("verify")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check the whole chain; exit status 1 where something does not hold."""
    folder: Folder = ctx.obj
    with opened(folder) as database, database.reading() as session:
        found = verify(session)
        head = session.scalars(select(AuditEntry).order_by(AuditEntry.n.desc()).limit(1)).first()
    for each in found:
        click.echo(each)
    if head is not None:
        click.echo(f"{head.n} entries, the last {head.hash}")
    ctx.exit(1 if found else 0)
