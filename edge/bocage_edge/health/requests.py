"""Do requests wait for exams that never come, or for a person."""

from __future__ import annotations

from collections.abc import Sequence

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning
from bocage_edge.spool.requests import NO_EXAM_YET, WaitingRequest

_DAY_S = 86_400.0
_USUAL_DAYS = 30


def findings(facts: Facts) -> list[Finding]:
    """Judge the requests whose exam is not known; of a box that takes none nothing is said."""
    waiting = facts.spool.requests
    hl7 = None if facts.in_force is None else facts.in_force.desired.receive.hl7
    if hl7 is None and not waiting:
        return []
    days = _USUAL_DAYS if hl7 is None else hl7.wait_days
    return [
        *_doubtful(waiting),
        *_overdue(waiting, facts.now, days),
    ] or [ok("requests", f"{len(waiting)} wait for their exam")]


def _doubtful(waiting: Sequence[WaitingRequest]) -> list[Finding]:
    count = sum(each.held != NO_EXAM_YET for each in waiting)
    if not count:
        return []
    text = f"{count} fit an exam by their number, and not for certain by their patient"
    return [
        bad("requests", text, "bocage-edge requests list, then requests match or requests drop")
    ]


def _overdue(waiting: Sequence[WaitingRequest], now: float, days: int) -> list[Finding]:
    count = sum(now - each.at > days * _DAY_S for each in waiting)
    if not count:
        return []
    text = f"{count} have waited for their exam for more than {days} days"
    return [warning("requests", text, "bocage-edge requests list, then requests drop")]
