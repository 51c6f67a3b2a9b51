"""Only two people of two sites, who signed exactly this, put a convention in force."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.convention.approval import Approval, Approved, Role, approve, verify_approvals
from bocage_contract.convention.model import Convention
from bocage_contract.errors import SignatureError
from tests.contract.convention.test_model import WRITTEN

CONVENTION = Convention.of(WRITTEN)


def _approval(role: Role, key: Ed25519PrivateKey, convention: Convention = CONVENTION) -> Approval:
    public = key.public_key().public_bytes_raw()
    return approve(convention, role, "Mme Lebrun", 1_790_000_000, key.sign, public)


def _keys() -> tuple[Ed25519PrivateKey, Ed25519PrivateKey]:
    return Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def test_both_sites_approved() -> None:
    one, other = _keys()
    approvals = [_approval("requesting", one), _approval("reading", other)]
    approved = Approved(convention=CONVENTION, approvals=approvals)
    verify_approvals(Approved.of(approved.to_json()))


def test_the_same_person_is_not_both_sites() -> None:
    one, _ = _keys()
    approvals = [_approval("requesting", one), _approval("reading", one)]
    with pytest.raises(SignatureError, match="two people"):
        verify_approvals(Approved(convention=CONVENTION, approvals=approvals))


def test_an_approval_of_other_words_counts_for_nothing() -> None:
    one, other = _keys()
    changed = CONVENTION.model_copy(update={"arrive_before_min": 5})
    approvals = [_approval("requesting", one), _approval("reading", other, changed)]
    with pytest.raises(SignatureError, match="reading site"):
        verify_approvals(Approved(convention=CONVENTION, approvals=approvals))


def test_a_role_cannot_be_exchanged() -> None:
    one, other = _keys()
    swapped = _approval("requesting", other).model_copy(update={"role": "reading"})
    approvals = [_approval("requesting", one), swapped]
    with pytest.raises(SignatureError):
        verify_approvals(Approved(convention=CONVENTION, approvals=approvals))
