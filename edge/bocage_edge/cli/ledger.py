"""Reading, verifying and comparing the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bocage_contract.configuration import Link
from bocage_contract.ledger import MAX_PAGE_ENTRIES, Entry, box_chain, link_chain, read_entry
from bocage_edge import configuration
from bocage_edge.cli.ledger_files import check_file, export, histories_in, keeper_of, pair_files
from bocage_edge.errors import ConfigError
from bocage_edge.exam.identity import exam_ref as exam_ref_of
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.reconcile import Report, reconcile
from bocage_edge.paths import Box

DIFFERENT = 1
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
BOX = "box"


@click.group()
def ledger() -> None:
    """The append-only, signed list of what happened, and the partner's beside it."""


ledger.add_command(export)


@ledger.command()
@click.argument("chain", default=BOX)
@click.option("--after", default=0, help="Leave out entries up to this number.")
@click.option("--partner", is_flag=True, help="Our copy of the partner's entries instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--kind", "kinds", multiple=True, help="Only entries of this kind; may be repeated.")
@click.option("--since", type=click.DateTime(), help="Only entries from this moment on (UTC).")
@click.option("--exam", "exam_ref", help="Only entries of this exam, as B7-4Q2K.")
@click.pass_obj
def show(
    box: Box,
    chain: str,
    after: int,
    partner: bool,
    as_json: bool,
    kinds: tuple[str, ...],
    since: datetime | None,
    exam_ref: str | None,
) -> None:
    """Show the entries of a link, or those of the box itself."""
    keeper = keeper_of(box)
    source = _partner_entries if partner else _own_entries
    since_ms = 0 if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1000)
    wanted = None if exam_ref is None else exam_ref.upper()
    for entry in source(box, keeper, chain, after):
        if not _is_wanted(entry, kinds, since_ms, wanted):
            continue
        if as_json:
            click.echo(json.dumps(entry.to_json()))
        else:
            body = " ".join(f"{name}={value}" for name, value in entry.body.items())
            click.echo(f"{entry.n:>8}  {entry.at / 1000:.3f}  {entry.kind:<20} {body}")


@ledger.command()
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--identity", help="Public key (base64) of the box FILE must be of.")
@click.pass_context
def verify(ctx: click.Context, file: Path | None, identity: str | None) -> None:
    """Check every chain of the box, or of an exported FILE; status 1: something is wrong."""
    if file is not None:
        found = check_file(file, identity)
        _tell_whole(ctx, [*(fault.text for fault in found.faults), *histories_in(found)])
        return
    box: Box = ctx.obj
    keeper = keeper_of(box)
    faults = keeper.verify_own()
    for link in configuration.load(box).desired.links:
        faults += keeper.verify_partner(link.id)
    _tell_whole(ctx, faults)


def _tell_whole(ctx: click.Context, faults: list[str]) -> None:
    for fault in faults:
        click.echo(fault)
    click.echo("the ledger is whole" if not faults else "the ledger is DAMAGED", err=True)
    ctx.exit(DIFFERENT if faults else 0)


@ledger.command("reconcile")
@click.argument("link_id", metavar="LINK | FILE FILE")
@click.argument("other", required=False, metavar="", type=click.Path(path_type=Path))
@click.option("--wait-s", default=0.0, help="Wait as long for everything to be settled.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def reconcile_link(
    ctx: click.Context, link_id: str, other: Path | None, wait_s: float, as_json: bool
) -> None:
    """Compare our entries of a link with the partner's, or two exports with each other.

    Status 1: they contradict each other.
    """
    if other is not None:
        _reconcile_files(ctx, Path(link_id), other, as_json)
        return
    box: Box = ctx.obj
    keeper = keeper_of(box)
    link = configuration.load(box).desired.link(link_id)
    if link is None:
        raise ConfigError(f"no link {link_id}", "see: bocage-edge config show")
    report = _waited(lambda: _compared(box, keeper, link), wait_s)
    faults = [*keeper.verify_own(), *keeper.verify_partner(link_id)]
    said = _said(report, faults)
    if as_json:
        click.echo(json.dumps(said))
    else:
        _tell(report, said)
    ctx.exit(0 if said["agree"] else DIFFERENT)


def _reconcile_files(ctx: click.Context, one: Path, other: Path, as_json: bool) -> None:
    faults, findings, reports = pair_files(one, other)
    for report in reports:
        told = [*faults, *(each.text for each in findings)]
        said = _said(report, []) | {"agree": not told, "faults": told}
        if as_json:
            click.echo(json.dumps(said))
        else:
            _tell(report, said)
    ctx.exit(DIFFERENT if faults or findings else 0)


def _compared(box: Box, keeper: Keeper, link: Link) -> Report:
    return reconcile(
        _own_entries(box, keeper, link.id, 0),
        _partner_entries(box, keeper, link.id, 0),
        own_name=configuration.load_card(box).device,
        partner_name=link.partner,
        now=box.clock().now(),
    )


def _waited(compare: Callable[[], Report], wait_s: float) -> Report:
    """Compare again and again until all is settled, they contradict, or the time is over."""
    end, pause_s = time.monotonic() + wait_s, _SHORTEST_PAUSE_S
    while True:
        report = compare()
        if report.is_settled or not report.agrees or time.monotonic() >= end:
            return report
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _said(report: Report, faults: list[str]) -> dict[str, Any]:
    faults = [*faults, *(f"{each.object}: {each.words}" for each in report.differences)]
    ways = (report.out, report.back)
    return {
        "agree": report.agrees and not faults,
        "settled": report.is_settled and not faults,
        "sent": sum(way.sent for way in ways),
        "delivered": sum(way.delivered for way in ways),
        "refused": sum(way.refused for way in ways),
        "waiting": sum(len(way.waiting) for way in ways),
        "faults": faults,
    }


def _tell(report: Report, said: dict[str, Any]) -> None:
    for way in (report.out, report.back):
        click.echo(
            f"{way.sender} -> {way.receiver}: {way.sent} sent, {way.stored} stored, "
            f"{way.delivered} delivered, {way.refused} refused, {len(way.waiting)} waiting"
        )
    for fault in said["faults"]:
        click.echo(f"DIFFERENT: {fault}")
    click.echo("the ledgers agree" if said["agree"] else "the ledgers DO NOT agree")


def _is_wanted(entry: Entry, kinds: tuple[str, ...], since_ms: int, wanted: str | None) -> bool:
    if entry.at < since_ms or (kinds and entry.kind not in kinds):
        return False
    exam = entry.body.get("exam_id")
    return wanted is None or (isinstance(exam, str) and exam_ref_of(exam) == wanted)


def _own_entries(box: Box, keeper: Keeper, link: str, after: int) -> Iterator[Entry]:
    device = configuration.load_card(box).device
    chain = box_chain(device) if link == BOX else link_chain(device, link)
    return _paged(lambda n: keeper.entries(chain, n, MAX_PAGE_ENTRIES)[0], after)


def _partner_entries(_box: Box, keeper: Keeper, link: str, after: int) -> Iterator[Entry]:
    return _paged(lambda n: keeper.partner_entries(link, n, MAX_PAGE_ENTRIES), after)


def _paged(page: Callable[[int], list[bytes]], after: int) -> Iterator[Entry]:
    while raws := page(after):
        for raw in raws:
            yield read_entry(raw)
        after += len(raws)
