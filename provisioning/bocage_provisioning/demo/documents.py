"""The papers around an exam: its request and its report, as Encapsulated PDFs with its identities.

Source: PS3.3 A.45.1 (Encapsulated PDF IOD), PS3.3 C.24.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)


@dataclass(frozen=True, slots=True)
class _Paper:
    """What kind of document it is: a concept (LOINC), and how it came about (PS3.3 C.8.6.1)."""

    title: str
    code: str
    meaning: str
    conversion: str


_REQUEST = _Paper("Request", "55115-0", "Requested imaging studies information Document", "SD")
_REPORT = _Paper("Report", "18748-4", "Diagnostic imaging study", "SYN")


def write_request(exam_file: Path, target: Path, lines: list[str], now: datetime) -> str:
    """Write the request of an exam as if it had been scanned; see `write_report`."""
    return _write(_REQUEST, exam_file, target, lines, now)


def write_report(exam_file: Path, target: Path, lines: list[str], now: datetime) -> str:
    """Write a report on an exam as an Encapsulated PDF.

    Args:
        exam_file: any instance of the exam; its identities are taken over.
        lines: the text, one line of the page each.

    Returns:
        The document's SOP Instance UID.
    """
    return _write(_REPORT, exam_file, target, lines, now)


def _write(paper: _Paper, exam_file: Path, target: Path, lines: list[str], now: datetime) -> str:
    exam = pydicom.dcmread(exam_file, stop_before_pixels=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = FileDataset(str(target), {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword in _COPIED:
        if keyword in exam:
            written[keyword] = exam[keyword]
    _describe(written, paper, meta, now)
    document = one_page_pdf(lines)
    written.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    written.EncapsulatedDocumentLength = len(document)
    written.save_as(target, enforce_file_format=True)
    return str(meta.MediaStorageSOPInstanceUID)


def _describe(written: Dataset, paper: _Paper, meta: FileMetaDataset, now: datetime) -> None:
    written.SOPClassUID = meta.MediaStorageSOPClassUID
    written.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    written.Modality = "DOC"
    written.SeriesInstanceUID = generate_uid()
    written.SeriesNumber = 9000
    written.InstanceNumber = 1
    written.Manufacturer = "Bocage demonstration"
    written.ContentDate = written.AcquisitionDateTime = now.strftime("%Y%m%d")
    written.ContentTime = now.strftime("%H%M%S")
    written.ConversionType = paper.conversion
    written.BurnedInAnnotation = "YES"
    written.DocumentTitle = paper.title
    written.ConceptNameCodeSequence = [_code(paper.code, "LN", paper.meaning)]
    written.MIMETypeOfEncapsulatedDocument = "application/pdf"


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodeMeaning = meaning
    return code


def one_page_pdf(lines: list[str]) -> bytes:
    """Write a one-page PDF of plain Latin-1 text. Source: ISO 32000-1 §7.5."""
    shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines)
    content = f"BT /F1 12 Tf 16 TL 72 770 Td\n{shown}ET\n".encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%bendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    document += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(document)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
