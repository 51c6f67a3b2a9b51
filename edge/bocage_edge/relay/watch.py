"""The watch over one link's exams: reads rows, asks `exam.watch`, writes down what is new.

It needs neither tunnel nor keeper: rows are in the spool's index, and entries wait there too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.watch import (
    SLOT_MISSED,
    Alarm,
    Road,
    Watched,
    alarms_due,
    estimates,
    words_after,
)
from bocage_edge.spool.exams import ExamState
from bocage_edge.spool.standing import Progress
from bocage_edge.spool.store import Spool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the watch found.

    Args:
        alarms: that stand, for the status.
        slots: when the exams of each slot are expected, for the status.
        has_entries: new ones wait for the keeper.
    """

    alarms: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    has_entries: bool = False


class LinkWatch:
    """The watch over one link; it remembers since when things stand as they do."""

    def __init__(self, link: str) -> None:
        self._link = link
        self._down_since: float | None = None
        self._raised_at: dict[tuple[str, str], int] = {}
        self.outlook = Outlook()

    def down_since(self, *, is_up: bool, now: float) -> float | None:
        """Say since when the line is away, as far as this watch has seen; None: it is up."""
        if is_up:
            self._down_since = None
        elif self._down_since is None:
            self._down_since = now
        return self._down_since

    def look(self, spool: Spool, road: Road, now: float) -> Outlook:
        """Look at the link's exams once; raise what is new, clear what is over.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        alarms, exams, has_entries = _raise(spool, self._link, road, now)
        keys = {(alarm.code, alarm.exams[0]): alarm for alarm in alarms}
        self._raised_at = {key: self._raised_at.get(key, int(now)) for key in keys}
        said = [_said(alarm, self._raised_at[key]) for key, alarm in keys.items()]
        self.outlook = Outlook(said, _slots(exams, road, now), has_entries)
        return self.outlook


def _raise(
    spool: Spool, link: str, road: Road, now: float
) -> tuple[list[Alarm], list[Watched], bool]:
    progress = spool.progress(link, now)
    exams = [watched(each) for each in progress]
    alarms = alarms_due(exams, road, now)
    changes = [
        (row.exam, words)
        for row, exam in zip(progress, exams, strict=True)
        if (words := words_after(exam, alarms)) != exam.alarmed
    ]
    entries = [_entry(alarm, now) for alarm in alarms if alarm.is_new]
    if changes or entries:
        spool.mark_alarms(link, changes, entries)
    return alarms, exams, bool(entries)


def watched(progress: Progress) -> Watched:
    """Give an exam as the watch sees it."""
    exam = progress.exam
    # The partner's manifest may name more than has come; of an exam that is known, one must come.
    missing = max(exam.quiet_instances, 1) - progress.instances
    waiting = progress.waiting + max(missing, 0)
    return Watched(
        exam_id=exam.exam_id,
        is_urgent=exam.klass is ExamClass.URGENT,
        is_routine=exam.klass is ExamClass.ROUTINE,
        is_cancelled=exam.state is ExamState.CANCELLED,
        is_there=waiting == 0,
        accepted_at=exam.first_at if exam.accepted_at is None else exam.accepted_at,
        slot_from=exam.slot_from,
        arrive_by=exam.arrive_by,
        report_due=exam.report_due,
        report_at=exam.report_at,
        waiting=waiting,
        waiting_bytes=progress.waiting_bytes,
        queued_bytes=progress.queued_bytes,
        waiting_since=progress.waiting_since if progress.waiting else exam.quiet_at,
        alarmed=exam.alarmed,
    )


def _entry(alarm: Alarm, now: float) -> EntryDraft:
    if alarm.code == SLOT_MISSED:
        return draft(alarm.code, now, **dict(alarm.numbers))
    return draft(alarm.code, now, exam_id=alarm.exams[0], **dict(alarm.numbers))


def _said(alarm: Alarm, at: int) -> dict[str, Any]:
    ref = None if alarm.code == SLOT_MISSED else exam_ref(alarm.exams[0])
    return {"code": alarm.code, "at": at, "exam_ref": ref, **alarm.numbers}


def _slots(exams: list[Watched], road: Road, now: float) -> list[dict[str, Any]]:
    routine = [each for each in exams if each.is_routine and each.arrive_by is not None]
    expected = estimates(routine, road, now)
    found = []
    for by in sorted({each.arrive_by or 0.0 for each in routine if each.exam_id in expected}):
        late = [each for each in routine if each.arrive_by == by and each.exam_id in expected]
        times = [expected[each.exam_id] for each in late]
        known = [at for at in times if at is not None]
        found.append(
            {
                "arrive_by": by,
                "exams": len(late),
                "bytes": sum(each.waiting_bytes for each in late),
                "estimate_at": max(known) if len(known) == len(times) else None,
            }
        )
    return found
