"""Each site's own audit repository hears of its exams, however long it was away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bocage_contract.configuration import Desired
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import MODALITY_AET, ROUTINE_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import PACS_ADDRESS, STATION_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from tests.edge.audit.schema import faults
from tests.fakes.collector import Message, credentials
from tests.integration.canary import INSIDE_A_SEAL, Marks, Search, files_below, marked
from tests.integration.files import File
from tests.integration.repository import NAME, Repository
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

QUIET_S = 2
BEGIN, TRANSFERRED, ALERT, ACTIVITY = "110102", "110104", "110113", "110100"
TOLD_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Audited:
    """A road whose two sites have a repository each."""

    road: Road
    hospital: Repository
    practice: Repository


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Both boxes know their site's repository; neither repository runs yet."""
    folder = tmp_path_factory.mktemp("repositories")
    with a_road("audited", Laboratory("audited", line=Line(rate_mbit=0, delay_ms=5))) as up:
        lab = up.lab
        hospital = Repository(
            folder / "hospital", PACS_ADDRESS, lab.topology.hospital_lan, credentials(NAME)
        )
        practice = Repository(
            folder / "practice", STATION_ADDRESS, lab.topology.practice_lan, credentials(NAME)
        )
        for box, repository in ((lab.hospital, hospital), (lab.practice, practice)):
            _configure(up, box, repository)
        yield Audited(up, hospital, practice)


def _configure(road: Road, box: LabBox, repository: Repository) -> None:
    document = json.loads(box.cli("config", "show"))
    document["revision"] += 1
    document["receive"]["quiet_s"] = QUIET_S
    document["audit"] = repository.configuration()
    road.signer.load(box, Desired.of(document))
    wait_until(
        lambda: (
            (box.status("deliver") or {}).get("audit") is not None
            and (box.status("link") or {}).get("revision") == document["revision"]
        ),
        30,
        "the new configuration",
    )


def kinds(messages: list[Message], study: str) -> list[tuple[str, str, str, int]]:
    """List event, source and destination of what was told of a study, and how many instances."""
    found = []
    for each in messages:
        root = ET.fromstring(each.xml)  # noqa: S314 - ours
        objects = [it.attrib["ParticipantObjectID"] for it in root.iter(OBJECT)]
        if study in objects:
            ends = [it.attrib["UserID"].split("-")[0] for it in root.iter("ActiveParticipant")]
            counts = [int(it.attrib["NumberOfInstances"]) for it in root.iter("SOPClass")]
            found.append((event(each), ends[0], ends[1], sum(counts)))
    return found


OBJECT = "ParticipantObjectIdentification"


def event(message: Message) -> str:
    """Give the code of a message's event."""
    code = ET.fromstring(message.xml).find("EventIdentification/EventID")  # noqa: S314 - ours
    assert code is not None
    return code.attrib["csd-code"]


def traces(road: Road, marks: Marks) -> list[str]:
    """Search everything both boxes have."""
    boxes = (road.lab.hospital, road.lab.practice)
    own = [folder for box in boxes for folder in (box.state, box.run)] + [road.lab.disk / "logs"]
    return Search(marks, (INSIDE_A_SEAL,)).through(files_below(own))


def send(road: Road, folder: Path, marks: Marks, number: int) -> File:
    """Send one exam of one instance."""
    file = marked(folder, marks, number)
    assert [answer.status for answer in road.send([file.path], ROUTINE_AET)] == [0]
    return file


def wait_told(repository: Repository, study: str, count: int) -> list[tuple[str, str, str, int]]:
    """Wait until so many messages of a study are there."""
    wait_until(
        lambda: len(kinds(repository.messages(), study)) >= count, TOLD_TIMEOUT_S, "the messages"
    )
    return kinds(repository.messages(), study)


def test_both_sites_hear_of_an_exam_and_nothing_of_it_is_left_in_the_open(
    audited: Audited, tmp_path: Path
) -> None:
    road, marks = audited.road, Marks.new()
    with audited.hospital.up(), audited.practice.up():
        file = send(road, tmp_path, marks, 1)
        road.wait_settled()
        assert sorted(wait_told(audited.hospital, file.study, 3)) == [
            (BEGIN, "hospital", "practice", 0),
            (TRANSFERRED, MODALITY_AET, "hospital", 1),
            (TRANSFERRED, "hospital", "practice", 0),
        ]
        assert sorted(wait_told(audited.practice, file.study, 2)) == [
            (BEGIN, "practice", "STATION", 0),
            (TRANSFERRED, "practice", "STATION", 1),
        ]
        messages = audited.hospital.messages() + audited.practice.messages()
    assert [fault for each in messages for fault in faults(each.xml)] == []
    # The repositories know whose exam it was: the search would find it.
    assert Search(marks).through(files_below([audited.hospital.folder]))
    assert traces(road, marks) == []
    road.verify_spools()


def test_a_repository_that_was_away_misses_nothing(audited: Audited, tmp_path: Path) -> None:
    """Exams, a refused association, kill -9 and a power cut meanwhile; then all of it, in order."""
    road, marks = audited.road, Marks.new()
    box = road.lab.hospital
    known = len(audited.hospital.messages())
    first = send(road, tmp_path, marks, 11)
    said = road.associate([first.path], "NOWHERE", MODALITY_AET)
    assert said["associated"] is False
    box.wait_restarted("deliver", box.kill("deliver"))
    studies = [first.study, send(road, tmp_path, marks, 12).study]
    wait_until(lambda: _audit(box).get("unreachable_since") is not None, 60, "a failed attempt")
    road.wait_settled()
    box.cut_power()
    box.boot()
    wait_until(lambda: _audit(box).get("locked") is True, 60, "the box to say that it is locked")
    box.unlock()
    assert len(audited.hospital.messages()) == known
    assert traces(road, marks) == []
    with audited.hospital.up():
        for study in studies:
            assert len(wait_told(audited.hospital, study, 3)) == 3
        wait_until(lambda: _audit(box).get("waiting") == 0, TOLD_TIMEOUT_S, "an empty queue")
        messages = audited.hospital.messages()
    numbers = list(dict.fromkeys(each.number for each in messages))
    assert numbers == list(range(1, numbers[-1] + 1))
    assert {ALERT, ACTIVITY} <= {event(each) for each in messages[known:]}
    assert _audit(box)["unreachable_since"] is None


def _audit(box: LabBox) -> dict[str, object]:
    said = (box.status("deliver") or {}).get("audit")
    return said if isinstance(said, dict) else {}
