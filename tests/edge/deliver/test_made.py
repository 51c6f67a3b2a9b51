"""Reports of HL7 as the PACS gets them: documents that are encapsulated, texts as Basic Text SR."""

from __future__ import annotations

import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from bocage_contract.report_state import ReportState
from bocage_edge.deliver.identifying import LinkIdentifiers
from bocage_edge.deliver.made import (
    BASIC_TEXT_SR,
    ENCAPSULATED_CDA,
    ENCAPSULATED_PDF,
    Made,
    instances_of,
)
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.reading import Document, Report, read
from bocage_edge.seal.syntax import EXPLICIT_LITTLE
from bocage_edge.spool.types import DeliveryState, ObjectKind
from tests.edge.deliver.practice import EXAM, LINK, Practice
from tests.edge.deliver.station import Station, station
from tests.edge.hl7.messages import er7, order, result

PDF = b"%PDF-1.4\nodd\n"
CDA = (
    b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16" '
    b'extension="POCD_HD000040"/><id root="1.2.250.1.9" extension="A77"/></ClinicalDocument>'
)
OWN = Identities(
    study_uid="1.2.3",
    accessions=(Issued("ACC77"),),
    patients=(Issued("0042", "CHFLERS"),),
    name="LEMAÎTRE^Hélène",
    birth_date="19790314",
    sex="F",
)
DIGEST = "ab" * 32
CLASSES = (ENCAPSULATED_PDF, ENCAPSULATED_CDA, BASIC_TEXT_SR)


def report_of(*documents: bytes, text: str = "", state: ReportState = ReportState.FINAL) -> Report:
    kinds = {PDF: "application/pdf", CDA: "text/xml"}
    made = tuple(Document(kinds.get(each, "text/rtf"), each) for each in documents)
    identities = Identities(study_uid="1.2.3")
    return Report("C1", "ORU^R01", identities, state, "Thorax\\de face", text=text, documents=made)


def opened(made: Made) -> Dataset:
    """Read an instance as anybody would."""
    assert made.transfer_syntax == EXPLICIT_LITTLE
    return read_set(made.data_set)


def read_set(raw: bytes) -> Dataset:
    meta = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"
    return dcmread(BytesIO(b"\0" * 128 + b"DICM" + meta + raw), force=True)


def made_of(report: Report, own: Identities = OWN) -> list[Dataset]:
    return [opened(each) for each in instances_of(report, own, DIGEST, "20261124110000+0100")]


def test_a_pdf_is_encapsulated_byte_for_byte_under_the_exams_identities() -> None:
    (found,) = made_of(report_of(PDF, text="beside it"))
    assert found.SOPClassUID == ENCAPSULATED_PDF
    assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == PDF
    assert (found.PatientID, found.IssuerOfPatientID) == ("0042", "CHFLERS")
    assert (found.StudyInstanceUID, found.AccessionNumber) == ("1.2.3", "ACC77")
    assert str(found.PatientName) == "LEMAÎTRE^Hélène"
    assert found.DocumentTitle == "Thorax/de face"
    assert (found.ContentDate, found.ContentTime) == ("20261124", "110000")
    assert found.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_a_cda_says_which_document_it_is() -> None:
    (found,) = made_of(report_of(CDA))
    assert found.SOPClassUID == ENCAPSULATED_CDA
    assert found.HL7InstanceIdentifier == "1.2.250.1.9^A77"


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        (ReportState.FINAL, ("COMPLETE", "FINAL")),
        (ReportState.PRELIMINARY, ("PARTIAL", "PRELIMINARY")),
    ],
)
def test_a_text_is_a_structured_report(state: ReportState, flags: tuple[str, str]) -> None:
    text = "Pas d'anomalie\\décelée.\nŒdème : non"
    (found,) = made_of(report_of(text=text, state=state))
    assert found.SOPClassUID == BASIC_TEXT_SR
    assert (found.CompletionFlag, found.PreliminaryFlag) == flags
    (item,) = found.ContentSequence
    assert item.TextValue == text.replace("\n", "\r\n")
    assert found.ConceptNameCodeSequence[0].CodeValue == "126000"


def test_the_same_object_makes_the_same_instances() -> None:
    one, other = (instances_of(report_of(PDF, CDA), OWN, DIGEST, "") for _ in range(2))
    assert one == other
    assert len({each.sop_instance for each in one}) == 2
    (third, _) = instances_of(report_of(PDF, CDA), OWN, "cd" * 32, "")
    assert third.sop_instance != one[0].sop_instance


@pytest.mark.parametrize(
    ("report", "own", "says"),
    [
        (report_of(PDF), replace(OWN, study_uid=""), "Study Instance UID is not known"),
        (report_of(b"{\\rtf1}"), OWN, "neither a PDF nor a CDA nor a text"),
        (report_of(PDF), replace(OWN, accessions=(Issued("A" * 17),)), "more characters"),
    ],
)
def test_what_cannot_be_made_is_said(report: Report, own: Identities, says: str) -> None:
    with pytest.raises(Hl7Error, match=says):
        instances_of(report, own, DIGEST, "")


# On the way to a station


def message(*documents: bytes, control: str = "CAB9", state: str = "F") -> bytes:
    coded = [base64.b64encode(each).decode() for each in documents]
    lines = [f"OBX|{n}|ED|CR||^a^b^Base64^{each}||||||{state}" for n, each in enumerate(coded, 1)]
    return er7(*result(*lines, control=control, state=state))


def at_home(box: Practice) -> None:
    """Let the box be the hospital that sent the exam."""
    box.setup = replace(box.setup, identifiers={LINK: LinkIdentifiers("h", "p", is_home=True)})
    box.send(EXAM, {0x00100020: b"0042", 0x00080050: b"ACC77", 0x0020000D: b"1.2.3"})


def came(pacs: Station) -> list[Dataset]:
    return [read_set(raw) for _, _, raw in pacs.came]


def test_a_report_reaches_a_pacs_under_the_hospitals_numbers(tmp_path: Path) -> None:
    with station(classes=CLASSES) as pacs, Practice(tmp_path, pacs.destination()) as box:
        at_home(box)
        box.arrive_message(message(PDF, CDA), ["pacs"])
        box.run()
        found = came(pacs)
        assert [each.SOPClassUID for each in found] == [ENCAPSULATED_PDF, ENCAPSULATED_CDA]
        assert {(each.PatientID, each.AccessionNumber) for each in found} == {("0042", "ACC77")}
        entry = box.body("delivered")
        assert (entry["document"], entry["done"]) == ("report", True)
        assert entry["bytes"] == sum(len(raw) for _, _, raw in pacs.came)


def test_a_retry_brings_the_same_instances(tmp_path: Path) -> None:
    answers = [0x0000, 0xA700, 0x0000]

    def answer(_event: object) -> int:
        return answers.pop(0) if answers else 0x0000

    with (
        station(classes=CLASSES, answer=answer) as pacs,
        Practice(tmp_path, pacs.destination()) as box,
    ):
        at_home(box)
        box.arrive_message(message(PDF, CDA), ["pacs"])
        box.run()
        assert "delivered" not in box.kinds()
        box.clock.advance(31)
        box.run()
        uids = pacs.instances()
        assert uids == [uids[0], uids[1], uids[0], uids[1]]
        assert len(box.bodies("delivered")) == 1


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (er7(*order()), ObjectKind.REQUEST, "no request of HL7"),
        (message(PDF, state="X"), ObjectKind.REPORT, "takes a report back"),
        (b"none", ObjectKind.REPORT, "begins with MSH"),
    ],
)
def test_what_no_pacs_can_take_is_refused_in_words(
    tmp_path: Path, raw: bytes, kind: ObjectKind, says: str
) -> None:
    with station(classes=CLASSES) as pacs, Practice(tmp_path, pacs.destination()) as box:
        name = box.arrive_message(raw, ["pacs"], kind=kind)
        box.run()
        (delivery,) = box.spool.deliveries_of(name)
        assert delivery.state is DeliveryState.REFUSED
        assert says in delivery.reason
        assert pacs.came == []


def test_a_preliminary_never_comes_after_the_final(tmp_path: Path) -> None:
    with station(classes=CLASSES) as pacs, Practice(tmp_path, pacs.destination()) as box:
        at_home(box)
        box.arrive_message(message(PDF, control="FIN"), ["pacs"])
        box.run()
        name = box.arrive_message(message(PDF, control="PRE", state="P"), ["pacs"])
        box.run()
        (delivery,) = box.spool.deliveries_of(name)
        assert delivery.reason == "a later report of its exam was delivered before it"
        assert len(pacs.came) == 1
        assert read(message(PDF)).identities.patients  # the practice's, which are not sent
        assert came(pacs)[0].PatientID == "0042"
