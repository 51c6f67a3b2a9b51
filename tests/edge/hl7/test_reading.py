"""What requests and reports say, as real systems write them."""

from __future__ import annotations

import base64

import pytest

from bocage_contract.report_state import ReportState
from bocage_edge.exam.identities import Issued
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.reading import (
    Action,
    Document,
    Report,
    Request,
    UnsupportedError,
    read,
)
from tests.edge.hl7.messages import STUDY, document, er7, order, result

INS = "279035121518989"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'


def report(*lines: str) -> Report:
    """Read what must be a report."""
    found = read(er7(*lines))
    assert isinstance(found, Report)
    return found


def request(*lines: str) -> Request:
    """Read what must be a request."""
    found = read(er7(*lines))
    assert isinstance(found, Request)
    return found


def test_an_order_gives_everything_an_exam_is_known_by() -> None:
    found = request(*order())
    assert found.identities.study_uid == STUDY
    assert found.identities.accessions == (Issued("ACC77"),)
    assert found.identities.orders == (
        "A100",
        "F200",
        "RP5",
    )
    assert found.identities.patients == (Issued("0042", "1.2.250.1.999.1"),)
    assert found.identities.ins == (INS,)
    assert (found.identities.birth_date, found.identities.sex) == ("19790314", "F")
    assert (found.procedure, found.reason) == ("Thorax de face", "Toux, fièvre")
    assert found.modality == "CR"


def test_an_imaging_order_is_read_by_its_ipc() -> None:
    lines = order()
    lines[0] = lines[0].replace("ORM^O01", "OMI^O23^OMI_O23")
    lines[-1] = f"IPC|ACC78^RIS|RP6|{STUDY}^RIS|SPS1|CT"
    found = request(*lines, "TQ1|1||||||||S^STAT")
    assert found.identities.accessions == (Issued("ACC78", "RIS"), Issued("ACC77"))
    assert (found.modality, found.priority, found.identities.study_uid) == ("CT", "S", STUDY)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("NW", Action.NEW),
        ("", Action.NEW),
        ("CA", Action.CANCEL),
        ("DC", Action.CANCEL),
        ("XO", Action.CHANGE),
        ("SC", Action.STATUS),
    ],
)
def test_what_an_order_asks_for(code: str, action: Action) -> None:
    assert request(*order(code=code)).action is action


@pytest.mark.parametrize(
    "authority",
    [
        "&1.2.250.1.213.1.4.8&ISO^INS",
        "&1.2.250.1.213.1.4.9&ISO^INS",
        "&1.2.250.1.213.1.4.10&ISO^INS",
        "&1.2.250.1.213.1.4.11&ISO^INS",
        "^INS-NIR",
        "^INS-NIA",
        "^INS",
    ],
)
def test_the_national_identity_is_told_from_a_patient_number(authority: str) -> None:
    lines = order()
    lines[1] = f"PID|1||2 79 03 512151 89^^^{authority}~IPP9^^^CHFLERS^PI||X^Y"
    found = request(*lines).identities
    assert found.ins == ("2790351215189",)
    assert found.patients == (Issued("IPP9", "CHFLERS"),)


def test_the_old_calculated_ins_is_a_patient_number_like_others() -> None:
    lines = order()
    lines[1] = "PID|1||123^^^&1.2.250.1.213.1.4.2&ISO^INS-C||X^Y"
    found = request(*lines).identities
    assert (found.ins, len(found.patients)) == ((), 1)


def test_malformed_traits_are_left_out() -> None:
    lines = order()
    lines[1] = 'PID|1||""~^^^X||""||1979|x'
    lines[-1] = "ZDS|not a uid^RIS"
    found = request(*lines).identities
    assert (found.patients, found.name, found.birth_date, found.sex) == ((), "", "", "")
    assert found.study_uid == ""


def test_a_report_without_a_study_uid_has_the_practices_numbers() -> None:
    found = report(*result())
    assert found.identities.study_uid == ""
    assert found.identities.orders == ("A100", "CAB-2026-11")
    assert found.identities.patients == (Issued("TH77", "THURY"),)
    assert (found.text, found.title) == ("Pas d'anomalie décelée.", "Thorax")


def test_a_study_uid_in_an_observation_is_found() -> None:
    found = report(*result(f"OBX|1|HD|^Study Instance UID||{STUDY}", "OBX|2|TX|CR||Normal"))
    assert found.identities.study_uid == STUDY
    assert (
        report(*result(f"OBX|1|ST|113014^DICOM Study^DCM||{STUDY}")).identities.study_uid == STUDY
    )


def test_several_observations_make_one_text() -> None:
    found = report(
        *result(
            "OBX|1|TX|CR||Indication : toux",
            "OBX|2|FT|CR||Résultat\\.br\\normal~fin",
            "OBX|3|NM|AGE||47",
        )
    )
    assert found.text == "Indication : toux\nRésultat\nnormal\nfin"


@pytest.mark.parametrize(
    "field",
    [
        "^application^pdf^Base64^{data}",
        "^AP^^Base64^{data}",
        "{data}",
        "RIS^TEXT^PDF^base64^{data}",
    ],
)
def test_a_pdf_is_found_whatever_its_type_is_called(field: str) -> None:
    data = base64.encodebytes(PDF).decode().replace("\n", "\\.br\\")
    found = report(*result(f"OBX|1|ED|PDF||{field.format(data=data)}||||||F"))
    assert found.documents == (Document("application/pdf", PDF),)


def test_a_cda_in_an_mdm_is_found() -> None:
    data = base64.b64encode(CDA).decode()
    txa = "TXA|1|11528-7^CR imagerie^LN|TEXT|||||||||DOC1||A100|F200||LA||AV"
    found = report(*document("T02", txa, f"OBX|1|ED|CDA||^multipart^x-hl7-cda^Base64^{data}"))
    assert found.documents == (Document("text/xml", CDA),)
    assert (found.document_id, found.title) == ("DOC1", "CR imagerie")
    assert found.identities.orders == ("A100", "F200")


def test_a_file_that_is_no_base64_is_refused() -> None:
    with pytest.raises(Hl7Error, match="base64"):
        report(*result("OBX|1|ED|PDF||^application^pdf^Base64^ça!"))


@pytest.mark.parametrize(
    ("order_state", "observation_state", "state"),
    [
        ("F", "F", ReportState.FINAL),
        ("F", "", ReportState.FINAL),
        ("P", "F", ReportState.PRELIMINARY),
        ("R", "R", ReportState.PRELIMINARY),
        ("C", "C", ReportState.REPLACEMENT),
        ("X", "X", ReportState.DELETION),
        ("", "F", ReportState.FINAL),
        ("", "U", ReportState.FINAL),
        ("", "C", ReportState.REPLACEMENT),
        ("", "D", ReportState.DELETION),
        ("", "P", ReportState.PRELIMINARY),
        ("", "", ReportState.PRELIMINARY),
    ],
)
def test_a_result_is_final_only_where_it_says_so(
    order_state: str, observation_state: str, state: ReportState
) -> None:
    line = f"OBX|1|TX|CR||Normal||||||{observation_state}"
    assert report(*result(line, state=order_state)).state is state


@pytest.mark.parametrize(
    ("event", "completion", "availability", "state"),
    [
        ("T02", "LA", "AV", ReportState.FINAL),
        ("T02", "AU", "", ReportState.FINAL),
        ("T02", "", "AV", ReportState.FINAL),
        ("T02", "DO", "AV", ReportState.PRELIMINARY),
        ("T02", "", "", ReportState.PRELIMINARY),
        ("T04", "LA", "AV", ReportState.FINAL),
        ("T06", "LA", "AV", ReportState.ADDENDUM),
        ("T08", "LA", "AV", ReportState.REPLACEMENT),
        ("T10", "LA", "AV", ReportState.REPLACEMENT),
        ("T10", "IP", "AV", ReportState.PRELIMINARY),
        ("T04", "LA", "CA", ReportState.DELETION),
    ],
)
def test_what_a_document_is_to_the_ones_before(
    event: str, completion: str, availability: str, state: ReportState
) -> None:
    txa = f"TXA|1|CR|TEXT|||||||||D2|D1||||{completion}||{availability}"
    found = report(*document(event, txa, "OBX|1|TX|CR||Normal"))
    assert (found.state, found.parent_id) == (state, "D1")


def test_a_cancelled_document_needs_no_content() -> None:
    assert report(*document("T11", "TXA|1|CR|TEXT")).state is ReportState.DELETION


@pytest.mark.parametrize("kind", ["ADT^A08", "ORU^R30", "MDM^T01", "ACK"])
def test_other_messages_are_not_taken(kind: str) -> None:
    lines = order()
    lines[0] = lines[0].replace("ORM^O01", kind)
    with pytest.raises(UnsupportedError):
        read(er7(*lines))


@pytest.mark.parametrize("missing", ["PID", "OBX"])
def test_what_makes_a_report_must_be_there(missing: str) -> None:
    with pytest.raises(Hl7Error, match=missing):
        read(er7(*(line for line in result() if not line.startswith(missing))))


def test_a_message_without_a_control_id_is_refused() -> None:
    with pytest.raises(Hl7Error, match="MSH-10"):
        read(er7(*order(control="")))
