"""When a report is due. Pure. Instants are Unix seconds."""

from __future__ import annotations

import re

from bocage_contract.convention.calendar import MINUTE_S, Slot
from bocage_contract.convention.model import Convention
from bocage_contract.exam_class import ExamClass

_DUE = re.compile(r"(slot start|slot end|accepted) \+ ([0-9]+) (min|h)")
_UNIT_S = {"min": MINUTE_S, "h": 3600}


def report_due(
    convention: Convention, exam_class: ExamClass, accepted_at: float, slot: Slot | None
) -> int | None:
    """Say when the report of an exam is due.

    An urgent exam waits for no slot: its report is due as long after its acceptance. None: a prior
    has no report, and without a slot nothing can be counted from it.
    """
    if exam_class not in {ExamClass.URGENT, ExamClass.ROUTINE}:
        return None
    since, delay_s = terms_of(convention.report.due)
    if since == "accepted" or exam_class is ExamClass.URGENT:
        return int(accepted_at) + delay_s
    if slot is None:
        return None
    return (slot.start if since == "slot start" else slot.end) + delay_s


def is_overdue(due: float | None, now: float, reported_at: float | None = None) -> bool:
    """Say whether a report came after it was due, or has not come though it is.

    Args:
        reported_at: when the report that counts was delivered; None: not yet.
    """
    return due is not None and (now if reported_at is None else reported_at) > due


def terms_of(due: str) -> tuple[str, int]:
    """Read `slot end + 60 min`: from where it counts, and seconds.

    Raises:
        ValueError: it is not of this form.
    """
    found = _DUE.fullmatch(due)
    if found is None:
        raise ValueError("a report is due at: slot end + 60 min, slot start + 2 h, accepted + 24 h")
    return found[1], int(found[2]) * _UNIT_S[found[3]]
