"""A report that came as HL7, made into DICOM instances for a site that has only a PACS. Pure.

Each PDF and CDA becomes an encapsulated document; a report that is text only becomes a Basic Text
SR. Everything in an instance follows from the report's object: a retry makes the same instance,
byte for byte, under the same UID.

Source: PS3.3 A.45.1 (Encapsulated PDF), A.45.2 (Encapsulated CDA), A.35.1 (Basic Text SR), C.24
(encapsulated document), C.17 (SR document); PS3.16 (126000, 121071); PS3.5 B.2 (UIDs of UUIDs).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from bocage_contract.coercion import MAX_ACCESSION, MAX_PATIENT_ID
from bocage_contract.report_state import ReportState
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.reading import Document, Report
from bocage_edge.seal.syntax import EXPLICIT_LITTLE

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
ENCAPSULATED_CDA = "1.2.840.10008.5.1.4.1.1.104.2"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
_CLASSES = {"application/pdf": ENCAPSULATED_PDF, "text/xml": ENCAPSULATED_CDA}
# The first id of a CDA's header: root, and extension where it has one.
_CDA_ID = re.compile(rb"<(?:\w+:)?id\s([^<>]{1,512})/?>")
_WORD = re.compile(rb"(root|extension)\s*=\s*[\"']([^\"'<>&]{1,128})[\"']")
_LOOKED_AT_BYTES = 64 * 1024
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SERIES_NUMBER = 1
_MOMENT = re.compile(r"\d{8}(?:\d{6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """One instance, as a lane sends it."""

    sop_class: str
    sop_instance: str
    data_set: bytes
    transfer_syntax: str = EXPLICIT_LITTLE
    is_instance: bool = True

    def dataset(self) -> Iterator[bytes]:
        """Give its bytes."""
        yield self.data_set


def instances_of(report: Report, own: Identities, digest: str, at: str) -> list[Made]:
    """Make the instances of a report.

    Args:
        own: whose it is, as the site calls it.
        digest: of the report's object, hex.
        at: when it was written, as MSH-7 has it.

    Raises:
        Hl7Error: nothing of it can be made, or its study is not known.
    """
    if not own.study_uid:
        raise Hl7Error(
            "its exam's Study Instance UID is not known, so it cannot be made into DICOM"
        )
    documents = [each for each in report.documents if each.media_type in _CLASSES]
    if not documents and not report.text:
        raise Hl7Error("it has neither a PDF nor a CDA nor a text to make a DICOM instance of")
    found = _MOMENT.match(at)
    at = found[0] if found else ""
    made = []
    for number, document in enumerate(documents, 1):
        data_set = _common(report, own, digest, at, number)
        _encapsulate(data_set, document, report)
        made.append(_written(data_set, _CLASSES[document.media_type]))
    if not made:
        data_set = _common(report, own, digest, at, 1)
        _as_text(data_set, report)
        made.append(_written(data_set, BASIC_TEXT_SR))
    return made


def _common(report: Report, own: Identities, digest: str, at: str, number: int) -> Dataset:
    patient = next(iter([*own.patients, *map(Issued, own.ins)]), Issued(""))
    accession = next(iter(own.accessions), Issued(""))
    if len(patient.number) > MAX_PATIENT_ID or len(accession.number) > MAX_ACCESSION:
        raise Hl7Error("a number of its exam has more characters than DICOM has room for")
    said = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPInstanceUID": _uid(digest, f"instance {number}"),
        "PatientName": own.name,
        "PatientID": patient.number,
        "IssuerOfPatientID": patient.issuer,
        "PatientBirthDate": own.birth_date,
        "PatientSex": own.sex,
        "StudyInstanceUID": own.study_uid,
        "SeriesInstanceUID": _uid(digest, "series"),
        "AccessionNumber": accession.number,
        "SeriesDescription": report.title[:64],
        "Manufacturer": "Bocage",
        "SeriesNumber": str(_SERIES_NUMBER),
        "InstanceNumber": str(number),
        "ContentDate": at[:8],
        "ContentTime": at[8:14],
        # Type 2: not known of the study here, and nothing is made up.
        **dict.fromkeys(("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID"), ""),
    }
    return _filled(Dataset(), said)


def _encapsulate(data_set: Dataset, document: Document, report: Report) -> None:
    is_cda = document.media_type == "text/xml"
    said = {
        "Modality": "DOC",
        "ConversionType": "WSD",
        "BurnedInAnnotation": "YES",
        "AcquisitionDateTime": "",
        "DocumentTitle": report.title,
        "MIMETypeOfEncapsulatedDocument": document.media_type,
        **({"HL7InstanceIdentifier": _cda_id(document.data)} if is_cda else {}),
    }
    _filled(data_set, said)
    data_set.ConceptNameCodeSequence = Sequence([])
    data_set.EncapsulatedDocumentLength = len(document.data)
    data_set.EncapsulatedDocument = document.data + b"\0" * (len(document.data) & 1)


def _cda_id(cda: bytes) -> str:
    """Give the document's own id, as ROOT or ROOT^EXTENSION. Source: PS3.3 C.24.2."""
    found = _CDA_ID.search(cda[:_LOOKED_AT_BYTES])
    words = dict(_WORD.findall(found[1])) if found else {}
    parts = [words[name] for name in (b"root", b"extension") if name in words]
    return b"^".join(parts).decode("ascii", "replace")


def _as_text(data_set: Dataset, report: Report) -> None:
    is_partial = report.state is ReportState.PRELIMINARY
    said = {
        "Modality": "SR",
        "CompletionFlag": "PARTIAL" if is_partial else "COMPLETE",
        "PreliminaryFlag": "PRELIMINARY" if is_partial else "FINAL",
        "VerificationFlag": "UNVERIFIED",  # who signed it is not told in a way to repeat here
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
    }
    _filled(data_set, said)
    data_set.ReferencedPerformedProcedureStepSequence = Sequence([])
    data_set.PerformedProcedureCodeSequence = Sequence([])
    data_set.ConceptNameCodeSequence = _code("126000", "Imaging Report")
    text = _filled(Dataset(), {"RelationshipType": "CONTAINS", "ValueType": "TEXT"})
    text.ConceptNameCodeSequence = _code("121071", "Finding")
    text.add(_element("TextValue", report.text.replace("\n", "\r\n")))
    data_set.ContentSequence = Sequence([text])


def _filled(data_set: Dataset, said: Mapping[str, str]) -> Dataset:
    """Put texts in; what is left of a backslash is no second value."""
    for keyword, text in said.items():
        data_set.add(_element(keyword, _CONTROLS.sub(" ", text.replace("\\", "/")).strip()))
    return data_set


def _element(keyword: str, text: str) -> DataElement:
    # pydicom would warn of a value in a text that quotes it.
    return DataElement(keyword, dictionary_VR(keyword), text, validation_mode=IGNORE)


def _code(value: str, meaning: str) -> Sequence:
    said = {"CodeValue": value, "CodingSchemeDesignator": "DCM", "CodeMeaning": meaning}
    return Sequence([_filled(Dataset(), said)])


def _uid(digest: str, what: str) -> str:
    """Make a UID that is the same whenever the same object is made into an instance."""
    named = hashlib.sha256(f"bocage:made:1 {digest} {what}".encode()).digest()[:16]
    return f"2.25.{int.from_bytes(named, 'big')}"


def _written(data_set: Dataset, sop_class: str) -> Made:
    data_set.add(_element("SOPClassUID", sop_class))
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, data_set)
    return Made(sop_class, str(data_set.SOPInstanceUID), out.getvalue())
