"""Which exam a report answers: the table, and that nobody's report lands in another's exam."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.matching import Held, HeldFor, Matched, MatchedBy, Refused, match
from bocage_edge.exam.names import Names, names_of

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
EXAM = Identities(
    study_uid="1.2.3",
    accessions=(Issued("A1", "HOSP"),),
    orders=("PLACER7", "RIS9"),
    patients=(Issued("P1", "HOSP"),),
    ins=("160012345678901",),
    name="Lefèvre^Éloïse",
    birth_date="19600101",
)
TWIN = replace(EXAM, study_uid="1.2.4")  # the same patient's other exam by the same number
STRANGER = replace(
    EXAM, study_uid="1.2.5", patients=(Issued("P2", "HOSP"),), ins=("260012345678902",)
)
NOBODY = Identities()


def decide(report: Identities, *exams: Identities) -> Matched | Held | Refused:
    """Match by the key of one link."""
    return match(names_of(KEY, report), [names_of(KEY, exam) for exam in exams])


def of(**fields: object) -> Identities:
    """A report that says only this."""
    return replace(NOBODY, **fields)  # type: ignore[arg-type]


NUMBER = of(accessions=(Issued("A1", "HOSP"),))
TABLE = [
    ("the study alone", of(study_uid="1.2.3"), MatchedBy.STUDY),
    ("the study, its patient", of(study_uid="1.2.3", ins=EXAM.ins), MatchedBy.STUDY),
    ("the practice's own patient id", of(study_uid="1.2.3", patients=(Issued("X", "CABINET"),)),
     MatchedBy.STUDY),
    ("accession and INS", replace(NUMBER, ins=EXAM.ins), MatchedBy.ACCESSION),
    ("accession and id", replace(NUMBER, patients=EXAM.patients), MatchedBy.ACCESSION),
    ("a number without issuer, and INS", of(accessions=(Issued("a1 "),), ins=EXAM.ins),
     MatchedBy.ACCESSION),
    ("the practice's own number", of(orders=("RIS9",), ins=EXAM.ins), MatchedBy.ORDER),
    ("another study, but number and id",
     replace(NUMBER, study_uid="9.9", patients=EXAM.patients), MatchedBy.ACCESSION),
    ("accession alone", NUMBER, HeldFor.PATIENT_UNPROVEN),
    ("accession, an id nobody issued", replace(NUMBER, patients=(Issued("P1"),)),
     HeldFor.PATIENT_UNPROVEN),
    ("accession, name and birth date", replace(NUMBER, name=EXAM.name, birth_date="19600101"),
     HeldFor.PATIENT_UNPROVEN),
    ("another birth date", of(study_uid="1.2.3", birth_date="19600102"),
     HeldFor.BIRTH_DATE_DIFFERS),
    ("nothing we know", of(study_uid="9.9"), HeldFor.NO_EXAM),
    ("the patient alone", of(ins=EXAM.ins), HeldFor.NO_EXAM),
    ("nothing at all", NOBODY, HeldFor.NO_EXAM),
    ("the study of another INS", of(study_uid="1.2.3", ins=STRANGER.ins), Refused),
    ("the study of another id", of(study_uid="1.2.3", patients=STRANGER.patients), Refused),
    ("the id fits, the INS does not",
     of(study_uid="1.2.3", patients=EXAM.patients, ins=STRANGER.ins), Refused),
    ("the number of another", replace(NUMBER, ins=STRANGER.ins), Refused),
]  # fmt: skip


@pytest.mark.parametrize(
    ("report", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_the_table(report: Identities, expected: object) -> None:
    """One exam on the link."""
    found = decide(report, EXAM)
    if isinstance(expected, MatchedBy):
        assert found == Matched(names_of(KEY, EXAM).exam_id, expected)
    elif isinstance(expected, HeldFor):
        assert isinstance(found, Held) and found.reason is expected
    else:
        assert isinstance(found, Refused)


def test_two_exams_by_one_number_wait_for_a_person() -> None:
    """Both are suggested, with what speaks for them."""
    found = decide(replace(NUMBER, ins=EXAM.ins), EXAM, TWIN)
    assert isinstance(found, Held)
    assert found.reason is HeldFor.SEVERAL_EXAMS
    assert [each.why for each in found.suggestions] == [("accession", "ins")] * 2


def test_a_stranger_by_the_same_number_is_no_second_candidate() -> None:
    """Nor is it ever suggested."""
    by_ins = replace(NUMBER, ins=EXAM.ins)
    assert decide(by_ins, STRANGER, EXAM) == Matched(
        names_of(KEY, EXAM).exam_id, MatchedBy.ACCESSION
    )
    held = decide(of(ins=EXAM.ins), STRANGER, EXAM)
    assert isinstance(held, Held)
    assert [each.exam_id for each in held.suggestions] == [names_of(KEY, EXAM).exam_id]


def test_two_hospitals_that_number_alike_stay_apart() -> None:
    """The key of the link is in every hash: not one name of theirs is shared."""
    ours, theirs = names_of(KEY, EXAM), names_of(OTHER_KEY, EXAM)
    assert not set(ours.rows()) & set(theirs.rows())
    assert ours.exam_id != theirs.exam_id
    assert isinstance(match(names_of(OTHER_KEY, NUMBER), [ours]), Held)


ISSUED = st.builds(Issued, st.sampled_from("123"), st.sampled_from(["", "A", "B"]))
IDENTITIES = st.builds(
    Identities,
    study_uid=st.sampled_from(["", "1.1", "1.2"]),
    accessions=st.lists(ISSUED, max_size=2).map(tuple),
    orders=st.lists(st.sampled_from("78"), max_size=2).map(tuple),
    patients=st.lists(ISSUED, max_size=2).map(tuple),
    ins=st.lists(st.sampled_from("456"), max_size=1).map(tuple),
    birth_date=st.sampled_from(["", "19600101", "19700101"]),
)


@given(report=IDENTITIES, exams=st.lists(IDENTITIES, max_size=4))
def test_a_patient_who_contradicts_is_never_matched(
    report: Identities, exams: list[Identities]
) -> None:
    """Told in the plain, without a hash."""
    numbered = [replace(each, study_uid=f"1.{n}") for n, each in enumerate(exams)]
    found = decide(report, *numbered)
    if isinstance(found, Matched):
        by_id = {names_of(KEY, each).exam_id: each for each in numbered}
        assert not contradicts(report, by_id[found.exam_id])


@given(report=IDENTITIES, exams=st.lists(IDENTITIES, max_size=4))
def test_nobody_is_offered_the_exam_of_another_patient(
    report: Identities, exams: list[Identities]
) -> None:
    """A birth date alone may differ: that is what a person is asked about."""
    numbered = [replace(each, study_uid=f"1.{n}") for n, each in enumerate(exams)]
    found = decide(report, *numbered)
    by_id = {names_of(KEY, each).exam_id: each for each in numbered}
    for each in found.suggestions if isinstance(found, Held) else ():
        offered = replace(by_id[each.exam_id], birth_date=report.birth_date)
        assert not contradicts(report, offered)


def contradicts(one: Identities, other: Identities) -> bool:
    """Whether these cannot be one patient."""
    if one.ins and other.ins and not set(one.ins) & set(other.ins):
        return True
    for issuer in {each.issuer for each in one.patients} - {""}:
        here = {each.number for each in one.patients if each.issuer == issuer}
        there = {each.number for each in other.patients if each.issuer == issuer}
        if there and not here & there:
            return True
    return bool(one.birth_date and other.birth_date and one.birth_date != other.birth_date)


@given(IDENTITIES.filter(lambda each: each.study_uid != ""))
def test_names_come_back_from_the_index(identities: Identities) -> None:
    """Kind and hash are all that is kept."""
    names = names_of(KEY, identities)
    assert Names.of_rows(names.exam_id, [*names.rows(), ("later", "0" * 32)]) == names
