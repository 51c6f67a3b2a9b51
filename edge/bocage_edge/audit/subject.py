"""Who an exam is of, for an audit message: read from sealed particulars, or sealed as they are.

The box that sends has an exam's particulars since it was accepted. The one that reads learns them
where the first instance is opened, and keeps them sealed to its own opening key as well.

Source: PS3.15 A.5.3.3, A.5.3.7: patient and studies of a transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bocage_edge.exam.identities import Identities
from bocage_edge.particulars import open_particulars, seal_particulars
from bocage_edge.seal import dictionary as dd

_UTF_8 = b"ISO_IR 192"
_TAGS = {keyword: tag for tag, keyword in dd.PARTICULARS.items()}


@dataclass(frozen=True, slots=True)
class Subject:
    """Texts as the site writes them; empty where nothing was written. Never shown."""

    study_uid: str
    patient_id: str
    patient_name: str
    accession: str = ""

    def __repr__(self) -> str:
        """Say nothing of anybody."""
        return "Subject(...)"


def open_subject(sealed: bytes, identities: Sequence[str]) -> Subject:
    """Open an exam's particulars.

    Args:
        identities: `AGE-SECRET-KEY-1…`; any of them.

    Raises:
        NotForUsError: no identity opens it.
        BrokenSealError: it was changed.
    """
    found = open_particulars(sealed, identities)
    return Subject(
        study_uid=found.text("StudyInstanceUID"),
        patient_id=found.text("PatientID"),
        patient_name=found.text("PatientName"),
        accession=found.text("AccessionNumber"),
    )


def seal_subject(heard: Identities, recipient: str) -> bytes:
    """Seal what a data set said of its exam, as particulars are.

    Args:
        recipient: `age1…`, the box's own.
    """
    values = {
        "StudyInstanceUID": heard.study_uid,
        "PatientID": heard.patients[0].number if heard.patients else "",
        "PatientName": heard.name,
        "AccessionNumber": heard.accessions[0].number if heard.accessions else "",
    }
    noted = {_TAGS[keyword]: text.encode("utf-8", "replace") for keyword, text in values.items()}
    return seal_particulars({_TAGS["SpecificCharacterSet"]: _UTF_8, **noted}, recipient)
