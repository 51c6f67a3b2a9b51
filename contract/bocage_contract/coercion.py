"""How the identifiers of a link's exams are told apart where they are delivered. Pure.

Two hospitals may give one number to two patients. Where exams of both go to one station, each link
must therefore mark its numbers, and the marks must not be mistaken for one another.

Source: PS3.3 10.15 (issuer of patient id), C.7.1.1, C.7.2.1; PS3.5 6.2 (lengths of LO and SH).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bocage_contract.model import Model

# PS3.5 6.2: LO has 64 characters, SH has 16. What is left must hold the hospital's own number.
MAX_PATIENT_ID, MAX_ACCESSION = 64, 16
MAX_PATIENT_PREFIX, MAX_ACCESSION_PREFIX = 16, 8

# No character that is an escape or a delimiter in any repertoire.
_MARK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def _mark(text: str) -> str:
    if not _MARK.fullmatch(text):
        raise ValueError("it has letters, digits, '.', '_', '-', ':', and begins with one of the"
                         " first two")  # fmt: skip
    return text


def _patient_prefix(text: str) -> str:
    if len(text) > MAX_PATIENT_PREFIX:
        raise ValueError(
            f"a patient ID has {MAX_PATIENT_ID} characters: a prefix of more than"
            f" {MAX_PATIENT_PREFIX} leaves too few for the hospital's own; shorten it"
        )
    return text


def _accession_prefix(text: str) -> str:
    if len(text) > MAX_ACCESSION_PREFIX:
        raise ValueError(
            f"an accession number has {MAX_ACCESSION} characters: a prefix of more than"
            f" {MAX_ACCESSION_PREFIX} leaves too few for the hospital's own; shorten it"
        )
    return text


Mark = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_mark)]


class Coerce(Model):
    """What deliver writes into the exams of a link on purpose; null: nothing of the kind."""

    issuer_of_patient_id: Mark | None = Field(
        None, description="(0010,0021) of every exam that has a patient ID."
    )
    patient_id_prefix: Annotated[Mark, AfterValidator(_patient_prefix)] | None = Field(
        None, description="Before every patient ID."
    )
    issuer_of_accession: Mark | None = Field(
        None,
        description="(0008,0051) of every exam that has an accession number; an OID or a name.",
    )
    accession_prefix: Annotated[Mark, AfterValidator(_accession_prefix)] | None = Field(
        None, description="Before every accession number."
    )
    other_patient_ids: bool = Field(
        True, description="Keep the original patient ID with its issuer in (0010,1002)."
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.marks_patients or self.marks_accessions):
            raise ValueError("it changes nothing: name an issuer or a prefix, or leave it out")
        return self

    @property
    def marks_patients(self) -> bool:
        """Whether patient IDs are marked."""
        return bool(self.issuer_of_patient_id or self.patient_id_prefix)

    @property
    def marks_accessions(self) -> bool:
        """Whether accession numbers are marked."""
        return bool(self.issuer_of_accession or self.accession_prefix)


@dataclass(frozen=True, slots=True)
class Fed:
    """A link whose exams go to a station; `coerce` None: as they came."""

    link: str
    coerce: Coerce | None


def is_oid(issuer: str) -> bool:
    """Whether an issuer is named by an OID."""
    return _OID.fullmatch(issuer) is not None


def collisions(station: str, fed: Sequence[Fed]) -> list[str]:
    """Say why numbers of several links could be mistaken for one another at one station.

    Args:
        station: how a person calls it.
        fed: the links whose exams are delivered there; one alone never collides.
    """
    if len(fed) < 2:
        return []
    faults = [
        f"link {each.link}: links {_listed(it.link for it in fed)} feed {station}, so each needs"
        f" coerce with {lacks}, or numbers of two hospitals become one"
        for each in fed
        for lacks in _lacking(each.coerce)
    ]
    if faults:
        return faults
    for one, other in combinations(fed, 2):
        faults += [
            f"links {one.link} and {other.link} both feed {station}, and their coerce does not tell"
            f" {what} apart: give both an issuer, or both a prefix, none the beginning of the other"
            for what in _alike(one.coerce, other.coerce)
        ]
    return faults


def _lacking(coerce: Coerce | None) -> list[str]:
    lacks = []
    if coerce is None or not coerce.marks_patients:
        lacks.append("issuer_of_patient_id or patient_id_prefix")
    if coerce is None or not coerce.marks_accessions:
        lacks.append("issuer_of_accession or accession_prefix")
    return lacks


def _alike(one: Coerce | None, other: Coerce | None) -> list[str]:
    if one is None or other is None:
        return []
    alike = []
    if not _differ(one.issuer_of_patient_id, other.issuer_of_patient_id) and not _tell_apart(
        one.patient_id_prefix, other.patient_id_prefix
    ):
        alike.append("patient IDs")
    if not _differ(one.issuer_of_accession, other.issuer_of_accession) and not _tell_apart(
        one.accession_prefix, other.accession_prefix
    ):
        alike.append("accession numbers")
    return alike


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other) and one != other


def _tell_apart(one: str | None, other: str | None) -> bool:
    """Whether no number behind one prefix can look like one behind the other."""
    return bool(one and other and not one.startswith(other) and not other.startswith(one))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
