"""What a practice sends back: an Encapsulated PDF with the exam's identities.

Source: PS3.3 A.45.1 (Encapsulated PDF IOD), PS3.3 C.24.2.
"""

from __future__ import annotations

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


def write_report(exam_file: Path, target: Path, lines: list[str], now: datetime) -> str:
    """Write a report on an exam as an Encapsulated PDF.

    Args:
        exam_file: any instance of the exam; its identities are taken over.
        lines: the text, one line of the page each.

    Returns:
        The report's SOP Instance UID.
    """
    exam = pydicom.dcmread(exam_file, stop_before_pixels=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report = FileDataset(str(target), {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword in _COPIED:
        if keyword in exam:
            report[keyword] = exam[keyword]
    _describe(report, meta, now)
    document = one_page_pdf(lines)
    report.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    report.EncapsulatedDocumentLength = len(document)
    report.save_as(target, enforce_file_format=True)
    return str(meta.MediaStorageSOPInstanceUID)


def _describe(report: Dataset, meta: FileMetaDataset, now: datetime) -> None:
    report.SOPClassUID = meta.MediaStorageSOPClassUID
    report.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    report.Modality = "DOC"
    report.SeriesInstanceUID = generate_uid()
    report.SeriesNumber = 9000
    report.InstanceNumber = 1
    report.Manufacturer = "Bocage demonstration"
    report.ContentDate = report.AcquisitionDateTime = now.strftime("%Y%m%d")
    report.ContentTime = now.strftime("%H%M%S")
    report.ConversionType = "SYN"
    report.BurnedInAnnotation = "YES"
    report.DocumentTitle = "Report"
    report.ConceptNameCodeSequence = [_code("18748-4", "LN", "Diagnostic imaging study")]
    report.MIMETypeOfEncapsulatedDocument = "application/pdf"


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
