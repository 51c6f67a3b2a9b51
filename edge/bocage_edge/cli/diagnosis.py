"""`bocage-edge doctor`: one screen on what is well and what is not."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from bocage_edge.health.examine import examine
from bocage_edge.health.finding import Finding, Level, worst

_SIGNS = {
    Level.OK: "[green]well[/green]",
    Level.WARNING: "[yellow]LOOK[/yellow]",
    Level.BAD: "[red]BAD[/red]",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is well with this box and what is not.

    Exit status 0: all is well; 1: somebody should look; 2: something does not work.
    """
    from bocage_edge.health.look import look  # brings DICOM along, which no other command needs

    findings = examine(look(ctx.obj, ctx.obj.clock()))
    level = worst(findings)
    if as_json:
        click.echo(json.dumps({"level": level.name.lower(), "findings": _said(findings)}))
    else:
        Console().print(_screen(findings))
    ctx.exit(int(level))


def _said(findings: list[Finding]) -> list[dict[str, str]]:
    return [
        {
            "subject": finding.subject,
            "level": finding.level.name.lower(),
            "text": finding.text,
            "hint": finding.hint,
        }
        for finding in findings
    ]


def _screen(findings: list[Finding]) -> Table:
    screen = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        hint = f"\n[dim]{finding.hint}[/dim]" if finding.hint else ""
        screen.add_row(_SIGNS[finding.level], finding.subject, f"{finding.text}{hint}")
    return screen
