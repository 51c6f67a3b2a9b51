"""Requests that wait for their exam, or for somebody to say which one it is.

Nothing of a patient is shown: of a request the box keeps keyed hashes, and its text is sealed to
the partner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import click

from bocage_contract.ledger import draft
from bocage_edge.cli.spool import opened_spool, write_down
from bocage_edge.errors import SpoolError
from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.matching import Agreement, MatchedBy, agreement
from bocage_edge.exam.names import Names
from bocage_edge.paths import Box
from bocage_edge.receive.report_book import exams_with
from bocage_edge.receive.request_book import (
    Bound,
    names_of_waiting,
    received_entry,
    request_entry,
)
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.requests import WaitingRequest
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction
from bocage_system.kick import ring

SHOWN_DIGITS = 10
_FEWEST_DIGITS = 6


@click.group()
def requests() -> None:
    """Requests that wait for their exam."""


@requests.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def list_waiting(box: Box, as_json: bool) -> None:
    """List what waits, since when and why, and which exams it may be for."""
    with opened_spool(box) as spool:
        for each in spool.waiting_requests():
            exams = _possible(spool, each)
            if as_json:
                said = {
                    "object": each.object,
                    "link": each.link,
                    "at": each.at,
                    "reason": each.held,
                    "exams": [{"exam_ref": exam_ref(exam), "exam_id": exam} for exam in exams],
                }
                click.echo(json.dumps(said))
                continue
            since = datetime.fromtimestamp(each.at).astimezone()
            may_be = ", ".join(map(exam_ref, exams))
            click.echo(
                f"{each.object[:SHOWN_DIGITS]}  {each.link}  {since:%d.%m. %H:%M}  {each.held}"
                + (f"; may be for {may_be}" if may_be else "")
            )


@requests.command("match")
@click.argument("object_", metavar="OBJECT")
@click.argument("exam", metavar="EXAM_REF")
@click.pass_obj
def match_one(box: Box, object_: str, exam: str) -> None:
    """Say that OBJECT is the request for EXAM_REF: it then travels with that exam.

    OBJECT: the first digits of its name, as `requests list` shows it. EXAM_REF as `B7-4Q2K`.
    """
    with opened_spool(box) as spool:
        chosen = _find(spool, object_)
        found = _find_exam(spool, chosen, exam)
        names = Names.of_rows(found.exam_id, spool.exam_names(chosen.link, found.exam_id))
        if agreement(names_of_waiting(chosen), names) is Agreement.OTHER:
            raise SpoolError(
                "the request and this exam are of two different patients",
                "have it corrected where it was written and sent again; `requests drop` gives this"
                " one up",
            )
        stored, now = spool.get(chosen.object), box.clock().now()
        if stored is None:
            raise SpoolError("it waits no more: somebody decided a moment ago")
        bound = Bound(found, MatchedBy.PERSON.value)
        entries = [received_entry(stored, found, now), request_entry(stored.name, bound, now)]
        if not spool.bind_request(chosen.object, found, entries):
            raise SpoolError("it waits no more: somebody decided a moment ago")
        write_down(spool, box)
    ring(box.doorbell("relay"))
    click.echo(f"{chosen.object[:SHOWN_DIGITS]} is for {exam_ref(found.exam_id)}", err=True)


@requests.command("drop")
@click.argument("object_", metavar="OBJECT")
@click.pass_obj
def drop_one(box: Box, object_: str) -> None:
    """Give OBJECT up: it goes nowhere."""
    with opened_spool(box) as spool:
        chosen = _find(spool, object_)
        entry = draft("dropped", box.clock().now(), object=chosen.object, reason="person")
        spool.drop([chosen.object], "given up by a person", [entry])
        write_down(spool, box)
    click.echo(f"{chosen.object[:SHOWN_DIGITS]} was given up", err=True)


def _possible(spool: Spool, waiting: WaitingRequest) -> Sequence[str]:
    names = names_of_waiting(waiting)
    return [
        each.exam_id
        for each in exams_with(spool, waiting.link, names, Direction.OUT)
        if agreement(names, each) is not Agreement.OTHER
    ]


def _find(spool: Spool, digits: str) -> WaitingRequest:
    wanted = digits.strip().lower()
    found = [each for each in spool.waiting_requests() if each.object.startswith(wanted)]
    if len(wanted) >= _FEWEST_DIGITS and len(found) == 1:
        return found[0]
    if found:
        raise SpoolError("these digits may mean several requests: give more of them")
    raise SpoolError("no such request waits", "bocage-edge requests list shows those that do")


def _find_exam(spool: Spool, waiting: WaitingRequest, typed: str) -> Exam:
    wanted = typed.strip().upper()
    known = spool.exams_of_link(Direction.OUT, waiting.link)
    found = [each for each in known if wanted in (exam_ref(each), each.upper())]
    if len(found) > 1:
        raise SpoolError(f"{len(found)} exams are called {wanted}: give the 32 digits of its id")
    exam = spool.exam(Direction.OUT, waiting.link, found[0]) if found else None
    if exam is None or exam.state is not ExamState.ACCEPTED:
        raise SpoolError("no exam of that name has been taken on this link; as in B7-4Q2K")
    return exam
