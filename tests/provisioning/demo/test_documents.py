"""The report a practice sends back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from bocage_provisioning.demo.documents import one_page_pdf, write_report


def test_a_report_carries_the_exams_identities(tmp_path: Path) -> None:
    """And the document, padded to an even length as the standard wants it."""
    exam_file = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(exam_file, str)
    exam = pydicom.dcmread(exam_file)
    uid = write_report(Path(exam_file), tmp_path / "r.dcm", ["x"], datetime(2026, 11, 24, 8, 30))
    report = pydicom.dcmread(tmp_path / "r.dcm")
    assert report.SOPInstanceUID == uid != exam.SOPInstanceUID
    assert report.StudyInstanceUID == exam.StudyInstanceUID
    assert report.PatientID == exam.PatientID
    assert report.SeriesInstanceUID != exam.SeriesInstanceUID
    assert (report.ContentDate, report.ContentTime) == ("20261124", "083000")
    assert report.EncapsulatedDocument[: report.EncapsulatedDocumentLength] == one_page_pdf(["x"])
    assert len(report.EncapsulatedDocument) % 2 == 0


@pytest.mark.parametrize("lines", [[], ["(a\\b)"], ["Élève", "deux"], ["\u4e2d"]])
def test_a_page_has_the_frame_of_a_pdf(lines: list[str]) -> None:
    """Every object stands where the table says, whatever the text."""
    pdf = one_page_pdf(lines)
    start = int(pdf.split(b"startxref\n")[1].split(b"\n")[0])
    assert pdf[start:].startswith(b"xref\n0 6\n")
    for number, line in enumerate(pdf[start:].splitlines()[3:8], 1):
        assert pdf[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
