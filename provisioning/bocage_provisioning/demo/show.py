"""How the demonstration looks to a person: bars while it runs, a table at the end."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from bocage_provisioning.demo.outcome import Outcome


def progress_on(console: Console) -> Progress:
    """Make the bars."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def table(outcome: Outcome) -> Table:
    """Draw the result."""
    drawn = Table(title="From the modality to the reading station, and the report back")
    drawn.add_column("exam")
    for heading in ("instances", "bytes", "on the wire", "ratio", "seconds"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("byte for byte")
    drawn.add_column("report back, s", justify="right")
    for exam in outcome.exams:
        drawn.add_row(
            exam.name,
            str(exam.instances),
            f"{exam.bytes:,}",
            f"{exam.wire_bytes:,}",
            f"{exam.ratio:.2f}",
            f"{exam.seconds:.2f}",
            "equal" if exam.held else "DIFFERENT",
            f"{exam.report_seconds:.2f}",
        )
    return drawn


def verdict(outcome: Outcome) -> str:
    """Say in a sentence or two how it went."""
    ledgers = "agree" if outcome.ledgers_agree else "DO NOT AGREE"
    lines = [f"The two boxes' ledgers {ledgers}."]
    lines += [f"FAULT: {fault}" for fault in outcome.faults]
    lines.append("Everything held." if outcome.ok else "NOT everything held.")
    return "\n".join(lines)
