"""May this exam travel, and for which slot? Pure.

Asked before anything is acknowledged, once for each exam, service and version; only instances that
are themselves to be read decide. In two steps, because the volume of a slot can be counted only
when one knows which slot: `place`, then `is_eligible`.

Volume never refuses an urgent exam, and a prior has neither slot, report, tariff nor volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bocage_contract.convention.calendar import Slot, arrive_by, month_at, slot_at
from bocage_contract.convention.consent import declares
from bocage_contract.convention.due import report_due
from bocage_contract.convention.model import Contact, Convention
from bocage_contract.convention.versions import governing, next_slot_among
from bocage_contract.exam_class import ExamClass

WARN_AT_PERCENT = 80


class Reason(StrEnum):
    """Why an exam may not travel; the words of the ledger."""

    MODALITY_NOT_AGREED = "modality_not_agreed"
    OUTSIDE_VALIDITY = "outside_validity"
    OUTSIDE_SLOTS = "outside_slots"
    VOLUME = "volume"
    CONSENT_MISSING = "consent_missing"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exam stands in the agreement's calendar. Instants are Unix seconds.

    Args:
        slot: a routine exam's; None for the other classes, and where there are no slots.
        month: the calendar month it counts in.
        outside_slots: an urgent exam came while nobody had agreed to read.
    """

    convention: Convention
    service: str
    exam_class: ExamClass
    accepted_at: int
    month: Slot
    slot: Slot | None = None
    arrive_by: int | None = None
    report_due: int | None = None
    outside_slots: bool = False


@dataclass(frozen=True, slots=True)
class VolumeMark:
    """The agreed volume is nearly used, used, or exceeded, with this exam."""

    scope: Literal["month", "slot"]
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Eligible:
    """It may travel.

    Args:
        volume: what is to be told of the volume.
        tell: who is told of an urgent exam outside the slots.
    """

    place: Place
    volume: tuple[VolumeMark, ...] = ()
    tell: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True)
class NotEligible:
    """It may not. `convention`: the version that says so; None: none holds then."""

    reason: Reason
    convention: Convention | None = None


def place(versions: Sequence[Convention], service: str, accepted_at: float) -> Place | NotEligible:
    """Find the version, class and slot of an exam that comes to a service now.

    Args:
        versions: those of the link.
        service: called AE title.
    """
    convention = governing(versions, accepted_at)
    terms = None if convention is None else convention.services.get(service)
    if convention is None or terms is None:
        return NotEligible(Reason.OUTSIDE_VALIDITY, convention)
    exam_class = terms.exam_class
    slot = None
    if exam_class is ExamClass.ROUTINE and any(each.slots for each in versions):
        slot = next_slot_among(versions, convention, accepted_at)
        if slot is None:
            return NotEligible(Reason.OUTSIDE_VALIDITY, convention)
    return Place(
        convention=convention,
        service=service,
        exam_class=exam_class,
        accepted_at=int(accepted_at),
        month=month_at(convention, accepted_at),
        slot=slot,
        arrive_by=None if slot is None else arrive_by(convention, slot),
        report_due=report_due(convention, exam_class, accepted_at, slot),
        outside_slots=exam_class is ExamClass.URGENT
        and bool(convention.slots)
        and slot_at(convention, accepted_at) is None,
    )


def is_eligible(
    where: Place,
    modality: str,
    *,
    used_month: int = 0,
    used_slot: int = 0,
    consent: str | None = None,
    is_consented: bool = False,
) -> Eligible | NotEligible:
    """Decide whether an exam may travel.

    Args:
        modality: of an instance that is to be read (PS3.3 C.7.3.1.1.1).
        used_month: other exams, urgent and routine, accepted in `where.month`.
        used_slot: other routine exams accepted for `where.slot`.
        consent: the text of the attribute `consent.keyword`; None: not there.
        is_consented: the consent is known already, from another instance of the exam.
    """
    convention = where.convention
    terms = convention.services[where.service]
    agreed = terms.eligible.modalities
    if agreed and modality not in agreed:
        return NotEligible(Reason.MODALITY_NOT_AGREED, convention)
    if where.exam_class is ExamClass.PRIOR:
        return Eligible(where)
    if not is_consented and not has_consent(convention, consent):
        return NotEligible(Reason.CONSENT_MISSING, convention)
    if where.outside_slots and convention.urgent.outside_slots == "refuse":
        return NotEligible(Reason.OUTSIDE_SLOTS, convention)
    marks = _marks(where, used_month, used_slot)
    is_bounded = where.exam_class is ExamClass.ROUTINE and convention.volume.above == "refuse"
    if is_bounded and any(mark.used > mark.limit for mark in marks):
        return NotEligible(Reason.VOLUME, convention)
    tell = convention.urgent.tell if where.outside_slots else []
    return Eligible(where, marks, tuple(tell))


def has_consent(convention: Convention, found: str | None) -> bool:
    """Say whether the patient's consent is known as the convention wants it.

    Args:
        found: text of the attribute; padding and case do not count.
    """
    terms = convention.consent
    return terms.how == "declared-by-sending" or declares(found or "", terms.agreed)


def _marks(where: Place, used_month: int, used_slot: int) -> tuple[VolumeMark, ...]:
    volume = where.convention.volume
    counted: list[tuple[Literal["month", "slot"], int, int | None]] = [
        ("month", used_month + 1, volume.exams_per_month)
    ]
    if where.slot is not None:
        counted.append(("slot", used_slot + 1, volume.exams_per_slot))
    return tuple(
        VolumeMark(scope, used, limit)
        for scope, used, limit in counted
        if limit is not None and _is_told(used, limit)
    )


def _is_told(used: int, limit: int) -> bool:
    """Whether this exam is the one at 80 %, the last agreed one, or one above."""
    warn_at = -(-limit * WARN_AT_PERCENT // 100)
    return used == warn_at or used >= limit
