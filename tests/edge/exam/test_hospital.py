"""What a hospital calls its exam, out of the exam's particulars."""

from __future__ import annotations

import pytest

from bocage_edge.exam.hospital import (
    Designator,
    HospitalIdentities,
    hospital_identities,
    same_name,
)
from bocage_edge.exam.identities import Identities, Issued

VALUES = {
    "SpecificCharacterSet": b"ISO_IR 100",
    "PatientName": "Lefèvre^Zoé=X^Y".encode("latin-1"),
    "PatientID": b"17",
    "IssuerOfPatientID": b"CHU",
    "AccessionNumber": b"A9 ",
    "PatientBirthDate": b"19500301",
    "PatientSex": b"F",
    "StudyInstanceUID": b"1.2.3\0",
}


def test_values_are_read_in_their_repertoire() -> None:
    found = hospital_identities(VALUES)
    assert found == HospitalIdentities(
        study_uid="1.2.3",
        patient_id="17",
        issuer="CHU",
        accession="A9",
        name="Lefèvre^Zoé=X^Y",
        birth_date="19500301",
        sex="F",
        character_set=b"ISO_IR 100",
    )
    assert found.raw["AccessionNumber"] == b"A9"


def test_a_message_is_written_with_them() -> None:
    """The name in its first group; the national identity by itself."""
    assert hospital_identities(VALUES).identities() == Identities(
        study_uid="1.2.3",
        accessions=(Issued("A9"),),
        patients=(Issued("17", "CHU"),),
        name="Lefèvre^Zoé",
        birth_date="19500301",
        sex="F",
    )
    ins = hospital_identities(
        {"PatientID": b"1 50 03 61", "IssuerOfPatientID": b"1.2.250.1.213.1.4.8"}
    ).identities()
    assert (ins.ins, ins.patients) == (("1500361",), ())
    of_oid = hospital_identities(
        {
            "PatientID": b"1 50 03 61",
            "IssuerOfPatientID": b"INS",
            "IssuerOfPatientIDQualifiersSequence": b"\\1.2.250.1.213.1.4.8\\ISO",
            "AccessionNumber": b"A9",
            "IssuerOfAccessionNumberSequence": b"RIS\\\\",
        }
    )
    assert of_oid.qualifiers == Designator("", "1.2.250.1.213.1.4.8", "ISO")
    assert of_oid.identities() == Identities(accessions=(Issued("A9", "RIS"),), ins=("1500361",))
    assert hospital_identities({}).identities() == Identities()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Doe^Jane", "Doe^Jane^^^", True),
        ("Doe ^ Jane", "Doe^Jane", True),
        ("Doe^Jane=", "Doe^Jane", True),
        ("Doe^Jane", "DOE^JANE", False),
        ("Doe^Zoé", "Doe^Zoe", False),
        ("Doe^Jane=X", "Doe^Jane", False),
        ("Doe^^Jane", "Doe^Jane", False),
    ],
)
def test_a_name_is_the_same_but_for_what_is_left_empty(one: str, other: str, is_same: bool) -> None:
    assert same_name(one, other) is is_same
