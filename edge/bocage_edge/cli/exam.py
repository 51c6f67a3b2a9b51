"""Exams as people on the telephone speak of them: by their short reference, without a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from bocage_contract.configuration import Link
from bocage_contract.convention.eligibility import Reason
from bocage_edge import configuration
from bocage_edge.cli.exam_words import say
from bocage_edge.configuration import InForce
from bocage_edge.errors import EdgeError, KeeperError
from bocage_edge.exam.identity import exam_ref
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import flush
from bocage_edge.paths import Box
from bocage_edge.receive.raising import may_be_raised, raise_exam, urgent_services
from bocage_edge.spool.cancelling import ExamCounts, ExamStandsError
from bocage_edge.spool.contents import superseded
from bocage_edge.spool.exams import Exam
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import KEEP_ROW_S, Direction
from bocage_edge.units import ADMINISTRATOR
from bocage_system.kick import ring

_DAY_S = 86_400.0
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
_LINK = click.option("--link", "link_id", help="Only exams of this link.")


class ExamError(EdgeError):
    """What was asked of an exam cannot be done."""


@click.group()
def exam() -> None:
    """Exams on their way: list, show, cancel, raise to urgent."""


@exam.command("list")
@click.option("--days", default=2.0, show_default=True, help="How far back.")
@_LINK
@_JSON
@click.pass_obj
def list_exams(box: Box, days: float, link_id: str | None, as_json: bool) -> None:
    """List the exams of the last days, newest last: class, slot, state, counts."""
    in_force = configuration.load(box)
    with _opened(box) as spool:
        since = box.clock().now() - days * _DAY_S
        for each in spool.exams_since(since):
            if link_id in (None, each.link):
                _print(in_force, each, _counts(spool, each), as_json=as_json)


@exam.command("show")
@click.argument("ref", metavar="EXAM_REF")
@_LINK
@_JSON
@click.pass_obj
def show_exam(box: Box, ref: str, link_id: str | None, as_json: bool) -> None:
    """Show one exam: when it was accepted, for which slot, where its objects are, its report."""
    in_force = configuration.load(box)
    with _opened(box) as spool:
        found = _found(box, spool, ref, link_id)
        counts = _counts(spool, found)
    if as_json:
        _print(in_force, found, counts, as_json=True)
        return
    words = in_force.desired.site.language
    zone = ZoneInfo(in_force.desired.site.timezone)
    for name, value in _lines(found, counts, zone):
        click.echo(f"{say(name, words):<26} {value}")


@exam.command("cancel")
@click.argument("ref", metavar="EXAM_REF")
@_LINK
@click.pass_obj
def cancel(box: Box, ref: str, link_id: str | None) -> None:
    """Call an exam back: what has not left goes no further, the practice holds the rest."""
    in_force = configuration.load(box)
    language = in_force.desired.site.language
    with _opened(box) as spool:
        found = _outgoing(_found(box, spool, ref, link_id), language)
        try:
            counts = spool.cancel_exam(found.link, found.exam_id, box.clock().now())
        except ExamStandsError as error:
            hint = say("call_practice", language)
            raise ExamError(
                f"{exam_ref(found.exam_id)}: {say(error.message, language)}", hint
            ) from error
        _tell_ledger(box, spool)
    click.echo(say("cancelled", language, ref=exam_ref(found.exam_id), **asdict(counts)))
    if counts.at_partner or counts.delivered:
        click.echo(say("call_practice", language))


@exam.command("raise")
@click.argument("ref", metavar="EXAM_REF")
@_LINK
@click.pass_obj
def raise_one(box: Box, ref: str, link_id: str | None) -> None:
    """Raise an exam to urgent as a whole, as if it came again on the urgent service."""
    in_force = configuration.load(box)
    language = in_force.desired.site.language
    with _opened(box) as spool:
        found = _outgoing(_found(box, spool, ref, link_id), language)
        link, now = _link(in_force, found), box.clock().now()
        services = urgent_services(link, now)
        named = exam_ref(found.exam_id)
        if not may_be_raised(found):
            raise ExamError(say("not_raisable", language, ref=named))
        if not services:
            raise ExamError(say("no_urgent", language, link=link.id))
        raised = raise_exam(spool, link, found, services, now)
        if isinstance(raised, Reason):
            raise ExamError(
                f"{named}: {say(raised.value, language)}", say("call_practice", language)
            )
        _tell_ledger(box, spool)
    click.echo(say("raised", language, ref=named, service=raised.service))


@exam.command("release")
@click.argument("ref", metavar="EXAM_REF")
@click.option("--drop", is_flag=True, help="Give it up instead: it is not delivered.")
@_LINK
@click.pass_obj
def release(box: Box, ref: str, link_id: str | None, *, drop: bool) -> None:
    """At the practice: deliver what is held of an exam, changed or cancelled, or give it up."""
    language = configuration.load(box).desired.site.language
    with _opened(box) as spool:
        found, now = _found(box, spool, ref, link_id), box.clock().now()
        held = spool.held_of_exam(found.link, found.exam_id)
        if drop:
            for each in held:
                spool.supersede(each.name, [superseded(each, now)])
        else:
            spool.let_go(held, now)
        _tell_ledger(box, spool)
    named = exam_ref(found.exam_id)
    click.echo(say("dropped" if drop else "released", language, ref=named, count=len(held)))


def _found(box: Box, spool: Spool, ref: str, link_id: str | None) -> Exam:
    """Find the one exam a reference means; the newest first, 13 months back."""
    since = box.clock().now() - KEEP_ROW_S
    wanted = ref.strip().upper()
    found = [
        each
        for each in reversed(spool.exams_since(since))
        if exam_ref(each.exam_id) == wanted and link_id in (None, each.link)
    ]
    if not found:
        raise ExamError(f"no exam {ref}", "see: bocage-edge exam list --days 30")
    if len({(each.link, each.exam_id) for each in found}) > 1:
        links = ", ".join(sorted({each.link for each in found}))
        raise ExamError(f"{ref} means several exams", f"say which link: --link ({links})")
    return found[0]


def _outgoing(found: Exam, language: str) -> Exam:
    if found.direction is not Direction.OUT:
        raise ExamError(say("not_ours", language, ref=exam_ref(found.exam_id)))
    return found


def _link(in_force: InForce, found: Exam) -> Link:
    link = in_force.desired.link(found.link)
    if link is None:
        raise ExamError(f"no link {found.link} any more", "see: bocage-edge config show")
    return link


def _counts(spool: Spool, found: Exam) -> ExamCounts:
    return spool.exam_counts(found.direction, found.link, found.exam_id)


def _print(in_force: InForce, found: Exam, counts: ExamCounts, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_json(found, counts)))
        return
    zone = ZoneInfo(in_force.desired.site.timezone)
    slot = "-" if found.slot_from is None else _time(found.slot_from, zone)
    click.echo(
        f"{exam_ref(found.exam_id)}  {found.direction:<3} {found.link:<20} {found.klass:<8}"
        f" {found.state:<9} {found.modality:<4} {_time(found.first_at, zone)}  slot {slot:<12}"
        f" {counts.unsent:>4} unsent {counts.at_partner:>4} stored {counts.delivered:>4} delivered"
        f"  {found.report_state or '-'}"
    )


def _as_json(found: Exam, counts: ExamCounts) -> dict[str, Any]:
    row = {**asdict(found), "alarmed": sorted(found.alarmed), "told": sorted(found.told)}
    return {"exam_ref": exam_ref(found.exam_id), **row, **asdict(counts)}


def _lines(found: Exam, counts: ExamCounts, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    yield "exam", exam_ref(found.exam_id)
    yield "link", f"{found.link} ({found.direction})"
    yield "class", f"{found.klass}, {found.service}"
    yield "state", f"{found.state} {found.reason}".strip()
    yield "modality", found.modality or "-"
    if found.convention:
        yield "convention", f"{found.convention}, version {found.version}"
    times = (
        ("first", found.first_at),
        ("accepted", found.accepted_at),
        ("arrive_by", found.arrive_by),
        ("slot", found.slot_from),
        ("quiet", found.quiet_at),
        ("request", found.request_at),
        ("report_due", found.report_due),
        ("report", found.report_at),
    )
    for name, at in times:
        yield name, "-" if at is None else _time(at, zone)
    yield "report_state", found.report_state or "-"
    yield "unsent", str(counts.unsent)
    yield "at_partner", str(counts.at_partner)
    yield "delivered", str(counts.delivered)
    yield "held", str(counts.held)
    alarms = sorted(found.alarmed | {each for each in found.told if ":" not in each})
    yield "alarms", ", ".join(alarms) or "-"


def _time(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%d.%m. %H:%M")


@contextmanager
def _opened(box: Box) -> Iterator[Spool]:
    opened = Spool(box.spool, box.clock(), unit=ADMINISTRATOR)
    try:
        yield opened
    finally:
        opened.close()


def _tell_ledger(box: Box, spool: Spool) -> None:
    """Hand the entries over and wake the relay; without a keeper they wait for the next time."""
    try:
        flush(spool, Keeper(box.keeper_socket))
    except KeeperError as error:
        click.echo(f"not in the ledger yet: {error.message}", err=True)
    for unit in ("relay", "receive", "deliver"):
        ring(box.doorbell(unit))
