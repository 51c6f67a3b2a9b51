"""Which version of an agreement holds. Pure.

Both boxes hold versions n and n+1 while one follows the other. A day is governed by the highest
version that is valid on it; an exam keeps the version it was accepted under, whatever comes later.
"""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.convention.calendar import (
    Slot,
    arrive_by,
    is_valid_at,
    slots_between,
)
from bocage_contract.convention.model import Convention

_DAY_S = 86400
_LOOK_AHEAD_DAYS = 400  # over a year: what is further away is no slot anybody waits for
_STEP_DAYS = 8


def governing(versions: Sequence[Convention], at: float) -> Convention | None:
    """Find the version that governs an instant; None: the agreement does not hold then."""
    valid = [each for each in versions if is_valid_at(each, at)]
    return max(valid, key=lambda each: each.version, default=None)


def version_of(versions: Sequence[Convention], number: int) -> Convention | None:
    """Find the version an exam was accepted under; None: it is no longer in the configuration."""
    return next((each for each in versions if each.version == number), None)


def is_agreed_format(versions: Sequence[Convention], number: int, form: str) -> bool:
    """Say whether a report may come back in a format, as the version of its exam says.

    Args:
        number: of the version the exam was accepted under; where it is not here, the newest counts.
        form: as in `report.formats`.
    """
    agreed = version_of(versions, number) or (versions[-1] if versions else None)
    return agreed is None or form in agreed.report.formats


def slots_among(versions: Sequence[Convention], t0: float, t1: float) -> list[Slot]:
    """List the slots in [t0, t1), each from the version that governs its start."""
    return sorted(
        slot
        for each in versions
        for slot in slots_between(each, t0, t1)
        if governing(versions, slot.start) is each
    )


def next_slot_among(
    versions: Sequence[Convention], convention: Convention, accepted_at: float
) -> Slot | None:
    """Find the slot that a routine exam is for, across the change from one version to the next.

    Args:
        convention: the version it was accepted under, which says how long before it must be there.
    """
    last = accepted_at + _LOOK_AHEAD_DAYS * _DAY_S
    since = accepted_at
    while since < last:
        for slot in slots_among(versions, since, since + _STEP_DAYS * _DAY_S):
            if arrive_by(convention, slot) >= accepted_at:
                return slot
        since += _STEP_DAYS * _DAY_S
    return None
