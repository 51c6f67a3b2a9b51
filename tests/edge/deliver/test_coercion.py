"""Which identifiers an instance bears where it is delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from bocage_contract.coercion import Coerce
from bocage_edge.deliver.coercion import (
    Coercion,
    NotCoercibleError,
    marked,
    returned,
    stamp_of,
)
from bocage_edge.deliver.rewriting import Identified, Put
from bocage_edge.exam.hospital import Designator, HospitalIdentities, hospital_identities
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from tests.edge.deliver.files import parse
from tests.edge.deliver.test_rewriting import encoded

STAMP = stamp_of(1_795_507_200.5, "caen-1", "flers-1")
MARKS = Coerce(
    issuer_of_patient_id="FLERS",
    patient_id_prefix="FL-",
    issuer_of_accession="FLERS",
    accession_prefix="FL-",
)


def exam(**attributes: Any) -> Dataset:
    """A data set of a patient at the hospital."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName, ds.PatientID, ds.AccessionNumber = "Lefèvre^Zoé", "17", "A9"
    ds.PatientBirthDate, ds.StudyInstanceUID = "19500301", "1.2.3"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def issuer(**attributes: str) -> Dataset:
    """An item of an issuer's sequence."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def at_practice(
    ds: Dataset, coerce: Coerce = MARKS, syntax: str = EXPLICIT_LITTLE
) -> tuple[Dataset, tuple[str, ...]]:
    """Mark a data set; gives how it arrives, and what was changed."""
    found = Identified([encoded(ds, syntax)], syntax)
    coercion = Coercion(marked(found, coerce))
    return _sent(found, coercion, syntax), coercion.keywords


def at_hospital(
    ds: Dataset, own: HospitalIdentities, syntax: str = EXPLICIT_LITTLE
) -> tuple[Dataset, tuple[str, ...]]:
    """Give a data set the hospital's identifiers."""
    found = Identified([encoded(ds, syntax)], syntax)
    coercion = Coercion(returned(found, own))
    return _sent(found, coercion, syntax), coercion.keywords


def _sent(found: Identified, coercion: Coercion, syntax: str) -> Dataset:
    sent = found.rewritten(coercion.changes, STAMP) if coercion.changes else found.unchanged()
    return parse(syntax, b"".join(sent))


def own_of(ds: Dataset) -> HospitalIdentities:
    """What a hospital keeps of an exam it sends."""
    keywords = (
        *("SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID"),
        *("AccessionNumber", "PatientBirthDate", "StudyInstanceUID"),
    )
    found = Identified([encoded(ds, EXPLICIT_LITTLE)], EXPLICIT_LITTLE)
    values = {it: found.value(ds[it].tag) for it in keywords if it in ds}
    return hospital_identities(values)


# -- at the practice


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_numbers_are_marked_and_the_originals_kept(syntax: str) -> None:
    ds = exam(
        IssuerOfPatientID="CHU",
        IssuerOfPatientIDQualifiersSequence=[issuer(UniversalEntityID="1.2.250.1")],
        IssuerOfAccessionNumberSequence=[issuer(LocalNamespaceEntityID="RIS")],
    )
    sent, what = at_practice(ds, syntax=syntax)
    assert (sent.PatientID, sent.IssuerOfPatientID, sent.AccessionNumber) == (
        *("FL-17", "FLERS", "FL-A9"),
    )
    assert sent.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "FLERS"
    assert "IssuerOfPatientIDQualifiersSequence" not in sent
    (other,) = sent.OtherPatientIDsSequence
    assert (other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID) == (
        *("17", "CHU", "TEXT"),
    )
    assert other.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.250.1"
    (original,) = sent.OriginalAttributesSequence
    (kept,) = original.ModifiedAttributesSequence
    assert (kept.PatientID, kept.IssuerOfPatientID, kept.AccessionNumber) == ("17", "CHU", "A9")
    assert kept.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"
    assert original.AttributeModificationDateTime == "20261124080000+0000"
    assert original.ModifyingSystem == "Bocage caen-1"
    assert original.SourceOfPreviousValues == "flers-1"
    assert original.ReasonForTheAttributeModification == "COERCE"
    assert what == (
        "AccessionNumber",
        "IssuerOfAccessionNumberSequence",
        "PatientID",
        "IssuerOfPatientID",
        "IssuerOfPatientIDQualifiersSequence",
        "OtherPatientIDsSequence",
    )
    assert sent.PatientName == "Lefèvre^Zoé"
    assert sent.StudyInstanceUID == "1.2.3"


def test_an_oid_is_a_universal_issuer() -> None:
    coerce = Coerce(issuer_of_accession="1.2.250.1.71")
    sent, what = at_practice(exam(), coerce)
    (item,) = sent.IssuerOfAccessionNumberSequence
    assert (item.UniversalEntityID, item.UniversalEntityIDType) == ("1.2.250.1.71", "ISO")
    assert what == ("IssuerOfAccessionNumberSequence",)
    assert sent.PatientID == "17"


def test_a_prefix_alone_takes_the_old_issuer_away() -> None:
    """It gave out the number, not the number with the prefix; who it was is kept."""
    coerce = Coerce(accession_prefix="V", patient_id_prefix="V", other_patient_ids=False)
    ds = exam(
        IssuerOfAccessionNumberSequence=[issuer(LocalNamespaceEntityID="RIS")],
        IssuerOfPatientIDQualifiersSequence=[issuer(UniversalEntityID="1.2.250.1")],
    )
    sent, _ = at_practice(ds, coerce)
    assert (sent.AccessionNumber, sent.PatientID) == ("VA9", "V17")
    assert "IssuerOfAccessionNumberSequence" not in sent
    assert "OtherPatientIDsSequence" not in sent
    kept = sent.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert kept.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"


def test_a_mark_alone_never_stands_as_a_number() -> None:
    """Exams without a number would otherwise become one."""
    sent, what = at_practice(exam(PatientID="", AccessionNumber=None))
    assert what == ()
    assert not sent.PatientID
    assert "OriginalAttributesSequence" not in sent


def test_an_issuer_that_is_there_already_changes_nothing() -> None:
    _, what = at_practice(exam(IssuerOfPatientID="CHU"), Coerce(issuer_of_patient_id="CHU"))
    assert what == ()


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"AccessionNumber": "1234567890123 "}, None),
        ({"AccessionNumber": "12345678901234"}, "an accession number may: 16"),
        ({"PatientID": "9" * 61}, None),
        ({"PatientID": "9" * 62}, "a patient ID may: 64"),
    ],
)
def test_a_number_without_room_for_its_mark_is_never_cut(
    attributes: dict[str, str], says: str | None
) -> None:
    if says is None:
        at_practice(exam(**attributes))
        return
    with pytest.raises(NotCoercibleError, match=says):
        at_practice(exam(**attributes))


def test_a_number_keeps_its_repertoire() -> None:
    ds = exam(SpecificCharacterSet="ISO_IR 192", PatientID="é" * 20)
    sent, _ = at_practice(ds)
    assert sent.PatientID == "FL-" + "é" * 20
    assert sent.SpecificCharacterSet == "ISO_IR 192"


# -- at the hospital


def test_an_oid_of_the_hospitals_comes_back_as_well() -> None:
    """Who gave out its numbers, in every way it said so; one that agrees is not touched."""
    ds = exam(
        IssuerOfPatientIDQualifiersSequence=[
            issuer(UniversalEntityID="1.2.250.1", UniversalEntityIDType="ISO")
        ],
        IssuerOfAccessionNumberSequence=[issuer(LocalNamespaceEntityID="Étage")],
    )
    own = replace(
        own_of(ds),
        qualifiers=Designator("", "1.2.250.1", "ISO"),
        accession_issuer=Designator("Étage"),
    )
    assert at_hospital(ds, own)[1] == ()
    assert at_hospital(ds, own, IMPLICIT_LITTLE)[1] == ()
    report, _ = at_practice(ds)
    report.SpecificCharacterSet = "ISO_IR 192"
    back, what = at_hospital(report, own)
    (qualifiers,) = back.IssuerOfPatientIDQualifiersSequence
    assert (qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType) == ("1.2.250.1", "ISO")
    assert back.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "Étage"
    assert "IssuerOfPatientIDQualifiersSequence" in what
    report.SpecificCharacterSet = "ISO_IR 6"
    report.PatientName = "X"
    with pytest.raises(NotCoercibleError, match="who gave out"):
        at_hospital(report, replace(own, name=""))


def test_a_report_that_agrees_is_not_touched() -> None:
    own = own_of(exam(IssuerOfPatientID="CHU"))
    ds = exam(IssuerOfPatientID="CHU", PatientName="Lefèvre^Zoé^^", OtherPatientIDs="X")
    ds.SpecificCharacterSet = "ISO_IR 192"
    raw = encoded(ds, EXPLICIT_LITTLE)
    found = Identified([raw], EXPLICIT_LITTLE)
    assert returned(found, own) == {}
    assert b"".join(found.unchanged()) == raw


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_what_was_marked_comes_back_as_it_was(syntax: str) -> None:
    """The practice's station copies what it was sent into its report."""
    ds = exam(IssuerOfPatientID="CHU")
    report, _ = at_practice(ds)
    back, what = at_hospital(report, own_of(ds), syntax)
    assert (back.PatientID, back.IssuerOfPatientID, back.AccessionNumber) == ("17", "CHU", "A9")
    assert "IssuerOfAccessionNumberSequence" not in back
    first, second = back.OriginalAttributesSequence
    assert first.ModifiedAttributesSequence[0].PatientID == "17"
    assert second.ModifiedAttributesSequence[0].PatientID == "FL-17"
    assert set(what) == {
        *("AccessionNumber", "IssuerOfAccessionNumberSequence"),
        *("PatientID", "IssuerOfPatientID"),
    }


def test_a_report_by_the_practices_own_numbers_gets_the_hospitals() -> None:
    """Matched by another number: study, patient and name are the hospital's."""
    report = exam(
        StudyInstanceUID="9.9",
        PatientID="P-4711",
        IssuerOfPatientID="THURY",
        AccessionNumber="77",
        PatientName="LEFEVRE^ZOE",
        PatientBirthDate="19500103",
    )
    reference = Dataset()
    reference.StudyInstanceUID = "9.9"
    report.CurrentRequestedProcedureEvidenceSequence = [reference]
    back, what = at_hospital(report, own_of(exam()))
    assert (back.StudyInstanceUID, back.PatientID, back.AccessionNumber) == ("1.2.3", "17", "A9")
    assert back.PatientName == "Lefèvre^Zoé"
    assert back.PatientBirthDate == "19500301"
    assert "IssuerOfPatientID" not in back
    assert back.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == "9.9"
    kept = back.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert (kept.StudyInstanceUID, kept.PatientID, kept.PatientName) == (
        *("9.9", "P-4711", "LEFEVRE^ZOE"),
    )
    assert "StudyInstanceUID" in what


def test_a_number_the_exam_did_not_have_does_not_stay() -> None:
    """It may be another patient's at the hospital. A birth date does."""
    own = own_of(exam(PatientID="", AccessionNumber="", PatientBirthDate=""))
    back, what = at_hospital(exam(PatientID="TEMP-1", AccessionNumber="77"), own)
    assert (back.PatientID, back.AccessionNumber) == ("", "")
    assert back.PatientBirthDate == "19500301"
    assert what == ("AccessionNumber", "PatientID")


def test_nothing_known_of_name_and_study_changes_neither() -> None:
    back, what = at_hospital(exam(), HospitalIdentities(patient_id="17", accession="A9"))
    assert what == ()
    assert back.PatientName == "Lefèvre^Zoé"


@pytest.mark.parametrize("at_home", ["ISO_IR 100", "ISO_IR 192", ["", "ISO 2022 IR 100"]])
@pytest.mark.parametrize(
    "there", ["ISO_IR 100", "ISO_IR 192", ["", "ISO 2022 IR 100"], "ISO_IR 144", "", None]
)
def test_a_name_with_accents_survives_whatever_the_practice_writes_in(
    at_home: Any, there: Any
) -> None:
    own = own_of(exam(SpecificCharacterSet=at_home))
    report = exam(PatientName="LEFEVRE^ZOE", StudyDescription="Thorax")
    report.SpecificCharacterSet = there
    if there is None:
        del report.SpecificCharacterSet
    if there == "ISO_IR 144":
        report.StudyDescription = "\u0422\u043e\u0440\u0430\u043a\u0441"
    back, _ = at_hospital(report, own)
    assert back.PatientName == "Lefèvre^Zoé"
    assert back.StudyDescription == report.StudyDescription
    (original,) = back.OriginalAttributesSequence
    assert original.ModifiedAttributesSequence[0].PatientName == "LEFEVRE^ZOE"


def test_a_name_that_cannot_be_written_stays_as_the_report_has_it() -> None:
    own = own_of(exam(SpecificCharacterSet="ISO_IR 192", PatientName="Œuvre"))
    back, what = at_hospital(exam(PatientName="OEUVRE"), own)
    assert (back.PatientName, what) == ("OEUVRE", ())


def test_a_number_that_cannot_be_written_is_a_reason_not_to_deliver() -> None:
    own = HospitalIdentities(
        patient_id="É1", character_set=b"ISO_IR 100", raw={"PatientID": b"\xc91"}
    )
    with pytest.raises(NotCoercibleError, match="cannot write a number"):
        at_hospital(exam(SpecificCharacterSet="ISO_IR 6", PatientName="X"), own)
    with pytest.raises(NotCoercibleError, match="cannot write a number"):
        at_hospital(exam(SpecificCharacterSet="GBK", PatientName="X"), own)


WORDS = st.text("ABCé 17-", max_size=8).map(str.strip)


@given(WORDS, WORDS, WORDS, WORDS, WORDS)
def test_there_and_back_is_where_it_was(
    number: str, accession: str, given_by: str, other: str, name: str
) -> None:
    """Whatever the hospital wrote, and whoever the practice took it for."""
    ds = exam(PatientID=number, AccessionNumber=accession, PatientName=name)
    if given_by:
        ds.IssuerOfPatientID = given_by
    report, _ = at_practice(ds)
    report.PatientName = other
    back, _ = at_hospital(report, own_of(ds))
    for keyword in ("PatientID", "AccessionNumber", "IssuerOfPatientID"):
        assert back.get(keyword, "") == ds.get(keyword, "")
    assert back.PatientName == (name or other)


def test_the_stamp_of_one_object_is_always_the_same() -> None:
    """So a station that gets an instance twice gets the same bytes twice."""
    assert stamp_of(0.9, "a", "b") == stamp_of(0.1, "a", "b")
    assert Coercion({0x00100020: Put(b"")}).keywords == ("PatientID",)
