"""Who an exam, a request or a report says it is of, and by which numbers it is known. Pure.

Plain values of a patient: they live in memory, never in a log, an index or a ledger. What is kept
of them are keyed hashes (`names`), and sealed particulars.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issued:
    """A number and who gave it out.

    Args:
        issuer: an OID or a local name; empty: not declared.
    """

    number: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Identities:
    """Texts as they were written; empty where nothing was.

    Args:
        orders: placer and filler order numbers.
        patients: patient ids, the INS not among them.
        ins: the French national health identity, digits without spaces.
        name: as a DICOM PN or HL7 XPN writes it, components divided by `^`.
        birth_date: YYYYMMDD.
    """

    study_uid: str = ""
    accessions: tuple[Issued, ...] = ()
    orders: tuple[str, ...] = ()
    patients: tuple[Issued, ...] = ()
    ins: tuple[str, ...] = ()
    name: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says of itself.

    Args:
        predecessors: SOP Instance UIDs of documents whose content is in it, wholly or in part.
        title: the code of its title, without the scheme; empty: none.
    """

    predecessors: tuple[str, ...] = ()
    title: str = ""
