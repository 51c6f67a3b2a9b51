"""What one instance means for its exam: may it be taken, does it decide, what becomes of the row.

Decided for (exam, service, convention version), before anything is acknowledged. Companions never
decide: what comes before an instance that does is taken and held. An exam that was accepted keeps
the version it was accepted under; one refused on a service may pass on another. Pure.

Source: PS3.3 C.7.3.1.1.1 (Modality); PS3.4 for encapsulated documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bocage_contract.convention.calendar import Slot
from bocage_contract.convention.consent import CONSENT_ATTRIBUTES
from bocage_contract.convention.eligibility import (
    NotEligible,
    Place,
    Reason,
    VolumeMark,
    is_eligible,
    place,
)
from bocage_contract.convention.modality import MODALITIES, OTHER
from bocage_contract.convention.model import Convention
from bocage_contract.convention.versions import governing, slots_among
from bocage_contract.exam_class import ExamClass
from bocage_edge.exam.heard import CHARACTER_SET, decoded, encodings
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.types import Direction

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


@dataclass(frozen=True, slots=True)
class Coming:
    """An instance that has come, as far as the convention asks."""

    link: str
    exam_id: str
    service: str  # called AE title
    exam_class: ExamClass
    modality: str | None
    is_companion: bool
    sop_class: str
    at: float  # Unix seconds
    particulars: Mapping[int, bytes] = field(default_factory=dict)  # who it is of, by tag

    @property
    def is_request(self) -> bool:
        """Whether it is a scanned request: a PDF that goes with the exam."""
        return self.sop_class == ENCAPSULATED_PDF

    def text(self, tag: int) -> str | None:
        """Read an attribute among the particulars; None where it was not there."""
        if tag not in self.particulars:
            return None
        sets = self.particulars.get(CHARACTER_SET, b"").decode("ascii", "replace")
        return decoded(self.particulars[tag], encodings(sets))

    @property
    def named_modality(self) -> str:
        """The modality, if it is one: what else stands there may be anything, a name as well."""
        found = (self.modality or "").strip().upper()
        return found if found in MODALITIES else OTHER


@dataclass(frozen=True, slots=True)
class Take:
    """The instance may be taken.

    Args:
        exam: the row as it will be.
        why: what the ledger says happened to the exam; empty: nothing it does not know.
        is_held: it waits for an instance that decides.
        volume: marks of the agreed volume to be told.
    """

    exam: Exam
    why: str = ""
    is_held: bool = False
    outside_slots: bool = False
    volume: tuple[VolumeMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not; `exam` is the row that remembers it."""

    exam: Exam
    refusal: NotEligible


Used = Callable[[Slot, bool], int]  # a stretch of time, whether by slot -> other exams in it


def decide(
    versions: Sequence[Convention], before: Exam | None, coming: Coming, used: Used
) -> Take | Refuse:
    """Decide on one instance.

    Args:
        versions: of the link's convention; none at all: every exam is taken, without a slot.
        before: the exam's row; None: nothing of it has come yet.
        used: counts the exams of a month or of a slot, this one left out.
    """
    standing = before or _new(coming)
    if standing.state is ExamState.ACCEPTED and coming.exam_class.rank >= standing.klass.rank:
        return Take(_with_request(standing, coming))
    if not versions:
        return _accepted(standing, coming, None, ())
    if coming.is_companion and coming.exam_class is not ExamClass.PRIOR:
        is_held = standing.state is not ExamState.ACCEPTED
        return Take(_with_request(standing, coming), is_held=is_held)
    if _is_settled(standing, coming, versions):
        return Refuse(
            standing, NotEligible(Reason(standing.reason), governing(versions, coming.at))
        )
    where = place(versions, coming.service, coming.at)
    if isinstance(where, NotEligible):
        return _refused(standing, coming, where)
    decided = is_eligible(
        where,
        coming.named_modality,
        used_month=used(where.month, False),
        used_slot=0 if where.slot is None else used(where.slot, True),
        consent=_consent(where.convention, coming),
        is_consented=_is_begun(standing),
    )
    if isinstance(decided, NotEligible):
        return _refused(standing, coming, decided)
    slot = decided.place.slot
    is_after_cut_off = slot is not None and bool(slots_among(versions, coming.at, slot.start))
    return _accepted(
        standing, coming, decided.place, decided.volume, is_after_cut_off=is_after_cut_off
    )


def _is_settled(standing: Exam, coming: Coming, versions: Sequence[Convention]) -> bool:
    """Whether this exam was refused on this service for what it is, which does not pass.

    It is the exam that is refused: not one instance of it, to be made up for by another.
    """
    convention = governing(versions, coming.at)
    return (
        standing.state is ExamState.REFUSED
        and standing.reason == Reason.MODALITY_NOT_AGREED
        and standing.service == coming.service
        and convention is not None
        and (standing.convention, standing.version) == (convention.id, convention.version)
    )


def _is_begun(standing: Exam) -> bool:
    """Whether it is an exam to be read already; a prior is not, and what it becomes begins then."""
    return standing.state is ExamState.ACCEPTED and standing.klass is not ExamClass.PRIOR


def _consent(convention: Convention, coming: Coming) -> str | None:
    keyword = convention.consent.keyword
    return None if keyword is None else coming.text(CONSENT_ATTRIBUTES[keyword])


def _accepted(
    standing: Exam,
    coming: Coming,
    where: Place | None,
    volume: tuple[VolumeMark, ...],
    *,
    is_after_cut_off: bool = False,
) -> Take:
    was_accepted = standing.state is ExamState.ACCEPTED
    exam = replace(
        _with_request(standing, coming),
        klass=coming.exam_class,
        service=coming.service,
        modality=standing.modality if was_accepted else coming.named_modality,
        state=ExamState.ACCEPTED,
        reason="",
        accepted_at=standing.accepted_at if _is_begun(standing) else coming.at,
        slot_from=None,
        slot_until=None,
        arrive_by=None,
        report_due=None,
    )
    if where is not None:
        exam = replace(
            exam,
            convention=where.convention.id,
            version=where.convention.version,
            slot_from=None if where.slot is None else float(where.slot.start),
            slot_until=None if where.slot is None else float(where.slot.end),
            arrive_by=None if where.arrive_by is None else float(where.arrive_by),
            report_due=None if where.report_due is None else float(where.report_due),
        )
    outside = where is not None and where.outside_slots
    why = "raised" if was_accepted else "cut_off" if is_after_cut_off else "new"
    return Take(exam, why, outside_slots=outside, volume=volume)


def _refused(standing: Exam, coming: Coming, refusal: NotEligible) -> Refuse:
    if standing.state is ExamState.ACCEPTED:
        # It goes on in the class it was accepted in; this instance, on this service, does not.
        return Refuse(standing, refusal)
    version = 0 if refusal.convention is None else refusal.convention.version
    exam = replace(
        standing,
        klass=coming.exam_class,
        service=coming.service,
        modality=coming.named_modality,
        state=ExamState.REFUSED,
        reason=refusal.reason.value,
        convention="" if refusal.convention is None else refusal.convention.id,
        version=version,
    )
    return Refuse(exam, refusal)


def _with_request(exam: Exam, coming: Coming) -> Exam:
    if coming.is_request and exam.request_at is None:
        return replace(exam, request_at=coming.at)
    return exam


def _new(coming: Coming) -> Exam:
    return Exam(
        direction=Direction.OUT,
        link=coming.link,
        exam_id=coming.exam_id,
        klass=coming.exam_class,
        service=coming.service,
        state=ExamState.WAITING,
        first_at=coming.at,
    )
