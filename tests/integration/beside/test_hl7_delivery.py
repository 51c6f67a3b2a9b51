"""Reports come home: from the practice's system by HL7, over two boxes, to the hospital's RIS."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_provisioning.lab.desired import HL7_PORT, with_ris
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, PACS_ADDRESS, STATION_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost, spawn
from tests.integration.beside.test_hl7 import order
from tests.integration.files import small
from tests.integration.road import ROOT, Road, a_road

pytestmark = pytest.mark.integration

RIS_PORT = 2576


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    """Two boxes; the hospital has a PACS, and no RIS at first."""
    with a_road("ris", Laboratory("ris", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up


@contextmanager
def a_ris(road: Road, folder: Path, *manner: str, at_the_practice: bool = False) -> Iterator[None]:
    """Run a RIS at one of the sites, the hospital where nothing is said."""
    folder.mkdir(exist_ok=True)
    address = STATION_ADDRESS if at_the_practice else PACS_ADDRESS
    command = [sys.executable, "-m", "tests.integration.ris", address, str(RIS_PORT)]
    topology = road.lab.topology
    namespace = topology.practice_lan if at_the_practice else topology.hospital_lan
    child = spawn([*command, str(folder), *manner], namespace=namespace, cwd=ROOT)
    try:
        yield
    finally:
        child.kill_group()
        child.wait(10)


def kept(folder: Path) -> list[bytes]:
    """List the messages that a RIS has, in their order."""
    return [path.read_bytes() for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]"))]


def field(message: bytes, segment: str, number: int) -> str:
    """Read a field of the first segment of a name."""
    (line, *_) = [each for each in message.decode().split("\r") if each.startswith(segment)]
    return line.split("|")[number - (segment == "MSH")]


def report(control: str, study: str) -> bytes:
    """A report of the practice, under the practice's own numbers."""
    lines = [
        f"MSH|^~\\&|XPLORE|THURY|PACS|FLERS|20261201||ORU^R01|{control}|P|2.5||||||8859/1",
        "PID|1||TH77||ESSAI^Zoé||19700101|F",
        f"OBR|1||CAB-1|RXTHO^Thorax{'|' * 14}CAB-1{'|' * 7}F",
        "OBX|1|TX|CR^Compte rendu||Pas d'anomalie décelée.||||||F",
        f"OBX|2|ST|110180^Study Instance UID^DCM||{study}||||||F",
    ]
    return "\r".join(lines).encode("latin-1")


def read_at_the_practice(road: Road, folder: Path, control: str, accession: str) -> str:
    """Send an exam and let its report be sent back; gives the report's object."""
    lab = road.lab
    patient = f"T-{accession}"
    exam = small(folder, AccessionNumber=accession, PatientID=patient, PatientBirthDate="19700101")
    before, told = lab.station.stores(), len(road.entries(lab.practice, "report"))
    road.send([exam.path])
    wait_until(lambda: lab.station.stores() == before + 1, 60, "the image")
    path = folder / control
    path.write_bytes(report(control, exam.study))
    sender = [sys.executable, "-m", "tests.integration.hl7_sender", BOX_LAN_ADDRESS, str(HL7_PORT)]
    printed = LocalHost(lab.topology.practice_lan).run(["env", "-C", ROOT, *sender, path])
    assert json.loads(printed)[0][:3] == ["MSA", "AA", control]
    # The acknowledgement comes once it is durable; the ledger hears of it a moment later.
    wait_until(lambda: len(road.entries(lab.practice, "report")) > told, 60, "the ledger")
    return str(road.entries(lab.practice, "report")[-1].body["object"])


def said_of(road: Road, kind: str, name: str) -> list[dict[str, Any]]:
    """The bodies of the hospital's entries of a kind about one object."""
    entries = road.entries(road.lab.hospital, kind)
    return [each.body for each in entries if each.body.get("object") == name]


def test_a_report_reaches_a_hospital_that_has_only_a_pacs(road: Road, tmp_path: Path) -> None:
    """As a structured report under the hospital's own numbers."""
    folder = tmp_path / "pacs"
    folder.mkdir()
    with road.pacs(folder) as pacs:
        name = read_at_the_practice(road, tmp_path, "C0", "ACC0")
        wait_until(lambda: bool(said_of(road, "delivered", name)), 90, "the report at the PACS")
        (kept_one,) = pacs()
    raw = kept_one.data_set()
    assert b"1.2.840.10008.5.1.4.1.1.88.11" in raw
    assert "Pas d'anomalie décelée.".encode() in raw
    assert b"T-ACC0" in raw
    assert b"TH77" not in raw
    (delivered,) = said_of(road, "delivered", name)
    assert (delivered["destination"], delivered["document"]) == ("pacs", "report")
    road.wait_settled()


def test_a_report_reaches_the_ris_under_the_hospitals_numbers(road: Road, tmp_path: Path) -> None:
    hospital = road.lab.hospital
    desired = Desired.of(json.loads(hospital.cli("config", "show")))
    road.signer.load(hospital, with_ris(desired, PACS_ADDRESS, RIS_PORT))
    folder = tmp_path / "ris"
    with a_ris(road, folder):
        name = read_at_the_practice(road, tmp_path, "C1", "ACC1")
        wait_until(lambda: bool(said_of(road, "delivered", name)), 90, "the report at the RIS")
        (message,) = kept(folder)
    assert field(message, "MSH", 10) == "C1"
    assert (field(message, "PID", 3), field(message, "OBR", 18)) == ("T-ACC1^^^^PI", "ACC1")
    assert "TH77" not in message.decode()
    assert "décelée" in message.decode()
    assert field(message, "MSH", 18) == "UNICODE UTF-8"
    (delivered,) = said_of(road, "delivered", name)
    assert (delivered["acknowledged"], delivered["destination"]) == ("AA", "ris")
    assert "PID-3" in said_of(road, "coerced", name)[0]["what"]
    road.wait_settled()


def test_a_ris_that_dies_before_it_acknowledges_gets_the_same_message_again(
    road: Road, tmp_path: Path
) -> None:
    folder = tmp_path / "ris"
    with a_ris(road, folder, "dies"):
        name = read_at_the_practice(road, tmp_path, "C2", "ACC2")
        wait_until(lambda: len(kept(folder)) == 1, 60, "the message at the RIS")
    assert said_of(road, "delivered", name) == []
    with a_ris(road, folder):
        wait_until(lambda: bool(said_of(road, "delivered", name)), 120, "the report at the RIS")
    first, again = kept(folder)
    assert first == again
    assert field(again, "MSH", 10) == "C2"
    road.wait_settled()


def test_a_request_reaches_the_practices_ris_with_its_exam(road: Road, tmp_path: Path) -> None:
    """Ordered before the images came: it goes with them, and what the doctor wrote stays."""
    lab = road.lab
    desired = Desired.of(json.loads(lab.practice.cli("config", "show")))
    road.signer.load(lab.practice, with_ris(desired, STATION_ADDRESS, RIS_PORT))
    exam = small(tmp_path, AccessionNumber="ACC7", PatientID="T-7", PatientBirthDate="19700101")
    folder = tmp_path / "ris"
    with a_ris(road, folder, at_the_practice=True):
        path = tmp_path / "Q7"
        path.write_bytes(order("Q7", "ACC7", "T-7"))
        sender = [sys.executable, "-m", "tests.integration.hl7_sender", BOX_LAN_ADDRESS]
        printed = LocalHost(lab.topology.hospital_lan).run(
            ["env", "-C", ROOT, *sender, str(HL7_PORT), path]
        )
        assert json.loads(printed)[0][:3] == ["MSA", "AA", "Q7"]
        assert kept(folder) == []
        road.send([exam.path])
        wait_until(lambda: len(kept(folder)) == 1, 90, "the request at the practice's RIS")
    (message,) = kept(folder)
    assert (field(message, "MSH", 10), field(message, "PID", 3).split("^")[0]) == ("Q7", "T-7")
    assert "ESSAI^Zoé" in message.decode()
    road.wait_settled()
