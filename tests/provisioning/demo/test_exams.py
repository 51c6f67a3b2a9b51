"""What the demonstration sends."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.uid import EncapsulatedPDFStorage

from bocage_provisioning.demo.exams import outage_exams, planned_exams

NOW = datetime(2026, 12, 1, 8, 5)


def test_each_exam_goes_with_its_request_and_the_first_with_a_prior(tmp_path: Path) -> None:
    """A request is of the exam's study and person; the prior of the same person, a year older."""
    prior, first, *_others = exams = planned_exams(tmp_path, NOW)
    assert [exam.is_prior for exam in exams] == [True] + 5 * [False]
    for exam in exams[1:]:
        image, request = (pydicom.dcmread(path) for path in exam.instances.values())
        assert request.SOPClassUID == EncapsulatedPDFStorage
        assert request.DocumentTitle == "Request"
        assert request.StudyInstanceUID == image.StudyInstanceUID == exam.study_uid
        assert request.PatientID == image.PatientID
    old, new = pydicom.dcmread(prior.image), pydicom.dcmread(first.image)
    assert old.PatientID == new.PatientID
    assert old.StudyInstanceUID != new.StudyInstanceUID
    assert int(new.StudyDate[:4]) - int(old.StudyDate[:4]) == 1


def test_what_goes_over_after_the_outage_is_new(tmp_path: Path) -> None:
    """The urgent one last, and nothing of it was sent before."""
    exams, late = planned_exams(tmp_path, NOW), outage_exams(tmp_path, NOW)
    assert [exam.service for exam in late] == ["FLERS", "FLERS_URG"]
    sent = [uid for exam in (*exams, *late) for uid in exam.instances]
    assert len(set(sent)) == len(sent)
