"""How the demonstration looks to a person: bars while it runs, tables at the end."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
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

from bocage_contract.convention.model import Convention
from bocage_contract.exam_class import ExamClass
from bocage_provisioning.demo.agreement import TIMEZONE
from bocage_provisioning.demo.outcome import ExamOutcome, Outcome
from bocage_provisioning.lab.desired import PRIOR_AET

_STATEMENT = {
    "modality": "", "exams": "exams", "urgent_pct": "urgent %", "reported": "reported",
    "median_min": "median", "p95_min": "95 %", "slots_met": "slots met", "slots_missed": "missed",
    "reports_overdue": "overdue", "billed": "billed", "amount": "EUR",
}  # fmt: skip


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


def agreed(convention: Convention, now: float) -> str:
    """Say in a few lines what was agreed, and what time it is.

    Args:
        now: Unix seconds.
    """
    shown = datetime.fromtimestamp(now, ZoneInfo(convention.timezone))
    lines = [f"It is {shown:%A %Y-%m-%d %H:%M} at both sites. They have agreed:"]
    for aet, terms in convention.services.items():
        taken = ", ".join(terms.eligible.modalities) or "everything"
        note = "; no slot, no report, no price" if terms.exam_class is ExamClass.PRIOR else ""
        lines.append(f"  {aet:<10} {terms.exam_class.value}: {taken}{note}")
    slots = " and ".join(f"{slot.days} {slot.start}-{slot.end}" for slot in convention.slots)
    lines.append(
        f"  read {slots}; there {convention.arrive_before_min} minutes before; "
        f"report due {convention.report.due}"
    )
    prices = ", ".join(f"{modality} {price}" for modality, price in convention.tariff.exam.items())
    lines.append(f"  {convention.tariff.currency} an exam: {prices}")
    return "\n".join(lines)


def _table(title: str) -> Table:
    return Table(
        box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left"
    )


def table(outcome: Outcome) -> Table:
    """Draw what travelled."""
    drawn = Table(
        box=SIMPLE,
        pad_edge=False,
        title="From the modality to the reading station, and the report back",
    )
    drawn.add_column("exam", no_wrap=True)
    drawn.add_column("for", no_wrap=True)
    for heading in ("objects", "bytes", "on the wire", "ratio", "s"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("as sent", no_wrap=True)
    drawn.add_column("report s", justify="right", no_wrap=True)
    for exam in outcome.exams:
        drawn.add_row(
            exam.name,
            _meant_for(exam),
            str(exam.instances),
            f"{exam.bytes:,}",
            f"{exam.wire_bytes:,}",
            f"{exam.ratio:.2f}",
            f"{exam.seconds:.2f}",
            "equal" if exam.held else "DIFFERENT",
            "-" if exam.report_seconds is None else f"{exam.report_seconds:.2f}",
        )
    return drawn


def checks(outcome: Outcome) -> Table:
    """Draw what was claimed, and what showed it."""
    drawn = _table("What was claimed, and what was seen")
    drawn.add_column("claim")
    drawn.add_column("seen")
    drawn.add_column("held")
    for check in outcome.checks:
        drawn.add_row(check.claim, check.seen, "yes" if check.held else "NO")
    return drawn


def statement(outcome: Outcome) -> Table:
    """Draw the month's statement."""
    month = outcome.statement[0]["month"] if outcome.statement else ""
    drawn = _table(f"The statement of {month}; times in minutes")
    for heading in _STATEMENT.values():
        drawn.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in outcome.statement:
        drawn.add_row(*(row[name] for name in _STATEMENT))
    return drawn


def verdict(outcome: Outcome) -> str:
    """Say in a sentence or two how it went."""
    ledgers = "agree" if outcome.ledgers_agree else "DO NOT AGREE"
    lines = [f"The two boxes' ledgers {ledgers}."]
    lines += [f"FAULT: {fault}" for fault in outcome.faults]
    lines += [f"NOT SO: {each.claim} ({each.seen})" for each in outcome.checks if not each.held]
    lines.append("Everything held." if outcome.ok else "NOT everything held.")
    return "\n".join(lines)


def _meant_for(exam: ExamOutcome) -> str:
    if exam.slot_from is not None:
        return f"{datetime.fromtimestamp(exam.slot_from, ZoneInfo(TIMEZONE)):%a %H:%M}"
    return "prior" if exam.service == PRIOR_AET else "urgent"
