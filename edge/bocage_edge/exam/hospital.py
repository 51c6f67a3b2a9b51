"""What the hospital itself calls an exam and its patient: what a report that comes back must say.

Made of an exam's particulars, as its first instance said them. Plain values of a patient: they live
in memory, never in a log, an index or a ledger. Pure.

Source: PS3.3 C.7.1.1 (patient), C.7.2.1 (general study).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bocage_edge.exam.heard import INS_ISSUERS, decoded, encodings
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import strip_uid


class Designator(NamedTuple):
    """Who gave out a number; texts, empty where nothing was said. Source: PS3.3 10.14."""

    local: str = ""
    universal: str = ""
    type: str = ""  # of the universal one: ISO for an OID

    @property
    def name(self) -> str:
        """The better of the two names."""
        return self.universal or self.local


UNSAID = Designator()


@dataclass(frozen=True, slots=True)
class HospitalIdentities:
    """Texts as the hospital wrote them; empty where it wrote none.

    Args:
        issuer: who gave out the patient ID; `qualifiers` says it once more, and better.
        name: components divided by `^`, groups by `=`.
        birth_date: YYYYMMDD.
        character_set: (0008,0005) of the data set they stood in.
        raw: the values by keyword, as bytes in that character set.
    """

    study_uid: str = ""
    patient_id: str = ""
    issuer: str = ""
    qualifiers: Designator = UNSAID
    accession: str = ""
    accession_issuer: Designator = UNSAID
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    character_set: bytes = b""
    raw: Mapping[str, bytes] = field(default_factory=dict, compare=False)

    def identities(self) -> Identities:
        """Give them as a message is written with (`hl7.writing.with_identities`)."""
        issuer = self.qualifiers.universal or self.issuer
        is_ins = issuer in INS_ISSUERS
        accession = Issued(self.accession, self.accession_issuer.name)
        return Identities(
            study_uid=self.study_uid,
            accessions=(accession,) if self.accession else (),
            patients=(Issued(self.patient_id, issuer),) if self.patient_id and not is_ins else (),
            ins=("".join(self.patient_id.split()),) if self.patient_id and is_ins else (),
            name=self.name.partition("=")[0],
            birth_date=self.birth_date,
            sex=self.sex,
        )


def hospital_identities(values: Mapping[str, bytes]) -> HospitalIdentities:
    """Read them out of an exam's particulars (`Particulars.values`).

    Args:
        values: by DICOM keyword, as bytes.
    """
    character_set = values.get("SpecificCharacterSet", b"").strip(b" \0")
    codecs = encodings(character_set.decode("ascii", "replace"))

    def text(keyword: str) -> str:
        return decoded(values.get(keyword, b""), codecs)

    return HospitalIdentities(
        study_uid=strip_uid(text("StudyInstanceUID")),
        patient_id=text("PatientID"),
        issuer=text("IssuerOfPatientID"),
        qualifiers=designator(text("IssuerOfPatientIDQualifiersSequence")),
        accession=text("AccessionNumber"),
        accession_issuer=designator(text("IssuerOfAccessionNumberSequence")),
        name=text("PatientName"),
        birth_date=text("PatientBirthDate"),
        sex=text("PatientSex"),
        character_set=character_set,
        raw={keyword: value.strip(b" \0") for keyword, value in values.items()},
    )


def designator(text: str) -> Designator:
    """Read what `Heard.issuers` wrote."""
    local, universal, kind = (*text.split("\\"), "", "", "")[:3]
    return Designator(local, universal, kind)


def same_name(one: str, other: str) -> bool:
    """Whether two person's names are one, but for components left empty and blanks at the ends."""
    return _groups(one) == _groups(other)


def _groups(name: str) -> list[list[str]]:
    groups = [
        _without_empty_end([each.strip() for each in group.split("^")]) for group in name.split("=")
    ]
    while groups and not groups[-1]:
        groups.pop()
    return groups


def _without_empty_end(components: list[str]) -> list[str]:
    while components and not components[-1]:
        components.pop()
    return components
