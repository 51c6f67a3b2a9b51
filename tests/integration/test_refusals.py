"""Whoever may not send is refused with a reason, and nothing of theirs is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest

from bocage_provisioning.lab.desired import MODALITY_AET, REPORT_AET, ROUTINE_AET
from bocage_provisioning.lab.topology import PACS_ADDRESS, STRANGER_ADDRESS
from tests.integration.files import small
from tests.integration.road import Road, wait_for

pytestmark = pytest.mark.integration

CANNOT_UNDERSTAND = range(0xC000, 0xD000)
IDENTITY_DIFFERS = 0xA900
INVALID_UID = 0x0117


def objects(road: Road) -> int:
    """Count the objects the hospital's spool ever had."""
    return len(road.entries(road.lab.hospital, "received"))


@pytest.mark.parametrize(
    ("calling_aet", "called_aet"),
    [("STRANGER", ROUTINE_AET), (MODALITY_AET, "NOWHERE"), (MODALITY_AET, REPORT_AET)],
    ids=["unknown caller", "unknown service", "service of the other site"],
)
def test_an_association_that_is_not_known_is_rejected(
    road: Road, tmp_path: Path, calling_aet: str, called_aet: str
) -> None:
    """By calling and called AE title; an entry says so, the log too."""
    before = objects(road)
    said = road.associate([small(tmp_path).path], called_aet, calling_aet)
    assert said == {"associated": False, "rejected": True, "answers": {}}
    assert objects(road) == before
    # Refusals of one kind are gathered for a minute before they are written down.
    assert "refused" in road.lab.hospital.log("receive")


@pytest.mark.parametrize(
    ("source", "rejected"),
    [(PACS_ADDRESS, True), (STRANGER_ADDRESS, False)],
    ids=["PACS", "nobody"],
)
def test_the_right_title_from_the_wrong_address_is_rejected(
    road: Road, tmp_path: Path, source: str, rejected: bool
) -> None:
    """By the box where the address belongs to another caller, by the firewall where to none."""
    before = objects(road)
    said = road.associate([small(tmp_path).path], ROUTINE_AET, MODALITY_AET, source=source)
    assert said == {"associated": False, "rejected": rejected, "answers": {}}
    assert objects(road) == before


def test_bad_instances_are_refused_with_words_and_their_neighbours_pass(
    road: Road, tmp_path: Path
) -> None:
    """Cut short, without a study, another identity inside: each its own status and comment."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    good, cut, foreign, lost = (small(sent) for _ in range(4))
    cut.path.write_bytes(cut.path.read_bytes()[:-1000])
    ds = pydicom.dcmread(foreign.path)
    ds.SOPInstanceUID = pydicom.uid.generate_uid()
    ds.save_as(foreign.path)
    ds = pydicom.dcmread(lost.path)
    del ds.StudyInstanceUID
    ds.save_as(lost.path)
    last = small(sent)
    with road.station(kept) as station:
        answers = road.send([file.path for file in (good, cut, foreign, lost, last)])
        wait_for(station, [good.sop_instance, last.sop_instance])
    assert [answer.status for answer in (answers[0], answers[4])] == [0, 0]
    assert answers[1].status in CANNOT_UNDERSTAND
    assert answers[2].status == IDENTITY_DIFFERS
    assert answers[3].status in CANNOT_UNDERSTAND
    assert all(answers[place].comment for place in (1, 2, 3))
    road.wait_settled()
    road.verify_spools()


def test_the_doctor_sees_a_working_box(road: Road) -> None:
    """Tunnel, partner, stations, spool, lock: nothing is bad on either side."""
    for box in (road.lab.hospital, road.lab.practice):
        said = json.loads(box.cli("doctor", "--json", ok=(0, 1, 2)))
        bad = [finding for finding in said["findings"] if finding["level"] == "bad"]
        assert not bad
        subjects = {finding["subject"].split()[0] for finding in said["findings"]}
        wanted = {"tunnel", "MTU", "partner", "relay", "lock", "AE", "spool", "clock", "keeper"}
        assert wanted <= subjects
