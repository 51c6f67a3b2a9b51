"""What is read of a data set on its way: identities, in every character set of the standard."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmwrite
from pydicom.dataset import Dataset

from bocage_edge.exam.heard import Heard, decoded, encodings
from bocage_edge.exam.identities import Document, Identities, Issued
from bocage_edge.seal.scanner import Scanner

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
INS_NIR = "1.2.250.1.213.1.4.8"


def an_item(**fields: object) -> Dataset:
    """A data set of these elements."""
    item = Dataset()
    for keyword, value in fields.items():
        setattr(item, keyword, value)
    return item


def a_report() -> Dataset:
    """Everything that identifies."""
    ins = an_item(
        PatientID="1 60 01 23 456 789 01",
        IssuerOfPatientIDQualifiersSequence=[an_item(UniversalEntityID=INS_NIR)],
    )
    request = an_item(
        AccessionNumber="A2", PlacerOrderNumberImagingServiceRequest="PL7",
        FillerOrderNumberImagingServiceRequest="FI8",
    )  # fmt: skip
    aside = an_item(ReferencedStudySequence=[an_item(StudyInstanceUID="6.6", PatientID="NOT")])
    return an_item(
        SpecificCharacterSet="ISO_IR 100", SOPClassUID="1.2.3", SOPInstanceUID="1.2.4",
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=[an_item(LocalNamespaceEntityID="HOSP")],
        ReferencedPatientSequence=[aside],
        PatientName="Lefèvre^Éloïse", PatientID="P1", IssuerOfPatientID="HOSP",
        PatientBirthDate="19600101", PatientSex="F", OtherPatientIDsSequence=[ins],
        StudyInstanceUID="1.2.5", ReferencedRequestSequence=[request],
    )  # fmt: skip


EXPECTED = Identities(
    study_uid="1.2.5",
    accessions=(Issued("A1", "HOSP"), Issued("A2")),
    orders=("PL7", "FI8"),
    patients=(Issued("P1", "HOSP"),),
    ins=("160012345678901",),
    name="Lefèvre^Éloïse",
    birth_date="19600101",
    sex="F",
)


def written(dataset: Dataset, syntax: str) -> bytes:
    """The bytes of a data set."""
    out = BytesIO()
    implicit, little = syntax == IMPLICIT, syntax != BIG
    dcmwrite(out, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return out.getvalue()


def heard(raw: bytes, syntax: str, step: int) -> Identities:
    """Walk through a data set in steps."""
    ear = Heard()
    scanner = Scanner(syntax, ear)
    for start in range(0, len(raw), step):
        scanner.feed(raw[start : start + step])
    scanner.close()
    return ear.identities()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("step", [7, 100_000])
def test_identities_are_read_in_every_encoding(syntax: str, step: int) -> None:
    """And no number of an item that is about something else."""
    assert heard(written(a_report(), syntax), syntax, step) == EXPECTED


def a_follower(*uids: str) -> Dataset:
    """A report that took its content from others, with a title."""
    instances = [an_item(ReferencedSOPInstanceUID=uid, PatientID="NOT") for uid in uids]
    series = an_item(SeriesInstanceUID="1.5", ReferencedSOPSequence=instances)
    follower = a_report()
    follower.ReferencedSeriesSequence = [an_item(ReferencedSOPSequence=instances)]  # of no report
    follower.ConceptNameCodeSequence = [an_item(CodeValue="55107-7", CodingSchemeDesignator="LN")]
    follower.PredecessorDocumentsSequence = [
        an_item(StudyInstanceUID="6.6", ReferencedSeriesSequence=[series])
    ]
    return follower


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_a_document_names_its_title_and_its_predecessors(syntax: str) -> None:
    """And what they are of is nothing of its own."""
    raw = written(a_follower("1.7", "1.8", "1.7"), syntax)
    ear = Heard()
    scanner = Scanner(syntax, ear)
    scanner.feed(raw)
    scanner.close()
    assert ear.document() == Document(("1.7", "1.8"), "55107-7")
    assert ear.identities() == EXPECTED


def test_a_flood_of_predecessors_hides_no_identity() -> None:
    """They are bounded by themselves."""
    raw = written(a_follower(*(f"1.7.{n}" for n in range(5000))), EXPLICIT)
    assert heard(raw, EXPLICIT, 100_000) == EXPECTED


def test_issuers_are_heard_as_they_stand() -> None:
    """For the exam's particulars: local name, universal ID, its type."""
    oid = an_item(UniversalEntityID="1.2.250.1", UniversalEntityIDType="ISO")
    ds = an_item(
        IssuerOfAccessionNumberSequence=[an_item(LocalNamespaceEntityID="RIS")],
        IssuerOfPatientIDQualifiersSequence=[oid],
    )
    ear = Heard()
    Scanner(EXPLICIT, ear).feed(written(ds, EXPLICIT))
    assert ear.issuers() == {
        0x00080051: b"RIS\\\\",
        0x00100024: b"\\1.2.250.1\\ISO",
    }
    assert Heard().issuers() == {}


@pytest.mark.parametrize(
    ("character_set", "raw", "text"),
    [
        ("", b"Lefevre^Eloise", "Lefevre^Eloise"),
        ("ISO_IR 100", "Lefèvre^Éloïse".encode("latin-1"), "Lefèvre^Éloïse"),
        ("ISO_IR 203", "Cœur^Noël".encode("iso8859-15"), "Cœur^Noël"),
        ("ISO_IR 192", "Cœur^Łukasz".encode(), "Cœur^Łukasz"),
        ("ISO_IR 101", "Wałęsa^Łukasz".encode("iso8859-2"), "Wałęsa^Łukasz"),
        ("ISO_IR 144", b"\xbb\xee\xda", "\u041b\u044e\u043a"),
        ("GB18030", "王^小东".encode("gb18030"), "王^小东"),
        ("\\ISO 2022 IR 100", b"Lef\x1b-A\xe8vre^\x1b-A\xc9lo\xefse", "Lefèvre^Éloïse"),
        ("ISO 2022 IR 6\\ISO 2022 IR 203", b"C\x1b-b\xbdur", "Cœur"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
         "Yamada^Tarou=山田^太郎"),
        ("\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
        ("", "Lefèvre".encode("latin-1"), "Lefèvre"),  # says nothing, and is Latin-1 all the same
        ("WRONG", "Lefèvre".encode("latin-1"), "Lefèvre"),
    ],
)  # fmt: skip
def test_accents_are_read(character_set: str, raw: bytes, text: str) -> None:
    """As the modality wrote them."""
    assert decoded(raw, encodings(character_set)) == text


@given(st.binary(max_size=60), st.sampled_from(["", "ISO_IR 192", "\\ISO 2022 IR 87", "x\\y"]))
def test_no_text_is_a_surprise(raw: bytes, character_set: str) -> None:
    """Strangers write it."""
    assert isinstance(decoded(raw, encodings(character_set)), str)


def test_a_flood_of_numbers_is_bounded() -> None:
    """Ten thousand items leave as many values as are needed, not more."""
    flood = a_report()
    flood.OtherPatientIDsSequence = [an_item(PatientID=str(n)) for n in range(10_000)]
    found = heard(written(flood, EXPLICIT), EXPLICIT, 100_000)
    assert len(found.patients) < 300
