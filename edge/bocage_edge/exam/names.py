"""Keyed hashes of the identities an exam is known by, so that a report finds its exam. Pure.

The key is that of the link: what two hospitals call alike is not alike here, and a stolen index
tells nothing. Numbers are compared without blanks and without regard to case; names without
accents as well, for a report may have come through a system that knows none.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import ID_BYTES, exam_id

_LABEL = b"bocage:name:1\0"
# A patient's hash is that of its issuer, then that of both: two ids by one issuer can be told from
# two ids that cannot be compared.
_ISSUER_DIGITS = ID_BYTES
_DIVIDER = "\x1f"


class NameKind(StrEnum):
    """What an identity is; the values stand in the index."""

    ACCESSION = "accession"
    ORDER = "order"
    PATIENT = "patient"
    INS = "ins"
    BIRTH = "birth"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Names:
    """The identities of one exam, or of one report; hashes of 32 hex digits.

    Args:
        exam_id: of its Study Instance UID; empty where it has none.
        patients: see `issuer_of`.
    """

    exam_id: str = ""
    accessions: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    ins: frozenset[str] = frozenset()
    births: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of_rows(cls, exam: str, rows: Iterable[tuple[str, str]]) -> Self:
        """Put together what the index holds of one exam: kind and hash; other kinds do not count.

        Args:
            exam: 32 hex digits.
        """
        found: dict[str, set[str]] = {kind: set() for kind in NameKind}
        for kind, hashed in rows:
            found.get(kind, set()).add(hashed)
        return cls(exam, *(frozenset(found[kind]) for kind in NameKind))

    def rows(self) -> list[tuple[str, str]]:
        """Give what the index is to hold: kind and hash."""
        columns = (
            self.accessions,
            self.orders,
            self.patients,
            self.ins,
            self.births,
            self.names,
        )
        return [
            (kind.value, hashed)
            for kind, hashes in zip(NameKind, columns, strict=True)
            for hashed in sorted(hashes)
        ]


def names_of(link_key: bytes, identities: Identities) -> Names:
    """Hash identities by the key of a link.

    A patient id whose issuer nobody declared proves nothing, so it is left out.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    hashed = _Hasher(link_key)
    accessions = identities.accessions
    birth, name = identities.birth_date.strip(), plain_name(identities.name)
    return Names(
        exam_id=exam_id(link_key, identities.study_uid) if identities.study_uid else "",
        # By number alone as well: few reports say whose number it is. It never decides alone.
        accessions=hashed.each(NameKind.ACCESSION, (*accessions, *map(_bare, accessions))),
        orders=hashed.each(NameKind.ORDER, map(Issued, identities.orders)),
        patients=frozenset(
            hashed.patient(each) for each in identities.patients if each.number and each.issuer
        ),
        ins=hashed.each(NameKind.INS, map(Issued, identities.ins)),
        births=hashed.each(NameKind.BIRTH, [Issued(birth)]),
        names=hashed.each(NameKind.NAME, [Issued(name)]),
    )


def issuer_of(patient: str) -> str:
    """Give the part of a patient's hash that stands for who gave the id out."""
    return patient[:_ISSUER_DIGITS]


def plain_name(name: str) -> str:
    """Take from a person's name what systems write differently: accents, case, punctuation.

    Of the name in several scripts the first counts.
    """
    first = unicodedata.normalize("NFKD", name.partition("=")[0]).casefold()
    letters = (
        " " if each in "^-',. " else each for each in first if not unicodedata.combining(each)
    )
    return " ".join("".join(letters).split())


def _bare(issued: Issued) -> Issued:
    return Issued(issued.number)


class _Hasher:
    def __init__(self, link_key: bytes) -> None:
        if len(link_key) < ID_BYTES:
            raise ValueError(f"a link key of {len(link_key)} bytes is too short")
        self._key = link_key

    def each(self, kind: NameKind, numbers: Iterable[Issued]) -> frozenset[str]:
        return frozenset(
            self._hash(kind.value, number, _plain(each.issuer))
            for each in numbers
            if (number := _plain(each.number))
        )

    def patient(self, patient: Issued) -> str:
        issuer, number = _plain(patient.issuer), _plain(patient.number)
        of_issuer = self._hash("issuer", issuer)[:_ISSUER_DIGITS]
        return of_issuer + self._hash("patient", number, issuer)[:_ISSUER_DIGITS]

    def _hash(self, *parts: str) -> str:
        named = _LABEL + _DIVIDER.join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, named, hashlib.sha256).digest()[:ID_BYTES].hex()


def _plain(number: str) -> str:
    return "".join(number.split()).replace(_DIVIDER, "").casefold()
