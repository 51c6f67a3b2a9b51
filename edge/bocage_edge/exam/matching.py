"""Which exam does a report answer? Pure.

    Study Instance UID                            -> that exam, unless the patient contradicts
    accession or order number, and the patient    -> that exam
    anything less, or more than one               -> held: a person decides at the desk
    the exam of somebody else                     -> refused

The patient agrees by INS, or by an id whose issuer both sides declare. A patient that contradicts
is never matched, whatever else fits.

Source: design, "The road of an exam", 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bocage_edge.exam.names import Names, issuer_of


class MatchedBy(StrEnum):
    """What the match stands on; the words are those of the ledger."""

    STUDY = "study"
    ACCESSION = "accession"
    ORDER = "order"
    PERSON = "person"


class HeldFor(StrEnum):
    """Why a person must decide; the words are those of the ledger."""

    NO_EXAM = "no_exam"
    PATIENT_UNPROVEN = "patient_unproven"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    SEVERAL_EXAMS = "several_exams"


PATIENT_CONTRADICTS = "patient_contradicts"
HELD_IN_WORDS = {
    HeldFor.NO_EXAM: "no exam that came here has its study or its number",
    HeldFor.PATIENT_UNPROVEN: "the number is that of an exam, but nothing proves the patient: no"
    " INS and no patient id with a declared issuer stands in both",
    HeldFor.BIRTH_DATE_DIFFERS: "it fits an exam, but the birth dates differ",
    HeldFor.SEVERAL_EXAMS: "its number is that of several exams",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An exam that a person may choose, and what speaks for it (words of a fixed list)."""

    exam_id: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """The report answers this exam."""

    exam_id: str
    by: MatchedBy


@dataclass(frozen=True, slots=True)
class Held:
    """It may be taken, and waits for a person."""

    reason: HeldFor
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """It names the exam of somebody else."""

    exam_id: str
    reason: str = PATIENT_CONTRADICTS


class Agreement(StrEnum):
    """What two sets of identities say of the patient."""

    SAME = "same"
    OTHER = "other"
    BIRTH_DIFFERS = "birth_differs"
    UNKNOWN = "unknown"


def agreement(report: Names, exam: Names) -> Agreement:
    """Compare the patient of a report with that of an exam.

    Ids can only contradict where one issuer gave out both.
    """
    shared = report.patients & exam.patients
    agreeing = {issuer_of(each) for each in shared}
    comparable = set(map(issuer_of, report.patients)) & set(map(issuer_of, exam.patients))
    if comparable - agreeing or _differ(report.ins, exam.ins):
        return Agreement.OTHER
    if _differ(report.births, exam.births):
        return Agreement.BIRTH_DIFFERS
    return Agreement.SAME if shared or report.ins & exam.ins else Agreement.UNKNOWN


def match(report: Names, exams: Sequence[Names]) -> Matched | Held | Refused:
    """Find the exam of a report.

    Args:
        exams: of one link: every exam that shares a study, a number or a patient with it.
    """
    for exam in exams:
        if report.exam_id and exam.exam_id == report.exam_id:
            return _by_study(report, exam, exams)
    numbered = [each for each in exams if _by_number(report, each) is not None]
    standing = {each.exam_id: agreement(report, each) for each in numbered}
    possible = [each for each in numbered if standing[each.exam_id] is not Agreement.OTHER]
    if numbered and not possible:
        return Refused(numbered[0].exam_id)
    if not possible:
        return Held(HeldFor.NO_EXAM, _suggestions(report, exams))
    if len(possible) > 1:
        return Held(HeldFor.SEVERAL_EXAMS, _suggestions(report, exams))
    (exam,) = possible
    by = _by_number(report, exam)
    if standing[exam.exam_id] is Agreement.SAME and by is not None:
        return Matched(exam.exam_id, by)
    differs = standing[exam.exam_id] is Agreement.BIRTH_DIFFERS
    reason = HeldFor.BIRTH_DATE_DIFFERS if differs else HeldFor.PATIENT_UNPROVEN
    return Held(reason, _suggestions(report, exams))


def _by_study(report: Names, exam: Names, exams: Sequence[Names]) -> Matched | Held | Refused:
    found = agreement(report, exam)
    if found is Agreement.OTHER:
        return Refused(exam.exam_id)
    if found is Agreement.BIRTH_DIFFERS:
        return Held(HeldFor.BIRTH_DATE_DIFFERS, _suggestions(report, exams))
    return Matched(exam.exam_id, MatchedBy.STUDY)


def _by_number(report: Names, exam: Names) -> MatchedBy | None:
    if report.accessions & exam.accessions:
        return MatchedBy.ACCESSION
    return MatchedBy.ORDER if report.orders & exam.orders else None


def _suggestions(report: Names, exams: Sequence[Names]) -> tuple[Suggestion, ...]:
    """List what a person may choose: the exams with most in common first, never another's."""
    found = [
        Suggestion(each.exam_id, _in_common(report, each))
        for each in exams
        if agreement(report, each) is not Agreement.OTHER
    ]
    return tuple(sorted((each for each in found if each.why), key=lambda each: -len(each.why)))


def _in_common(report: Names, exam: Names) -> tuple[str, ...]:
    common = {
        "study": report.exam_id != "" and report.exam_id == exam.exam_id,
        "accession": bool(report.accessions & exam.accessions),
        "order": bool(report.orders & exam.orders),
        "ins": bool(report.ins & exam.ins),
        "patient": bool(report.patients & exam.patients),
        "birth": bool(report.births & exam.births),
        "name": bool(report.names & exam.names),
    }
    return tuple(word for word, is_common in common.items() if is_common)


def _differ(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other and not one & other)
