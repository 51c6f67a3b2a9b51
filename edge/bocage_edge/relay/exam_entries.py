"""From the partner's ledger to our rows of exams: what its entries say of an exam.

Pure but for `learn`, which writes it down.

Entries come verified and in their order; read twice they lead to the same rows. A body that breaks
the form is passed over: the partner may say what it likes of its exams, and harms its own alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, ValidationError

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import Entry
from bocage_contract.model import Model
from bocage_contract.names import Hex64
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction

ExamId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Instant = Annotated[int, Field(ge=0, lt=1 << 40)]
Word = Annotated[str, Field(pattern=r"^[a-z_]{0,32}$")]
Title = Annotated[str, Field(pattern=r"^[ -~]{0,64}$")]
Count = Annotated[int, Field(ge=0, lt=1 << 31)]


class _Accepted(Model):
    exam_id: ExamId
    service: Title
    exam_class: ExamClass
    convention: Title = ""
    version: Count = 0
    modality: Title = ""
    accepted_at: Instant
    slot_from: Instant | None = None
    slot_until: Instant | None = None
    arrive_by: Instant | None = None
    report_due: Instant | None = None


class _Refused(Model):
    exam_id: ExamId
    service: Title
    convention: Title = ""
    version: Count = 0
    modality: Title = ""
    reason: Word


class _Quiet(Model):
    exam_id: ExamId
    instances: Count


class _Cancelled(Model):
    exam_id: ExamId


class _Report(Model):
    exam_id: ExamId
    object: Hex64
    report_state: Word


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one entry says of an exam that arrives here.

    Args:
        apply: from the row as it stands, None where there is none, to the row as it is to be; None:
            it changes nothing.
    """

    exam_id: str
    apply: Callable[[Exam | None], Exam | None]


@dataclass(frozen=True, slots=True)
class ReportNote:
    """An object that is a report of an exam, in a state such as `final`."""

    object: str
    exam_id: str
    report_state: str
    at: float  # Unix seconds


def lessons_of(link: str, entries: Iterable[Entry]) -> list[Lesson | ReportNote]:
    """Read what the partner's entries say of exams, in their order."""
    found = []
    for entry in entries:
        reader = _READERS.get(entry.kind)
        if reader is None:
            continue
        try:
            found.append(reader(link, entry))
        except ValidationError:
            continue
    return found


def learn(spool: Spool, link: str, entries: Iterable[Entry]) -> None:
    """Bring what the partner's entries say of exams and reports into our rows.

    Raises:
        SpoolError: the index failed; the entries are read again later.
    """
    found = lessons_of(link, entries)
    lessons = [(each.exam_id, each.apply) for each in found if isinstance(each, Lesson)]
    if lessons:
        spool.learn(link, lessons)
    reports = [
        (each.object, each.exam_id, each.report_state, each.at)
        for each in found
        if isinstance(each, ReportNote)
    ]
    if reports:
        spool.note_reports(link, reports)


def _accepted(link: str, entry: Entry) -> Lesson:
    said = _Accepted.model_validate(entry.body)

    def apply(known: Exam | None) -> Exam:
        row = known or _new(link, said.exam_id, said.exam_class, said.service, said.accepted_at)
        # Units hand their entries on in their own time: an older word does not undo a later one.
        is_over = row.cancelled_at is not None and entry.at / 1000 <= row.cancelled_at
        return replace(
            row,
            klass=said.exam_class,
            service=said.service,
            state=ExamState.CANCELLED if is_over else ExamState.ACCEPTED,
            first_at=min(row.first_at, said.accepted_at),
            convention=said.convention,
            version=said.version,
            modality=said.modality,
            reason="",
            accepted_at=said.accepted_at,
            slot_from=said.slot_from,
            slot_until=said.slot_until,
            arrive_by=said.arrive_by,
            report_due=said.report_due,
        )

    return Lesson(said.exam_id, apply)


def _refused(link: str, entry: Entry) -> Lesson:
    said = _Refused.model_validate(entry.body)

    def apply(known: Exam | None) -> Exam | None:
        # Refused on one service, it may have passed on another.
        if known is not None and known.state in (ExamState.ACCEPTED, ExamState.CANCELLED):
            return None
        at = entry.at / 1000
        row = known or _new(link, said.exam_id, ExamClass.ROUTINE, said.service, at)
        return replace(
            row,
            service=said.service,
            state=ExamState.REFUSED,
            convention=said.convention,
            version=said.version,
            modality=said.modality,
            reason=said.reason,
        )

    return Lesson(said.exam_id, apply)


def _quiet(_link: str, entry: Entry) -> Lesson:
    said = _Quiet.model_validate(entry.body)

    def apply(known: Exam | None) -> Exam | None:
        if known is None:
            return None
        instances = max(known.quiet_instances, said.instances)
        return replace(known, quiet_at=entry.at / 1000, quiet_instances=instances)

    return Lesson(said.exam_id, apply)


def _cancelled(link: str, entry: Entry) -> Lesson:
    said = _Cancelled.model_validate(entry.body)

    def apply(known: Exam | None) -> Exam:
        at = entry.at / 1000
        row = known or _new(link, said.exam_id, ExamClass.ROUTINE, "", at)
        return replace(row, state=ExamState.CANCELLED, cancelled_at=max(row.cancelled_at or at, at))

    return Lesson(said.exam_id, apply)


def _report(_link: str, entry: Entry) -> ReportNote:
    said = _Report.model_validate(entry.body)
    return ReportNote(said.object, said.exam_id, said.report_state, entry.at / 1000)


def _new(link: str, exam_id: str, klass: ExamClass, service: str, first_at: float) -> Exam:
    return Exam(Direction.IN, link, exam_id, klass, service, ExamState.WAITING, first_at)


_READERS: dict[str, Callable[[str, Entry], Lesson | ReportNote]] = {
    "exam": _accepted,
    "exam_refused": _refused,
    "quiet": _quiet,
    "cancelled": _cancelled,
    "report": _report,
}
