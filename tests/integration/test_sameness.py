"""The same instance again is one object; other content under its UID is kept beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, ROUTINE_AET, URGENT_AET
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS
from bocage_system.command import LocalHost
from tests.integration.files import CR, KEY_OBJECT, File, renewed, small, test_file
from tests.integration.road import ROOT, Road, kept_in, wait_for

pytestmark = pytest.mark.integration

MR = test_file("MR2_UNCI.dcm")
REJECTIONS = (
    ("113001", "Rejected for Quality Reasons"),
    ("113037", "Rejected for Patient Safety Reasons"),
    ("113038", "Incorrect Modality Worklist Entry"),
    ("113039", "Data Retention Policy Expired"),
)


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


def test_a_sender_that_gives_up_and_sends_again_makes_no_double(road: Road, tmp_path: Path) -> None:
    """Aborted in mid data set, and after the last fragment without a look at the answer."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    files = [small(sent), renewed(test_file("CT_small.dcm"), sent), renewed(MR, sent)]
    before = len(road.entries(road.lab.hospital, "received"))
    words = [BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET, ROUTINE_AET]
    words += [str(file.path) for file in files]
    argv = ["env", "-C", str(ROOT), sys.executable, "-m", "tests.integration.impatient", *words]
    with road.station(kept) as station:
        printed = LocalHost(road.lab.topology.hospital_lan).run(argv, timeout_s=60)
        assert set(json.loads(printed).values()) == {0}
        there = wait_for(station, [file.sop_instance for file in files])
        road.wait_settled()
        assert len(kept_in(kept)) == len(files)
    assert all(there[file.sop_instance].data_set() == file.data_set() for file in files)
    assert len(road.entries(road.lab.hospital, "received")) == before + len(files)
    road.verify_spools()


def test_a_note_that_rejects_an_instance_follows_it(road: Road, tmp_path: Path) -> None:
    """A key object by which an archive takes something back (IHE RAD TF-3 4.66) crosses as it is.

    What it means is for the station to act on; here nothing is taken away, and a second note on the
    same instance is another object.
    """
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    image = small(sent)
    with road.station(kept) as station:
        assert [answer.status for answer in road.send([image.path])] == [0]
        road.wait_settled()
        notes = [rejection(sent, image, *reason) for reason in REJECTIONS]
        answers = road.send([note.path for note in notes])
        assert {answer.status for answer in answers} == {0}
        there = wait_for(station, [each.sop_instance for each in (image, *notes)])
        road.wait_settled()
    assert all(there[note.sop_instance].data_set() == note.data_set() for note in notes)
    road.verify_spools()


def rejection(folder: Path, image: File, code: str, meaning: str) -> File:
    """Write a rejection note on an instance. Source: PS3.3 A.35.4; PS3.16 CID 7011."""
    title, instance, series, study = Dataset(), Dataset(), Dataset(), Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = code, "DCM", meaning
    instance.ReferencedSOPClassUID = CR
    instance.ReferencedSOPInstanceUID = image.sop_instance
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "2.25.1", [instance]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = image.study, [series]
    return small(
        folder,
        sop_class=KEY_OBJECT,
        study=image.study,
        pixels=False,
        Modality="KO",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=[title],
        CurrentRequestedProcedureEvidenceSequence=[study],
    )


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
