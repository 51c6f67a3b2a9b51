"""One issuer under all its names, so that numbers can be compared."""

from __future__ import annotations

import pytest

from bocage_contract.hl7_receive import Issuer
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.issuers import declared
from bocage_edge.exam.matching import Agreement, agreement
from bocage_edge.exam.names import names_of

KEY = bytes(range(32))
FLERS = Issuer(name="CHFLERS", oid="1.2.250.1.999.1", also=["IPP FLERS"], assumed=True)
ISSUERS = (FLERS, Issuer(name="THURY"))


def of(number: str, issuer: str = "") -> Identities:
    """Somebody with one number."""
    return Identities(patients=(Issued(number, issuer),))


@pytest.mark.parametrize(
    ("issuer", "becomes"),
    [
        ("CHFLERS", "CHFLERS"),
        ("chflers", "CHFLERS"),
        ("1.2.250.1.999.1", "CHFLERS"),
        (" ipp flers ", "CHFLERS"),
        ("THURY", "THURY"),
        ("ELSEWHERE", "ELSEWHERE"),
        ("", "CHFLERS"),
    ],
)
def test_every_spelling_becomes_one(issuer: str, becomes: str) -> None:
    assert declared(of("42", issuer), ISSUERS) == of("42", becomes)


def test_what_another_site_wrote_without_an_issuer_stays_unknown() -> None:
    assert declared(of("42"), ISSUERS, is_own=False) == of("42")


def test_without_a_declaration_everything_stays_as_it_is() -> None:
    assert declared(of("42"), ()) == of("42")


def test_what_two_systems_write_can_be_compared_at_last() -> None:
    """A modality without an issuer, and an information system with its OID."""
    modality, ris, other = of("42"), of("42", "1.2.250.1.999.1"), of("43", "IPP FLERS")
    names = [names_of(KEY, declared(each, ISSUERS)) for each in (modality, ris, other)]
    assert agreement(names[1], names[0]) is Agreement.SAME
    assert agreement(names[2], names[0]) is Agreement.OTHER
    assert agreement(names_of(KEY, ris), names_of(KEY, modality)) is Agreement.UNKNOWN
