"""The way back: reports of real systems find their exam, wait for a person, or are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from bocage_contract.ledger import Entry
from bocage_edge.seal.digest import InstanceDigest
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import REPORT_AET, STATION_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.beside.test_convention import CONVENTION, MORNING
from tests.integration.files import BASIC_TEXT_SR, ENCAPSULATED_PDF, KEY_OBJECT, File, small
from tests.integration.reporting import orthanc, pdf_by_dcmtk, sr_by_dcmtk
from tests.integration.road import Answer, Kept, Road, a_road, wait_for

pytestmark = pytest.mark.integration

OTHER_PATIENT = 0xC001
THE_PATIENT: dict[str, Any] = {
    "PatientID": "P-7",
    "IssuerOfPatientID": "FLERS",
    "PatientBirthDate": "19600101",
}
LOOKS_WITHIN_S = 30


@pytest.fixture(scope="module")
def agreed() -> Iterator[Road]:
    """A laboratory with a convention, at five past eight."""
    lab = Laboratory("reports", line=Line(rate_mbit=0, delay_ms=5), at=MORNING)
    with a_road("reports", lab, CONVENTION) as up:
        yield up
        up.verify_spools()


def made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir()
    return folder


def an_exam(road: Road, folder: Path, accession: str) -> tuple[File, str]:
    """Send an exam and wait until the practice has it; gives it and its exam_id."""
    lab = road.lab
    file = small(folder, AccessionNumber=accession, **THE_PATIENT)
    before, known = lab.station.stores(), len(road.entries(lab.hospital, "exam"))
    assert [answer.status for answer in road.send([file.path])] == [0]
    wait_until(lambda: lab.station.stores() > before, 60, "the exam")
    wait_until(lambda: len(road.entries(lab.hospital, "exam")) > known, 20, "the ledger")
    wait_until(lambda: bool(road.entries(lab.practice, "delivered")), 20, "the ledger")
    road.wait_settled()
    return file, road.entries(lab.hospital, "exam")[-1].body["exam_id"]


def report(road: Road, *files: File) -> list[Answer]:
    """Send from the reading station, byte for byte."""
    return road.send(
        [file.path for file in files],
        REPORT_AET,
        STATION_AET,
        namespace=road.lab.topology.practice_lan,
    )


def said_of(road: Road, box: LabBox, kind: str, exam: str) -> list[Entry]:
    """Entries of a kind that are about an exam."""
    return [each for each in road.entries(box, kind) if each.body.get("exam_id") == exam]


def wait_said(road: Road, box: LabBox, kind: str, exam: str, count: int = 1) -> list[Entry]:
    """Wait for them."""
    wait_until(lambda: len(said_of(road, box, kind, exam)) >= count, LOOKS_WITHIN_S, kind)
    return said_of(road, box, kind, exam)


def waiting(road: Road) -> list[dict[str, Any]]:
    """What waits for a person at the practice."""
    printed = road.lab.practice.cli("reports", "list", "--json")
    return [json.loads(line) for line in printed.splitlines()]


def digest(sop_class: str, kept: Kept) -> str:
    """The digest of an instance as a station keeps it."""
    digest = InstanceDigest(sop_class, kept.sop_instance, kept.transfer_syntax)
    digest.update(kept.data_set())
    return digest.hexdigest()


def test_reports_by_dcmtk_come_home_byte_for_byte(agreed: Road, tmp_path: Path) -> None:
    """A structured report and a PDF of the exam's own study, and the key objects with them."""
    exam, exam_id = an_exam(agreed, tmp_path, "A-1")
    sr = sr_by_dcmtk(tmp_path, exam.study, issuer="FLERS", patient_id="P-7", accession="A-1")
    keys = ("--key", "0010,0021=FLERS", "--key", "0008,0050=A-1")
    pdf = pdf_by_dcmtk(tmp_path, exam.path, *keys)
    ko = small(
        tmp_path, study=exam.study, sop_class=KEY_OBJECT, pixels=False, Modality="KO",
        AccessionNumber="A-1", **THE_PATIENT,
    )  # fmt: skip
    with agreed.pacs(made(tmp_path / "pacs")) as there:
        assert [answer.status for answer in report(agreed, sr, pdf, ko)] == [0, 0, 0]
        kept = wait_for(there, [sr.sop_instance, pdf.sop_instance, ko.sop_instance])
        for file in (sr, pdf, ko):
            assert kept[file.sop_instance].data_set() == file.data_set()
    agreed.wait_settled()
    said = [each.body for each in wait_said(agreed, agreed.lab.practice, "report", exam_id, 2)]
    assert [(each["format"], each["report_state"], each["matched_by"]) for each in said] == [
        ("sr", "final", "study"),
        ("encapsulated-pdf", "final", "study"),
    ]


def test_a_report_of_orthancs_comes_home_as_it_was_sent(agreed: Road, tmp_path: Path) -> None:
    """Orthanc writes the data set in its own way; what it put on the wire is what arrives."""
    exam, exam_id = an_exam(agreed, tmp_path, "A-2")
    sr = sr_by_dcmtk(tmp_path, exam.study, issuer="FLERS", patient_id="P-7", accession="A-2")
    with (
        orthanc(agreed.lab.topology.practice_lan, tmp_path / "orthanc") as practice,
        agreed.pacs(made(tmp_path / "pacs")) as there,
    ):
        practice.send([sr.path])
        kept = wait_for(there, [sr.sop_instance])[sr.sop_instance]
    agreed.wait_settled()
    (entry,) = wait_said(agreed, agreed.lab.practice, "report", exam_id)
    (received,) = (
        each
        for each in said_of(agreed, agreed.lab.practice, "received", exam_id)
        if each.body["object"] == entry.body["object"]
    )
    assert digest(BASIC_TEXT_SR, kept) == received.body["digest"]


def test_a_report_under_the_practices_own_study_is_matched_by_the_number_and_the_patient(
    agreed: Road, tmp_path: Path
) -> None:
    """A practice that opens a study of its own: at home it is of the hospital's study again."""
    exam, exam_id = an_exam(agreed, tmp_path, "A-3")
    own = small(
        tmp_path, sop_class=ENCAPSULATED_PDF, pixels=False, Modality="DOC",
        AccessionNumber="A-3", **THE_PATIENT,
    )  # fmt: skip
    with agreed.pacs(made(tmp_path / "pacs")) as there:
        assert [answer.status for answer in report(agreed, own)] == [0]
        kept = wait_for(there, [own.sop_instance])[own.sop_instance]
        assert exam.study.encode() in kept.data_set()
    agreed.wait_settled()
    (entry,) = wait_said(agreed, agreed.lab.practice, "report", exam_id)
    assert entry.body["matched_by"] == "accession"


def test_a_doubtful_report_waits_for_a_person(agreed: Road, tmp_path: Path) -> None:
    """Taken, told, listed without a name; matched by a person it arrives, and both ledgers know."""
    lab = agreed.lab
    _, exam_id = an_exam(agreed, tmp_path, "A-4")
    unproven = sr_by_dcmtk(tmp_path, "1.2.826.0.1.44", accession="A-4", patient_id="X-9")
    with agreed.pacs(made(tmp_path / "pacs")) as there:
        assert [answer.status for answer in report(agreed, unproven)] == [0]
        wait_until(lambda: bool(agreed.entries(lab.practice, "report_held")), 20, "the ledger")
        (held,) = waiting(agreed)
        assert held["reason"] == "patient_unproven"
        # Others of the same patient are listed behind it.
        assert held["suggestions"][0]["exam_id"] == exam_id
        assert held["suggestions"][0]["common"] == ["accession", "birth", "name"]
        ref = held["suggestions"][0]["exam_ref"]
        doctor = " ".join(lab.practice.cli("doctor", ok=(0, 1, 2)).split())
        assert "1 wait for somebody" in doctor
        assert "reports list" in doctor
        shown = lab.practice.cli("reports", "list")
        assert ref in shown
        assert "Essai" not in shown
        assert "Essai" in lab.practice.cli("reports", "list", "--names")
        assert there() == []

        lab.practice.cli("reports", "match", held["object"][:10], ref)
        wait_for(there, [unproven.sop_instance])
    agreed.wait_settled()
    (entry,) = wait_said(agreed, lab.practice, "report", exam_id)
    assert (entry.body["matched_by"], entry.body["object"]) == ("person", held["object"])
    assert (
        wait_said(agreed, lab.hospital, "delivered", exam_id)[-1].body["object"] == held["object"]
    )
    assert waiting(agreed) == []


def test_what_a_person_gives_up_goes_nowhere(agreed: Road, tmp_path: Path) -> None:
    """A report of a study that never came, and the capture with it."""
    lab = agreed.lab
    lost = sr_by_dcmtk(tmp_path, "1.2.826.0.1.45", patient_id="X-9")
    with_it = small(tmp_path, study="1.2.826.0.1.45", PatientID="X-9")
    assert [answer.status for answer in report(agreed, lost, with_it)] == [0, 0]
    wait = waiting(agreed)
    assert [each["reason"] for each in wait] == ["no_exam", "no_exam"]
    for each in wait:
        lab.practice.cli("reports", "refuse", each["object"])
    assert waiting(agreed) == []
    agreed.wait_settled()


def test_the_report_of_another_patient_is_refused_in_words(agreed: Road, tmp_path: Path) -> None:
    """Nothing of it is kept, and nothing travels."""
    lab = agreed.lab
    exam, exam_id = an_exam(agreed, tmp_path, "A-6")
    before = lab.practice.cli("spool", "list")
    wrong = sr_by_dcmtk(tmp_path, exam.study, issuer="FLERS", patient_id="P-8")
    (answer,) = report(agreed, wrong)
    assert answer.status == OTHER_PATIENT
    assert answer.comment == "Refuse: l'examen est d'un autre patient, verifier"
    (entry,) = wait_said(agreed, lab.practice, "report_refused", exam_id)
    assert entry.body["reason"] == "patient_contradicts"
    assert lab.practice.cli("spool", "list") == before


def overdue(road: Road) -> Sequence[list[str]]:
    """The exams of which both boxes say now that the report is overdue."""
    return [
        [
            alarm["exam_ref"]
            for link in (box.status("relay") or {}).get("links") or ()
            for alarm in link.get("alarms") or ()
            if alarm["code"] == "report_overdue"
        ]
        for box in (road.lab.hospital, road.lab.practice)
    ]


def naming(study: str, file: File) -> list[Dataset]:
    """The value of Predecessor Documents Sequence."""
    instance, series, of = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = BASIC_TEXT_SR
    instance.ReferencedSOPInstanceUID = file.sop_instance
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "1.2.826.0.1.9", [instance]
    of.StudyInstanceUID, of.ReferencedSeriesSequence = study, [series]
    return [of]


def test_a_preliminary_report_meets_no_due_time_and_the_final_one_does(
    agreed: Road, tmp_path: Path
) -> None:
    """Both travel; an hour after the slot both boxes say that the report is overdue."""
    lab = agreed.lab
    exam, exam_id = an_exam(agreed, tmp_path, "A-7")
    due = said_of(agreed, lab.hospital, "exam", exam_id)[-1].body["report_due"]
    first = sr_by_dcmtk(
        tmp_path, exam.study, issuer="FLERS", patient_id="P-7", accession="A-7", flag="PRELIMINARY"
    )
    with agreed.pacs(made(tmp_path / "pacs")) as there:
        assert [answer.status for answer in report(agreed, first)] == [0]
        wait_for(there, [first.sop_instance])
        wait_said(agreed, lab.practice, "report", exam_id)
        agreed.wait_settled()
        lab.set_clock(due + 60.0)
        for box in (lab.hospital, lab.practice):
            wait_said(agreed, box, "report_overdue", exam_id)
        refs = set(overdue(agreed)[0])
        final = small(
            tmp_path, study=exam.study, sop_class=BASIC_TEXT_SR, pixels=False, Modality="SR",
            PredecessorDocumentsSequence=naming(exam.study, first), PreliminaryFlag="FINAL",
            AccessionNumber="A-7", **THE_PATIENT,
        )  # fmt: skip
        assert [answer.status for answer in report(agreed, final)] == [0]
        wait_for(there, [final.sop_instance])
    said = wait_said(agreed, lab.practice, "report", exam_id, 2)
    assert [each.body["report_state"] for each in said] == ["preliminary", "final"]
    agreed.wait_settled()
    wait_until(
        lambda: all(len(refs - set(now)) == 1 for now in overdue(agreed)),
        LOOKS_WITHIN_S,
        "the alarm to be over",
    )
