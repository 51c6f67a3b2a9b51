"""Storage commitment on the road: success is said once the station has it, and not before."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from bocage_contract.configuration import Desired
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import BOX_AET, DICOM_PORT, MODALITY_AET, ROUTINE_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, MODALITY_ADDRESS, Line
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import LocalHost, spawn
from tests.integration.files import CR, File, small
from tests.integration.road import ROOT, Road, a_road
from tests.integration.two_hospitals import Archive, an_orthanc

pytestmark = pytest.mark.integration

RESULT_PORT = 11114
TOLD_WITHIN_S = 120.0

Results = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    """A laboratory whose modality may ask for storage commitment."""
    lab = Laboratory("commit", line=Line(rate_mbit=0, delay_ms=5))
    with a_road("commit", lab) as up:
        configure(up, up.lab.hospital, ask_modality)
        yield up


def ask_modality(document: dict[str, Any]) -> None:
    document["receive"]["callers"][0]["commitment"] = {
        "aet": MODALITY_AET,
        "host": MODALITY_ADDRESS,
        "port": RESULT_PORT,
        "unknown_after_s": 2,
    }


def configure(road: Road, box: LabBox, change: Callable[[dict[str, Any]], None]) -> None:
    """Put a changed configuration in force, and wait until every unit works by it."""
    document = json.loads(box.cli("config", "show"))
    document["revision"] += 1
    change(document)
    road.signer.load(box, Desired.of(document))
    for unit in ("receive", "deliver", "link"):
        wait_until(
            lambda unit=unit: (  # type: ignore[misc]
                (box.status(unit) or {}).get("revision") == document["revision"]
            ),
            30,
            f"{unit} to work by the new configuration",
        )


@contextmanager
def modality_listens(road: Road, folder: Path) -> Iterator[Results]:
    """Let the modality take results."""
    child = spawn(
        [
            *(sys.executable, "-m", "tests.integration.asker", "listen"),
            *(MODALITY_ADDRESS, str(RESULT_PORT), str(folder)),
        ],
        namespace=road.lab.topology.hospital_lan,
        cwd=ROOT,
    )
    try:
        table = Path(f"/proc/{child.pid}/net/tcp")
        wait_until(lambda: RESULT_PORT in listening_ports(table.read_text()), 20, "the modality")
        yield lambda: [json.loads(each.read_text()) for each in sorted(folder.glob("*.json"))]
    finally:
        child.kill_group()
        child.wait(10)


def ask(road: Road, transaction: str, uids: Sequence[str]) -> int | None:
    """Ask from the modality for the commitment of CR instances; give the status."""
    printed = LocalHost(road.lab.topology.hospital_lan).run(
        [
            *("env", "-C", ROOT, sys.executable, "-m", "tests.integration.asker", "ask"),
            *(BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET, ROUTINE_AET, transaction),
            *(f"{CR}:{uid}" for uid in uids),
        ],
        timeout_s=60,
    )
    status: int | None = json.loads(printed.splitlines()[-1])
    return status


def sent(road: Road, folder: Path, count: int) -> list[File]:
    """Send some instances; all are acknowledged."""
    folder.mkdir()
    files = [small(folder, InstanceNumber=number) for number in range(count)]
    assert {answer.status for answer in road.send([file.path for file in files])} == {0}
    return files


def open_requests(box: LabBox) -> list[tuple[str, int]]:
    """What the box says is open: state and number."""
    said = (box.status("deliver") or {}).get("commitment", [])
    return [(each["state"], each["requests"]) for each in said]


def owed(box: LabBox) -> list[tuple[str, int]]:
    """What the box says its stations owe or have lost: state and number."""
    said = ((box.status("deliver") or {}).get("vouching") or {}).get("stations", [])
    return [(each["state"], each["objects"]) for each in said]


@contextmanager
def station_is_asked(road: Road) -> Iterator[None]:
    """Let the practice's box ask its station for commitment."""

    def change(document: dict[str, Any], is_on: bool) -> None:
        document["destinations"][0]["commitment"] = is_on

    configure(road, road.lab.practice, lambda document: change(document, True))
    try:
        yield
    finally:
        configure(road, road.lab.practice, lambda document: change(document, False))


def delete(archive: Archive, uid: str) -> None:
    """Let the station lose an instance."""
    for each in archive.ask("/instances"):
        if archive.ask(f"/instances/{each}")["MainDicomTags"]["SOPInstanceUID"] == uid:
            url = f"http://127.0.0.1:8042/instances/{each}"
            host = LocalHost(archive.lab.topology.practice_lan)
            host.run(["curl", "-sS", "--request", "DELETE", url])


def stored(archive: Archive) -> set[str]:
    """What the station has."""
    return {
        archive.ask(f"/instances/{each}")["MainDicomTags"]["SOPInstanceUID"]
        for each in archive.ask("/instances")
    }


@pytest.mark.skipif(shutil.which("Orthanc") is None, reason="Orthanc is not installed")
def test_a_station_vouches_for_what_it_has_and_what_it_lost_may_be_sent_again(
    road: Road, tmp_path: Path
) -> None:
    """An Orthanc, asked by the practice's box; it answers over an association of its own."""
    hospital, practice = road.lab.hospital, road.lab.practice
    results = tmp_path / "results"
    results.mkdir()
    before = len(road.entries(practice, "committed"))
    box = {"box": [BOX_AET, BOX_LAN_ADDRESS, DICOM_PORT]}
    with (
        an_orthanc(road.lab, DicomModalities=box) as archive,
        modality_listens(road, results) as told,
        station_is_asked(road),
    ):
        kept, lost = sent(road, tmp_path / "sent", 2)
        both = {kept.sop_instance, lost.sop_instance}
        assert ask(road, generate_uid(), sorted(both)) == 0
        wait_until(lambda: stored(archive) == both, 90, "both to be delivered")
        delete(archive, lost.sop_instance)
        wait_until(lambda: len(road.entries(practice, "committed")) == before + 2, 90, "its word")
        said = [entry.body for entry in road.entries(practice, "committed")[before:]]
        assert sorted(body["ok"] for body in said) == [False, True]
        wait_until(lambda: bool(told()), TOLD_WITHIN_S, "the result")
        (result,) = told()
        assert result["committed"] == [kept.sop_instance]
        assert result["failed"] == {lost.sop_instance: 0x0110}
        wait_until(lambda: owed(practice) == [("failed", 1)], 20, "an alarm")
        assert "lost it" in hospital.cli("spool", "again")
        # Sent again it is no instance that we have: it travels, and the station has it for good.
        assert [answer.status for answer in road.send([lost.path])] == [0]
        wait_until(lambda: stored(archive) == both, 90, "it to be delivered again")
        wait_until(lambda: len(road.entries(practice, "committed")) == before + 3, 90, "its word")
        assert road.entries(practice, "committed")[-1].body["ok"] is True
        assert hospital.cli("spool", "again") == ""
        wait_until(lambda: owed(practice) == [], 20, "the end of the alarm")
    road.wait_settled()
    road.verify_spools()


def test_success_is_said_once_the_station_has_it_whatever_is_killed(
    road: Road, tmp_path: Path
) -> None:
    hospital, practice = road.lab.hospital, road.lab.practice
    results = tmp_path / "results"
    results.mkdir()
    transaction = generate_uid()
    delivered = len(road.entries(practice, "delivered"))
    asked = len(road.entries(hospital, "commitment_asked"))
    answered = len(road.entries(hospital, "committed"))
    road.lab.stop_peer(road.lab.station)
    stopped = True
    try:
        with modality_listens(road, results) as told:
            files = sent(road, tmp_path / "sent", 3)
            uids = [file.sop_instance for file in files]
            assert ask(road, transaction, uids) == 0
            wait_until(lambda: open_requests(hospital) == [("waiting", 1)], 30, "it to be open")
            for unit in ("receive", "deliver"):
                hospital.wait_restarted(unit, hospital.kill(unit))
            practice.wait_restarted("deliver", practice.kill("deliver"))
            hospital.wait_listening("receive", DICOM_PORT)
            # The answer may have been lost in the blow: asked again it is the same request.
            assert ask(road, transaction, uids) == 0
            wait_until(lambda: open_requests(hospital) == [("waiting", 1)], 30, "it to be open")
            assert len(road.entries(practice, "delivered")) == delivered
            assert told() == []
            road.lab.start_peer(road.lab.station)
            stopped = False
            wait_until(lambda: bool(told()), TOLD_WITHIN_S, "the result")
            assert len(road.entries(practice, "delivered")) == delivered + 3
            (result,) = told()
    finally:
        if stopped:
            road.lab.start_peer(road.lab.station)
    assert (result["event"], result["transaction"]) == (1, transaction)
    assert (set(result["committed"]), result["failed"]) == (set(uids), {})
    assert result["from"] == ROUTINE_AET
    wait_until(lambda: len(road.entries(hospital, "committed")) > answered, 30, "its entry")
    assert len(road.entries(hospital, "commitment_asked")) == asked + 1
    (entry,) = road.entries(hospital, "committed")[answered:]
    assert (entry.body["ok"], entry.body["instances"], entry.body["failed"]) == (True, 3, 0)
    wait_until(lambda: open_requests(hospital) == [], 20, "nothing to be open")
    road.wait_settled()
    road.verify_spools()


def test_an_instance_that_never_came_is_said_to_have_failed(road: Road, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    unknown = generate_uid()
    with modality_listens(road, results) as told:
        (file,) = sent(road, tmp_path / "sent", 1)
        assert ask(road, generate_uid(), [file.sop_instance, unknown]) == 0
        wait_until(lambda: bool(told()), TOLD_WITHIN_S, "the result")
    (result,) = told()
    assert result["event"] == 2
    assert result["committed"] == [file.sop_instance]
    assert result["failed"] == {unknown: 0x0112}
    road.verify_spools()


def test_a_result_waits_for_the_paper_code_and_for_the_modality(road: Road, tmp_path: Path) -> None:
    """A locked box decides; what it has to say it says once it is unlocked and somebody listens."""
    hospital = road.lab.hospital
    results = tmp_path / "results"
    results.mkdir()
    hospital.cut_power()
    hospital.boot()
    hospital.wait_listening("receive", DICOM_PORT)
    with modality_listens(road, results) as told:
        (file,) = sent(road, tmp_path / "sent", 1)
        assert ask(road, generate_uid(), [file.sop_instance]) == 0
        wait_until(lambda: open_requests(hospital) == [("decided", 1)], 90, "it to be decided")
        assert told() == []
        hospital.unlock()
        wait_until(lambda: bool(told()), TOLD_WITHIN_S, "the result")
    assert told()[0]["event"] == 1
    road.wait_settled()
    road.verify_spools()
