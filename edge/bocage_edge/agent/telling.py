"""From entries of the ledger to events for the console. Pure.

The ledger holds every object; the console wants exams. Deliveries of one exam to one station that
follow each other become one event with their number. What has no word here is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bocage_contract.exam_class import ExamClass
from bocage_contract.fleet.events import Event, EventKind, Measure, Why
from bocage_contract.ledger import Entry
from bocage_edge.exam.identity import exam_ref

Body = dict[str, Any]
_TIMES = {
    "slot_from": Measure.SLOT_FROM,
    "slot_until": Measure.SLOT_UNTIL,
    "arrive_by": Measure.ARRIVE_BY,
    "report_due": Measure.REPORT_DUE,
}


def events_of(entries: Iterable[Entry]) -> list[Event]:
    """Translate a run of entries of one chain, in their order."""
    told: list[Event] = []
    for entry in entries:
        event = _event(entry)
        if event is None:
            continue
        if told and _is_more_of(told[-1], event):
            told[-1] = _together(told[-1], event)
        else:
            told.append(event)
    return told


def _event(entry: Entry) -> Event | None:
    if entry.kind == "exam":
        return _exam(entry)
    kind = _KINDS.get(entry.kind)
    if kind is None or (entry.kind == "delivered" and not entry.body.get("done")):
        return None
    numbers = _NUMBERS.get(entry.kind, _nothing)(entry.body)
    return _made(entry, kind, numbers)


def _exam(entry: Entry) -> Event | None:
    kinds = {"new": EventKind.EXAM_ACCEPTED, "raised": EventKind.EXAM_RAISED}
    kind = kinds.get(str(entry.body.get("why", "")))
    if kind is None:
        return None
    body = entry.body
    numbers = {measure: body[name] for name, measure in _TIMES.items() if _is_time(body.get(name))}
    return _made(entry, kind, numbers)


def _made(entry: Entry, kind: EventKind, numbers: dict[Measure, int]) -> Event:
    body = entry.body
    _, _, link = entry.chain.partition("/")
    return Event(
        seq=1,  # given by the outbox
        at=entry.at,
        kind=kind,
        link=None if link == "box" else link,
        exam=_ref(body.get("exam_id")),
        exam_class=_class(body.get("exam_class")),
        destination=body.get("destination") if entry.kind == "delivered" else None,
        why=_why(body.get("reason")),
        numbers=numbers,
    )


def _is_more_of(last: Event, event: Event) -> bool:
    same = (event.kind, event.link, event.exam, event.destination)
    return event.kind is EventKind.EXAM_DELIVERED and same == (
        last.kind,
        last.link,
        last.exam,
        last.destination,
    )


def _together(last: Event, event: Event) -> Event:
    count = last.numbers[Measure.INSTANCES] + event.numbers[Measure.INSTANCES]
    return event.model_copy(update={"numbers": {Measure.INSTANCES: count}})


def _ref(exam: object) -> str | None:
    return exam_ref(exam) if isinstance(exam, str) and len(exam) == 32 else None


def _class(word: object) -> ExamClass | None:
    return ExamClass(word) if isinstance(word, str) and word in set(ExamClass) else None


def _why(word: object) -> Why | None:
    if not isinstance(word, str) or not word:
        return None
    return Why(word) if word in set(Why) else Why.OTHER


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _nothing(_body: Body) -> dict[Measure, int]:
    return {}


def _one(_body: Body) -> dict[Measure, int]:
    return {Measure.INSTANCES: 1}


def _quiet(body: Body) -> dict[Measure, int]:
    return {Measure.INSTANCES: int(body.get("instances", 0))}


def _volume(body: Body) -> dict[Measure, int]:
    return {Measure.USED: int(body.get("used", 0)), Measure.LIMIT: int(body.get("limit", 0))}


_KINDS = {
    "exam_refused": EventKind.EXAM_REFUSED,
    "quiet": EventKind.EXAM_QUIET,
    "cancelled": EventKind.EXAM_CANCELLED,
    "delivered": EventKind.EXAM_DELIVERED,
    "volume": EventKind.VOLUME,
    "request_missing": EventKind.REQUEST_MISSING,
    "report": EventKind.REPORT_ARRIVED,
    "report_held": EventKind.REPORT_HELD,
    "report_refused": EventKind.REPORT_REFUSED,
    "association_refused": EventKind.REFUSED_CALLER,
    "corrupt": EventKind.OBJECT_CORRUPT,
    "changed_content": EventKind.CHANGED_CONTENT,
    "partner_misbehaved": EventKind.PARTNER_MISBEHAVED,
    "partner_confirmed": EventKind.PARTNER_CONFIRMED,
    "unlocked": EventKind.UNLOCKED,
}
_NUMBERS: dict[str, Callable[[Body], dict[Measure, int]]] = {
    "delivered": _one,
    "quiet": _quiet,
    "volume": _volume,
}
