"""Which alarms are due: a slot to be missed, an urgent exam that waits, a report overdue. Pure.

Both boxes of a link watch. The requesting one knows what it still has to send, and how fast it went
lately; the reading one knows the exams from the partner's ledger, and what came of them. An alarm
is raised once and stands until what it is about is over. Instants are Unix seconds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bocage_edge.exam.arrival import Stretch, arrivals

# Promised: a slot that will be missed is told this long before the exams are due.
WARN_BEFORE_S = 30 * 60
# Where nobody can say when exams will be there, it is told this long before: the promise is kept
# with ten minutes to spare.
UNKNOWN_BEFORE_S = WARN_BEFORE_S + 10 * 60
URGENT_PATIENCE_S = 60.0
# Chosen. From the box at the reading site to its workstation; how long a line may be away before
# nothing is expected of it; how long an exam may take where its speed is not known.
ARRIVAL_MARGIN_S = 60.0
OUTAGE_PATIENCE_S = 60.0
UNMEASURED_PATIENCE_S = 300.0

SLOT_MISSED, URGENT_WAITING, REPORT_OVERDUE = "slot_missed", "urgent_waiting", "report_overdue"


@dataclass(frozen=True, slots=True)
class Watched:
    """One exam as far as the watch needs it.

    Args:
        waiting: instances known and not delivered at the reading site yet.
        queued_bytes: of them, still to go over the line from this box.
        waiting_since: when the oldest of them came; None: as the exam.
        is_there: all that is known of it has been delivered.
    """

    exam_id: str
    is_urgent: bool
    is_routine: bool
    is_cancelled: bool
    is_there: bool
    accepted_at: float
    slot_from: float | None = None
    arrive_by: float | None = None
    report_due: float | None = None
    report_at: float | None = None
    waiting: int = 0
    waiting_bytes: int = 0
    queued_bytes: int = 0
    waiting_since: float | None = None
    alarmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Road:
    """How the line stands.

    Args:
        down_since: None: it is up.
        goodput_bytes_s: measured lately; None: never.
        opens_at: when routine exams may travel again; None: they may now.
        urgent_bytes: waiting in classes that go before routine exams.
        ahead: how the line will stand, where its speed is known; none: as now, from `opens_at` on.
        is_sender: this box sends the exams.
    """

    down_since: float | None
    goodput_bytes_s: float | None
    is_sender: bool
    opens_at: float | None = None
    urgent_bytes: int = 0
    ahead: tuple[Stretch, ...] = ()

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """How the line will stand; none: its speed is not known."""
        if self.ahead or not self.goodput_bytes_s:
            return self.ahead
        now = Stretch(0.0, self.goodput_bytes_s, is_open=self.opens_at is None)
        return (
            (now,)
            if self.opens_at is None
            else (now, replace(now, start=self.opens_at, is_open=True))
        )


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that stands.

    Args:
        exams: those it is about; their rows carry the alarm's word.
        numbers: what its ledger entry and the status say, instants and counts only.
    """

    code: str
    exams: tuple[str, ...]
    numbers: Mapping[str, int | None] = field(default_factory=dict)
    is_new: bool = True


def alarms_due(exams: Sequence[Watched], road: Road, now: float) -> list[Alarm]:
    """List every alarm that stands now, new and old."""
    live = [each for each in exams if not each.is_cancelled]
    return [*_slots(live, road, now), *_urgent(live, now), *_reports(live, now)]


def words_after(exam: Watched, alarms: Iterable[Alarm]) -> frozenset[str]:
    """Say which alarms an exam's row is to carry: those that stand and concern it."""
    return frozenset(alarm.code for alarm in alarms if exam.exam_id in alarm.exams)


def estimates(exams: Sequence[Watched], road: Road, now: float) -> dict[str, float | None]:
    """Say for each exam that waits when it will be there; None: nobody can say.

    Args:
        exams: routine ones in the order in which they go.
    """
    late = [each for each in exams if not each.is_there and not each.is_cancelled]
    stretches = road.stretches if road.is_sender else ()
    gone: list[float] | list[None] = [None] * len(late)
    if stretches:
        gone = arrivals(road.urgent_bytes, [each.queued_bytes for each in late], stretches, now)
    return {
        exam.exam_id: _estimate(exam, road, at, now) for exam, at in zip(late, gone, strict=True)
    }


def _estimate(exam: Watched, road: Road, gone_at: float | None, now: float) -> float | None:
    if road.down_since is not None and now - road.down_since > OUTAGE_PATIENCE_S:
        return None
    if exam.queued_bytes and gone_at is not None:
        return None if math.isinf(gone_at) else gone_at + ARRIVAL_MARGIN_S
    # It is under way, or its speed is not known: it gets some time, and then nothing is known.
    until = max(_since(exam), road.opens_at or 0.0) + UNMEASURED_PATIENCE_S
    return until if now <= until else None


def _slots(exams: Sequence[Watched], road: Road, now: float) -> list[Alarm]:
    routine = sorted(
        (each for each in exams if each.is_routine and each.arrive_by is not None),
        key=lambda each: (each.arrive_by or 0.0, each.accepted_at),
    )
    expected = estimates(routine, road, now)
    slots: dict[tuple[float, float], list[Watched]] = defaultdict(list)
    for each in routine:
        slots[each.arrive_by or 0.0, each.slot_from or 0.0].append(each)
    found = [_slot(some, expected, by, start, now) for (by, start), some in slots.items()]
    return [alarm for alarm in found if alarm is not None]


def _slot(
    exams: Sequence[Watched],
    expected: Mapping[str, float | None],
    arrive_by: float,
    slot_from: float,
    now: float,
) -> Alarm | None:
    late = [each for each in exams if not each.is_there]
    was_raised = any(SLOT_MISSED in each.alarmed for each in exams)
    # Once raised it stands until nothing of the slot waits: an estimate goes up and down.
    if not late or not (was_raised or _is_missed(late, expected, arrive_by, now)):
        return None
    times = [expected.get(each.exam_id) for each in late]
    known = [at for at in times if at is not None]
    return Alarm(
        SLOT_MISSED,
        tuple(each.exam_id for each in exams),
        {
            "slot_from": int(slot_from),
            "arrive_by": int(arrive_by),
            "exams": len(late),
            "instances": sum(max(each.waiting, 1) for each in late),
            "bytes": sum(each.waiting_bytes for each in late),
            "estimate_at": int(max(known)) if len(known) == len(times) else None,
        },
        is_new=not was_raised,
    )


def _is_missed(
    late: Sequence[Watched], expected: Mapping[str, float | None], arrive_by: float, now: float
) -> bool:
    if now > arrive_by:
        return True
    for each in late:
        at = expected.get(each.exam_id)
        if at is None and now >= arrive_by - UNKNOWN_BEFORE_S:
            return True
        if at is not None and at > arrive_by:
            return True
    return False


def _urgent(exams: Iterable[Watched], now: float) -> list[Alarm]:
    return [
        Alarm(
            URGENT_WAITING,
            (each.exam_id,),
            {"waiting_s": int(now - _since(each))},
            is_new=URGENT_WAITING not in each.alarmed,
        )
        for each in exams
        if each.is_urgent and not each.is_there and now - _since(each) > URGENT_PATIENCE_S
    ]


def _since(exam: Watched) -> float:
    # An exam that grows for a while has not waited since its first instance.
    return exam.accepted_at if exam.waiting_since is None else exam.waiting_since


def _reports(exams: Iterable[Watched], now: float) -> list[Alarm]:
    return [
        Alarm(
            REPORT_OVERDUE,
            (each.exam_id,),
            {"report_due": int(each.report_due)},
            is_new=REPORT_OVERDUE not in each.alarmed,
        )
        for each in exams
        if each.report_due is not None and each.report_at is None and now > each.report_due
    ]
