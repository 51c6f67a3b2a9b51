"""HL7 over two boxes: requests travel with their exams, and reports come back to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import HL7_PORT
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.integration.files import File, small
from tests.integration.road import ROOT, Road, a_road

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    """Two boxes without a convention."""
    with a_road("hl7", Laboratory("hl7", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up


def said(namespace: str, folder: Path, *messages: bytes) -> list[list[str]]:
    """Send messages from a site's information system; gives the MSA of each answer."""
    paths = []
    for number, message in enumerate(messages):
        paths.append(folder / f"message-{number}")
        paths[-1].write_bytes(message)
    command = [sys.executable, "-m", "tests.integration.hl7_sender", BOX_LAN_ADDRESS, str(HL7_PORT)]
    printed = LocalHost(namespace).run(["env", "-C", ROOT, *command, *paths], timeout_s=120)
    found: list[list[str]] = json.loads(printed)
    return found


def order(control: str, accession: str, patient: str, study: str = "") -> bytes:
    """An order of the hospital, by its accession number or by its Study UID."""
    lines = [
        f"MSH|^~\\&|RIS|FLERS|BOCAGE|FLERS|20261201||ORM^O01|{control}|P|2.3.1||||||8859/1",
        f"PID|1||{patient}^^^FLERS^PI||ESSAI^Zoé||19700101|F",
        f"ORC|NW|P{accession}",
        f"OBR|1|P{accession}||RXTHO^Thorax^L{'|' * 14}{accession}",
        *([f"ZDS|{study}^RIS^Application^DICOM"] if study else []),
    ]
    return "\r".join(lines).encode("latin-1")  # no last CR, as many send it


def report(control: str, study: str, accession: str) -> bytes:
    """A report of the practice; without a study it has only a number of the hospital's."""
    lines = [
        f"MSH|^~\\&|XPLORE|THURY|PACS|FLERS|20261201||ORU^R01|{control}|P|2.5",
        "PID|1||TH77^^^THURY||ESSAI^ZOE||19700101|F",
        f"OBR|1||CAB-1|RXTHO^Thorax{'|' * 14}{accession}{'|' * 7}F",
        "OBX|1|TX|CR^Compte rendu||Pas d'anomalie décelée.||||||F",
        *([f"OBX|2|ST|110180^Study Instance UID^DCM||{study}||||||F"] if study else []),
    ]
    return "\r".join(lines).encode("latin-1")


def of(road: Road, box: LabBox, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    """The bodies of a box's entries of a kind that say so."""
    return [
        entry.body
        for entry in road.entries(box, kind)
        if all(entry.body.get(name) == value for name, value in wanted.items())
    ]


def image(folder: Path, accession: str, patient: str) -> File:
    """An image of the hospital's: it names no issuer."""
    return small(folder, AccessionNumber=accession, PatientID=patient, PatientBirthDate="19700101")


def wait_for(road: Road, box: LabBox, kind: str, **wanted: Any) -> dict[str, Any]:
    """Wait for one entry of a box."""
    wait_until(lambda: bool(of(road, box, kind, **wanted)), 60, f"the entry {kind}")
    return of(road, box, kind, **wanted)[0]


def test_a_request_before_the_images_and_one_after_travel_with_them(
    road: Road, tmp_path: Path
) -> None:
    """The first by its accession number and patient, the second by its Study UID."""
    lab = road.lab
    namespace = lab.topology.hospital_lan
    assert said(namespace, tmp_path, order("R1", "ACC1", "T-1"))[0][:3] == ["MSA", "AA", "R1"]
    waits = wait_for(road, lab.hospital, "request_waits")
    first = image(tmp_path, "ACC1", "T-1")
    assert [answer.status for answer in road.send([first.path])] == [0]
    bound = wait_for(road, lab.hospital, "request", object=waits["object"])
    exam = of(road, lab.hospital, "exam")[-1]["exam_id"]
    assert (bound["exam_id"], bound["matched_by"]) == (exam, "accession")
    after = order("R2", "ELSE", "T-1", first.study)
    assert said(namespace, tmp_path, after, after) == [["MSA", "AA", "R2"]] * 2
    second = wait_for(road, lab.hospital, "request", exam_id=exam, matched_by="study")
    both = {bound["object"], second["object"]}
    wait_until(lambda: both <= _stored(road, lab.practice), 60, "the requests at the practice")
    assert len(of(road, lab.hospital, "request")) == 2


def test_another_patients_request_stays_and_says_why(road: Road, tmp_path: Path) -> None:
    lab = road.lab
    sent = image(tmp_path, "ACC2", "T-2")
    assert [answer.status for answer in road.send([sent.path])] == [0]
    assert said(lab.topology.hospital_lan, tmp_path, order("R3", "ACC2", "T-9"))[0][1] == "AA"
    held = wait_for(road, lab.hospital, "request_held")
    assert held["reason"] == "patient_contradicts"
    assert held["object"] not in _stored(road, lab.practice)


def test_a_report_by_study_comes_back_and_one_by_number_waits_for_a_person(
    road: Road, tmp_path: Path
) -> None:
    """Both end in the hospital's spool, as reports of the right exam."""
    lab = road.lab
    sent = image(tmp_path, "ACC3", "T-3")
    before, known = lab.station.stores(), len(of(road, lab.hospital, "exam"))
    road.send([sent.path])
    wait_until(lambda: lab.station.stores() == before + 1, 60, "the image")
    wait_until(lambda: len(of(road, lab.hospital, "exam")) > known, 60, "the ledger")
    exam = of(road, lab.hospital, "exam")[-1]["exam_id"]
    namespace = lab.topology.practice_lan
    certain, doubtful = report("C1", sent.study, ""), report("C2", "", "ACC3")
    assert [msa[1] for msa in said(namespace, tmp_path, certain, doubtful)] == ["AA", "AA"]
    matched = wait_for(road, lab.practice, "report", matched_by="study")
    assert (matched["exam_id"], matched["report_state"], matched["format"]) == (
        exam,
        "final",
        "hl7-oru",
    )
    wait_until(
        lambda: matched["object"] in _stored(road, lab.hospital), 60, "the report at the hospital"
    )
    held = wait_for(road, lab.practice, "report_held")
    assert held["reason"] == "patient_unproven"
    assert held["object"] not in _stored(road, lab.hospital)
    (listed,) = map(json.loads, lab.practice.cli("reports", "list", "--json").splitlines())
    lab.practice.cli("reports", "match", held["object"], exam)
    decided = wait_for(road, lab.practice, "report", object=held["object"])
    assert (decided["exam_id"], decided["matched_by"]) == (exam, "person")
    wait_until(
        lambda: held["object"] in _stored(road, lab.hospital), 60, "the report at the hospital"
    )
    assert listed["object"] == held["object"]


def _stored(road: Road, box: LabBox) -> set[str]:
    """The objects that a box says it has from its partner."""
    found: set[str] = set()
    for body in of(road, box, "stored"):
        found.update(body.get("objects") or [body.get("object")])
    return found
