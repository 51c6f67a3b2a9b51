"""Reports of which nobody could say for certain which exam they answer: a person decides here.

Nothing of a patient is shown, unless it is asked for on a box that is unlocked; it then goes to the
screen alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.cli.spool import opened_spool, write_down
from bocage_edge.deliver.unlocking import Locked, read_opening_keys
from bocage_edge.errors import SealError, SpoolError
from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.matching import (
    HELD_IN_WORDS,
    Agreement,
    Held,
    HeldFor,
    MatchedBy,
    Suggestion,
    agreement,
    match,
)
from bocage_edge.exam.names import Names
from bocage_edge.particulars import open_particulars
from bocage_edge.paths import Box
from bocage_edge.receive.report_book import exams_with
from bocage_edge.spool.exams import Exam
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, UnmatchedObject
from bocage_system.kick import ring

SHOWN_DIGITS = 10
_FEWEST_DIGITS = 6
_SHOWN = ("PatientName", "PatientBirthDate", "PatientID", "AccessionNumber", "StudyDate")


@click.group()
def reports() -> None:
    """Reports that wait for somebody to say which exam they answer."""


@reports.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--names", "with_names", is_flag=True, help="Show whose they are: unlocked boxes.")
@click.pass_obj
def list_unmatched(box: Box, as_json: bool, with_names: bool) -> None:
    """List what waits, why, and which exams it may answer."""
    keys = _keys(box) if with_names else ()
    with opened_spool(box) as spool:
        for each in spool.unmatched():
            suggestions = _suggestions(spool, each)
            if as_json:
                click.echo(json.dumps(_said(each, suggestions)))
                continue
            for line in _lines(spool, each, suggestions):
                click.echo(line)
            for line in _names(each, keys):
                click.echo(line)


@reports.command("match")
@click.argument("object_", metavar="OBJECT")
@click.argument("exam", metavar="EXAM_REF")
@click.option("--with-study", is_flag=True, help="And all that waits of the same study of theirs.")
@click.pass_obj
def match_one(box: Box, object_: str, exam: str, with_study: bool) -> None:
    """Say that OBJECT answers EXAM_REF: it then travels back with that exam.

    OBJECT: the first digits of its name, as `reports list` shows it. EXAM_REF as `B7-4Q2K`.
    """
    with opened_spool(box) as spool:
        chosen = _find_object(spool, object_)
        exam_id = _find_exam(spool, chosen.link, exam)
        meant = _of_its_study(spool, chosen) if with_study else [chosen]
        for each in meant:
            _see_that_it_may_be(spool, each, exam_id)
        now = box.clock().now()
        for each in meant:
            _act(spool.match_by_person(each.name, exam_id, _matched(each, exam_id, now)))
        write_down(spool, box)
    ring(box.doorbell("relay"))
    for each in meant:
        click.echo(f"{each.name[:SHOWN_DIGITS]} goes with {exam_ref(exam_id)} now", err=True)


@reports.command("refuse")
@click.argument("object_", metavar="OBJECT")
@click.pass_obj
def refuse_one(box: Box, object_: str) -> None:
    """Give OBJECT up: it goes nowhere. Its system may send it again, corrected."""
    with opened_spool(box) as spool:
        chosen = _find_object(spool, object_)
        body = {"object": chosen.name, "exam_id": chosen.doubt.study or None, "reason": "person"}
        now = box.clock().now()
        gone = draft("dropped", now, object=chosen.name, reason="person")
        _act(spool.give_up_unmatched(chosen.name, [draft("report_refused", now, **body), gone]))
        write_down(spool, box)
    click.echo(f"{chosen.name[:SHOWN_DIGITS]} was given up", err=True)


def _matched(chosen: UnmatchedObject, exam_id: str, now: float) -> list[EntryDraft]:
    body = {"exam_id": exam_id, "object": chosen.name, "matched_by": MatchedBy.PERSON.value}
    if not chosen.doubt.report_state:
        return [draft("matched", now, **body)]
    said = {"report_state": chosen.doubt.report_state, "format": chosen.doubt.format}
    return [draft("report", now, **body, **said)]


def _act(is_done: bool) -> None:
    if not is_done:
        raise SpoolError("it waits for nobody any more: somebody decided a moment ago")


# What is meant


def _find_object(spool: Spool, digits: str) -> UnmatchedObject:
    wanted = digits.strip().lower()
    found = [each for each in spool.unmatched() if each.name.startswith(wanted)]
    if len(wanted) >= _FEWEST_DIGITS and len(found) == 1:
        return found[0]
    if len(found) > 1 or len(wanted) < _FEWEST_DIGITS:
        raise SpoolError("these digits may mean several objects: give more of them")
    raise SpoolError(
        "no such report waits for a decision", "bocage-edge reports list shows those that do"
    )


def _of_its_study(spool: Spool, chosen: UnmatchedObject) -> list[UnmatchedObject]:
    study = chosen.link, chosen.doubt.study
    return [
        each
        for each in spool.unmatched()
        if each.name == chosen.name or (study[1] and (each.link, each.doubt.study) == study)
    ]


def _find_exam(spool: Spool, link: str, typed: str) -> str:
    wanted = typed.strip().upper()
    known = spool.exams_of_link(Direction.IN, link)
    found = [each for each in known if wanted in (exam_ref(each), each.upper())]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpoolError(
            f"{len(found)} exams are called {wanted}: give the 32 digits of its exam_id",
            "bocage-edge ledger show LINK --exam EXAM_REF shows them",
        )
    raise SpoolError("no exam of that name has come over this link; it is written as B7-4Q2K")


def _see_that_it_may_be(spool: Spool, chosen: UnmatchedObject, exam_id: str) -> None:
    """A report that names another patient than the exam's is nobody's to match.

    Raises:
        SpoolError: it does.
    """
    exam = Names.of_rows(exam_id, spool.exam_names(chosen.link, exam_id))
    if agreement(_names_of(chosen), exam) is Agreement.OTHER:
        raise SpoolError(
            "the report and this exam are of two different patients",
            "have it corrected where it was written and sent again; `reports refuse` gives this one"
            " up",
        )


# What is shown


def _names_of(waiting: UnmatchedObject) -> Names:
    return Names.of_rows(waiting.doubt.study, waiting.doubt.names)


def _suggestions(spool: Spool, waiting: UnmatchedObject) -> Sequence[Suggestion]:
    """List exams it may answer, as things stand now: some may have come since."""
    names = _names_of(waiting)
    exams = exams_with(spool, waiting.link, names, Direction.IN)
    found = match(names, exams)
    return found.suggestions if isinstance(found, Held) else _fitting(names, exams)


def _fitting(names: Names, exams: Sequence[Names]) -> list[Suggestion]:
    return [
        Suggestion(each.exam_id, ("fits",))
        for each in exams
        if agreement(names, each) is not Agreement.OTHER
    ]


def _said(waiting: UnmatchedObject, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    return {
        "object": waiting.name,
        "link": waiting.link,
        "service": waiting.service,
        "at": waiting.at,
        "bytes": waiting.size_bytes,
        "report_state": waiting.doubt.report_state,
        "format": waiting.doubt.format,
        "reason": waiting.doubt.reason,
        "words": _words(waiting.doubt.reason),
        "suggestions": [
            {"exam_ref": exam_ref(each.exam_id), "exam_id": each.exam_id, "common": list(each.why)}
            for each in suggestions
        ],
    }


def _lines(
    spool: Spool, waiting: UnmatchedObject, suggestions: Sequence[Suggestion]
) -> Iterator[str]:
    doubt = waiting.doubt
    what = f"{doubt.report_state} {doubt.format}" if doubt.report_state else "comes with a report"
    yield (
        f"{waiting.name[:SHOWN_DIGITS]}  {waiting.link}  {_day(waiting.at)}  {what},"
        f" {waiting.size_bytes:,} bytes sealed"
    )
    yield f"    {_words(doubt.reason)}"
    for each in suggestions:
        exam = spool.exam(Direction.IN, waiting.link, each.exam_id)
        common = ", ".join(each.why)
        yield f"    may answer {exam_ref(each.exam_id)}{_described(exam)}: {common} in common"
    if not suggestions:
        yield "    no exam here has anything in common with it"


def _words(reason: str) -> str:
    known = {word.value: text for word, text in HELD_IN_WORDS.items()}
    return known.get(reason, HELD_IN_WORDS[HeldFor.NO_EXAM])


def _described(exam: Exam | None) -> str:
    if exam is None:
        return ""
    at = exam.first_at if exam.accepted_at is None else exam.accepted_at
    return f" ({exam.modality or 'exam'}, sent {_day(at)})"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%d.%m. %H:%M}"


def _keys(box: Box) -> tuple[str, ...]:
    found = read_opening_keys(box.opening_key)
    if isinstance(found, Locked):
        raise SealError(found.reason, "bocage-edge unlock")
    return found.identities


def _names(waiting: UnmatchedObject, keys: Sequence[str]) -> Iterator[str]:
    if not keys or waiting.doubt.sealed is None:
        return
    try:
        of = open_particulars(waiting.doubt.sealed, keys)
    except SealError:
        yield "    sealed to a key this box does not have any more"
        return
    yield "    " + "  ".join(text for keyword in _SHOWN if (text := of.text(keyword)))
