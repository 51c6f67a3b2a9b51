"""`bocage-provision demo`: laboratory up, real exams through it, what was found."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import datetime
from types import FrameType
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from bocage_contract.configuration import Desired
from bocage_provisioning.demo.agreement import TIMEZONE, agreement
from bocage_provisioning.demo.day import QUIET_S
from bocage_provisioning.demo.demonstration import Demonstration
from bocage_provisioning.demo.outcome import Outcome
from bocage_provisioning.demo.show import agreed, checks, progress_on, statement, table, verdict
from bocage_provisioning.lab import desired, topology
from bocage_provisioning.lab.boxes import READY_TIMEOUT_S, LabBox
from bocage_provisioning.lab.bringing_up import Signer, bring_up
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import CommandError

FAILED = 1
INTERRUPTED = 130
_TABLE_WIDTH = 100  # of a file; a terminal says its own


@click.command()
@click.option("--exit", "ends", is_flag=True, help="End when it is done; status 0: all held.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option(
    "--at",
    "shown",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    help="What the boxes' clocks show when it begins (in France); without it, the machine's time.",
)
@click.option("--name", default="demo", show_default=True, help="Of the laboratory.")
@click.option("--rate-mbit", default=20.0, show_default=True, help="Of the line, each way.")
@click.option("--delay-ms", default=20.0, show_default=True, help="Of the line, one way.")
@click.option("--loss-pct", default=0.0, show_default=True, help="Of the line's packets.")
def demo(
    ends: bool,
    as_json: bool,
    shown: datetime | None,
    name: str,
    rate_mbit: float,
    delay_ms: float,
    loss_pct: float,
) -> None:
    """Send real exams from a hospital to a practice on this machine, and reports back."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _end)
    line = Line(rate_mbit=rate_mbit, delay_ms=delay_ms, loss_pct=loss_pct)
    at = None if shown is None else shown.replace(tzinfo=ZoneInfo(TIMEZONE)).timestamp()
    try:
        with Laboratory(name, line=line, at=at) as lab:
            outcome = _shown(lab, console)
            _tell(outcome, as_json=as_json)
            if not ends:
                console.print(how_to_send(lab.topology.hospital_lan, lab.topology.practice_lan))
                threading.Event().wait()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (LabError, CommandError) as error:
        console.print(f"[red]{error}[/red]")
        if as_json:
            click.echo(json.dumps(Outcome((), False, (str(error),)).to_json()))
        sys.exit(FAILED)
    sys.exit(0 if outcome.ok else FAILED)


def _shown(lab: Laboratory, console: Console) -> Outcome:
    """Bring the boxes up under an agreement, and let the day go by."""
    convention = agreement(datetime.fromtimestamp(lab.now(), ZoneInfo(TIMEZONE)).date())
    signer = bring_up(lab, lambda step: console.print(f"[dim]· {step}[/dim]"), convention)
    be_quiet_soon(lab.hospital, signer)
    console.print(agreed(convention, lab.now()), markup=False, highlight=False)
    with progress_on(console) as progress:
        return Demonstration(lab, progress).run()


def be_quiet_soon(hospital: LabBox, signer: Signer) -> None:
    """Let the hospital's box call an exam quiet after a few seconds."""
    document = json.loads(hospital.cli("config", "show"))
    document["revision"] += 1
    document["receive"]["quiet_s"] = QUIET_S
    signer.load(hospital, Desired.of(document))
    wait_until(
        lambda: (hospital.status("receive") or {}).get("revision") == document["revision"],
        READY_TIMEOUT_S,
        "the configuration",
    )


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    shown = Console(stderr=as_json)
    if not shown.is_terminal:
        shown = Console(stderr=as_json, width=_TABLE_WIDTH)
    for drawn in (table(outcome), checks(outcome), statement(outcome)):
        shown.print(drawn)
    shown.print(verdict(outcome))
    if as_json:
        click.echo(json.dumps(outcome.to_json()))


def _end(_number: int, _frame: FrameType | None) -> None:
    """Leave the way Ctrl-C does: what was brought up is taken away on the way out."""
    raise KeyboardInterrupt


def how_to_send(hospital_lan: str, practice_lan: str) -> str:
    """Tell a person how to send more through a laboratory that is up."""
    box = f"{topology.BOX_LAN_ADDRESS} {desired.DICOM_PORT}"
    return (
        "\nThe laboratory stays up until Ctrl-C. Send more from the hospital "
        f"(called AE titles {desired.ROUTINE_AET}, {desired.URGENT_AET}, {desired.PRIOR_AET}):\n"
        f"  ip netns exec {hospital_lan} dcmsend -aet {desired.MODALITY_AET} "
        f"-aec {desired.ROUTINE_AET} {box} FILE…\n"
        f"and a report from the practice (called AE title {desired.REPORT_AET}):\n"
        f"  ip netns exec {practice_lan} dcmsend -aet {desired.STATION_AET} "
        f"-aec {desired.REPORT_AET} {box} FILE…"
    )
