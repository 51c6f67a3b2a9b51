"""Envelopes: what is accepted, and that nothing else is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError, SignatureError
from bocage_contract.signing import open_envelope, peek_payload, seal_envelope
from tests.contract.keys import identity, public

SIGNER, OTHER = identity(1), identity(2)
TYPE = "bocage.test"


def sealed(payload: bytes = b"payload") -> bytes:
    """Seal with the first key."""
    return seal_envelope(TYPE, payload, SIGNER.sign, public(SIGNER))


def changed(raw: bytes, **fields: Any) -> bytes:
    """Change fields of an envelope."""
    return canonical_json({**json.loads(raw), **fields})


@given(st.binary(max_size=300))
def test_the_exact_bytes_come_back(payload: bytes) -> None:
    """What was signed is what is read."""
    assert open_envelope(sealed(payload), TYPE, {public(SIGNER)}) == payload


def test_a_key_that_is_not_trusted_does_not_count() -> None:
    """A good signature of a stranger is no signature."""
    with pytest.raises(SignatureError):
        open_envelope(sealed(), TYPE, {public(OTHER)})


def test_a_document_of_another_type_is_refused() -> None:
    """A card cannot pass as a configuration, not even when its type field is rewritten."""
    with pytest.raises(SignatureError):
        open_envelope(sealed(), "bocage.other", {public(SIGNER)})
    with pytest.raises(SignatureError):
        open_envelope(
            changed(sealed(), payload_type="bocage.other"), "bocage.other", {public(SIGNER)}
        )


def test_every_flipped_byte_is_noticed() -> None:
    """No byte of an envelope can change without the payload being refused or staying the same."""
    raw = sealed(b"0123456789")
    for place in range(len(raw)):
        flipped = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        try:
            assert open_envelope(flipped, TYPE, {public(SIGNER)}) == b"0123456789"
        except ContractError:
            continue


def test_the_same_key_twice_counts_once() -> None:
    """A threshold of two wants two people."""
    raw = sealed()
    signatures = json.loads(raw)["signatures"]
    doubled = changed(raw, signatures=signatures * 2)
    with pytest.raises(SignatureError):
        open_envelope(doubled, TYPE, {public(SIGNER), public(OTHER)}, threshold=2)
    both = changed(
        raw,
        signatures=signatures
        + json.loads(seal_envelope(TYPE, b"payload", OTHER.sign, public(OTHER)))["signatures"],
    )
    assert open_envelope(both, TYPE, {public(SIGNER), public(OTHER)}, threshold=2) == b"payload"


@pytest.mark.parametrize("threshold", [0, -1])
def test_no_signature_is_never_enough(threshold: int) -> None:
    """A threshold set to nothing still wants one."""
    with pytest.raises(SignatureError):
        open_envelope(changed(sealed(), signatures=[]), TYPE, {public(SIGNER)}, threshold=threshold)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"payload_type":"bocage.test"}',
        changed(sealed(), payload="***"),
        changed(sealed(), signatures=[{"key": "!", "signature": "!"}]),
        changed(sealed(), signatures=[{"key": "AA==", "signature": "AA=="}] * 9),
        b" " * ((1 << 20) + 1),
    ],
)
def test_nonsense_is_refused(raw: bytes) -> None:
    """Wrong shapes and sizes end in an error of the contract, nothing else."""
    with pytest.raises(ContractError):
        open_envelope(raw, TYPE, {public(SIGNER)})


def test_peeking_checks_the_type_only() -> None:
    """It is for learning whose signature must be checked."""
    assert peek_payload(changed(sealed(), signatures=[]), TYPE) == b"payload"
    assert base64.b64decode(json.loads(sealed())["payload"]) == b"payload"
