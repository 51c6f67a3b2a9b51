"""Who an exam is of, and what its site calls it: what a request or a report says of both. Pure.

Only ever in memory or under a seal: nothing of it reaches a log, a ledger or the index. There the
keyed hashes of `identity` stand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A number together with who gave it, as far as that was said.

    Args:
        value: as written, without the blanks around it; never empty.
        namespace: the issuer's local name; "" where it was not said.
        universal_id: the issuer's OID; "" where it was not said.

    Source: HL7 v2 EI and HD; PS3.3 C.2.2 (Issuer of Patient ID and its qualifiers).
    """

    value: str
    namespace: str = ""
    universal_id: str = ""

    @property
    def issuer(self) -> str:
        """The OID where there is one, else the local name; "" where nobody was named."""
        return self.universal_id or self.namespace


@dataclass(frozen=True, slots=True)
class Identities:
    """What a message or an instance says of an exam; empty where it says nothing.

    Args:
        study_uid: Study Instance UID.
        accessions: accession numbers.
        orders: placer and filler order numbers, and requested procedure ids.
        patients: patient numbers of sites; the INS is not among them.
        ins: the French national health identity, its OID as `universal_id`.
        name: family and given name joined by `^`, as PN writes them.
        birth_date: YYYYMMDD.
        sex: M, F or O; "" where unknown.
    """

    study_uid: str | None = None
    accessions: tuple[Number, ...] = ()
    orders: tuple[Number, ...] = ()
    patients: tuple[Number, ...] = ()
    ins: tuple[Number, ...] = ()
    name: str = ""
    birth_date: str = ""
    sex: str = ""
