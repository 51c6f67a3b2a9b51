"""The same instance again is one object; other content under its UID is kept beside it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from bocage_provisioning.lab.desired import ROUTINE_AET, URGENT_AET
from bocage_system.command import LocalHost
from tests.integration.files import File, renewed, small, test_file
from tests.integration.road import Road, kept_in, wait_for

pytestmark = pytest.mark.integration


def recoded(file: File, folder: Path, program: list[str]) -> Path:
    """Let DCMTK write the same instance in another transfer syntax, as a PACS does."""
    path = folder / f"{file.sop_instance}-{program[0]}{'-'.join(program[1:])}.dcm"
    LocalHost().run([*program, file.path, path])
    return path


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR2_UNCI.dcm", "RG3_UNCI.dcm"])
def test_an_instance_that_a_pacs_sends_again_is_one_object(
    road: Road, tmp_path: Path, name: str
) -> None:
    """The same bytes, and the same content in JPEG lossless, JPEG-LS, RLE and implicit VR."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    file = renewed(test_file(name), sent)
    again = [
        file.path,
        recoded(file, sent, ["dcmcjpeg", "+e1"]),
        recoded(file, sent, ["dcmcjpls"]),
        recoded(file, sent, ["dcmcrle"]),
        recoded(file, sent, ["dcmconv", "+ti"]),
    ]
    before = len(road.entries(road.lab.hospital, "received"))
    with road.station(kept) as station:
        for path in (file.path, *again):
            assert [answer.status for answer in road.send([path])] == [0]
        wait_for(station, [file.sop_instance])
        road.wait_settled()
        assert len(kept_in(kept)) == 1
    assert len(road.entries(road.lab.hospital, "received")) == before + 1
    assert len(road.entries(road.lab.hospital, "same_again")) >= len(again)
    road.verify_spools()


def test_other_content_under_a_known_uid_is_kept_beside_it(road: Road, tmp_path: Path) -> None:
    """Nothing is overwritten; both arrive, and the ledger says so."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    first = small(sent)
    second = small(
        sent, uid=first.sop_instance, study=first.study, PatientComments="corrected afterwards"
    )
    before = len(road.entries(road.lab.hospital, "changed_content"))
    with road.station(kept) as station:
        assert [answer.status for answer in road.send([first.path])] == [0]
        assert [answer.status for answer in road.send([second.path])] == [0]
        road.wait_settled()
        there = {found.data_set() for found in station()}
    assert there == {first.data_set(), second.data_set()}
    assert len(road.entries(road.lab.hospital, "changed_content")) == before + 1
    status = road.lab.hospital.status("receive")
    assert status is not None
    assert status["last_alarm"]
    road.verify_spools()


def test_one_study_to_two_services_travels_once_in_the_more_urgent_class(
    road: Road, tmp_path: Path
) -> None:
    """Several studies on one association, and the same one again by the urgent service."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    studies = [pydicom.uid.generate_uid() for _ in range(3)]
    files = [small(sent, study=study, InstanceNumber=n) for n in range(4) for study in studies]
    lab = road.lab
    raised = len(road.entries(lab.hospital, "raised"))
    again = len(road.entries(lab.hospital, "same_again"))
    known = len(road.entries(lab.hospital, "exam"))
    with road.station(kept) as station:
        lab.cut()
        try:
            for service in (ROUTINE_AET, URGENT_AET):
                answers = road.send([file.path for file in files], service)
                assert {answer.status for answer in answers} == {0}
        finally:
            lab.restore()
        wait_for(station, [file.sop_instance for file in files])
        road.wait_settled()
        assert len(station()) == len(files)
    # The first instance of each takes the whole exam with it: the rest is the same again, no more.
    assert len(road.entries(lab.hospital, "raised")) == raised + len(studies)
    assert len(road.entries(lab.hospital, "same_again")) == again + len(files)
    exams = [each.body["why"] for each in road.entries(lab.hospital, "exam")[known:]]
    assert sorted(exams) == ["new"] * len(studies) + ["raised"] * len(studies)
    road.verify_spools()
