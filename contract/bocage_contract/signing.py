"""Signed envelopes: exact bytes, a type, and Ed25519 signatures over both.

The bytes are verified before anything parses them. The type is part of what is signed, so that a
signed card can never pass as a signed configuration. The construction is DSSE's pre-authentication
encoding: https://github.com/secure-systems-lab/dsse (protocol.md). Source: RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field

from bocage_contract.canonical import canonical_json
from bocage_contract.errors import SignatureError
from bocage_contract.model import Model

KEY_BYTES = 32
MAX_SIGNATURES = 8
MAX_ENVELOPE_BYTES = 1 << 20

Signer = Callable[[bytes], bytes]


class Signature(Model):
    """One signature and the public key it is checked with (both base64)."""

    key: str = Field(max_length=44)
    signature: str = Field(max_length=88)


class Envelope(Model):
    """Bytes with their signatures."""

    payload_type: str = Field(max_length=64, pattern=r"^bocage\.[a-z-]+$")
    payload: str
    signatures: list[Signature] = Field(max_length=MAX_SIGNATURES)


def seal_envelope(payload_type: str, payload: bytes, signer: Signer, key: bytes) -> bytes:
    """Sign bytes and wrap them up.

    Args:
        payload_type: such as "bocage.card".
        signer: makes an Ed25519 signature (64 bytes); the private key may live elsewhere.
        key: the public key to `signer`, 32 bytes.
    """
    signature = Signature(
        key=base64.b64encode(key).decode(),
        signature=base64.b64encode(signer(to_be_signed(payload_type, payload))).decode(),
    )
    envelope = Envelope(
        payload_type=payload_type,
        payload=base64.b64encode(payload).decode(),
        signatures=[signature],
    )
    return canonical_json(envelope.to_json())


def add_signature(raw: bytes, payload_type: str, signer: Signer, key: bytes) -> bytes:
    """Sign the payload of an envelope as well; a former signature by the same key is replaced.

    Raises:
        SignatureError: too large, another type, or it bears as many signatures as it can.
        MessageError: not an envelope.
    """
    envelope, payload = _unwrapped(raw, payload_type)
    (added,) = Envelope.read(seal_envelope(payload_type, payload, signer, key)).signatures
    others = [each for each in envelope.signatures if each.key != added.key]
    if len(others) >= MAX_SIGNATURES:
        raise SignatureError(f"an envelope bears at most {MAX_SIGNATURES} signatures")
    signed = envelope.model_copy(update={"signatures": [*others, added]})
    return canonical_json(signed.to_json())


def open_envelope(
    raw: bytes, payload_type: str, trusted: Collection[bytes], *, threshold: int = 1
) -> bytes:
    """Give the payload, if enough of the trusted keys signed exactly it.

    Args:
        trusted: public keys, 32 bytes each.
        threshold: how many different trusted keys must have signed.

    Raises:
        SignatureError: too large, another type, or too few good signatures.
        MessageError: not an envelope.
    """
    envelope, payload = _unwrapped(raw, payload_type)
    signed = to_be_signed(payload_type, payload)
    good = {
        key
        for key, signature in map(_decoded, envelope.signatures)
        if key in trusted and is_signed(key, signature, signed)
    }
    if len(good) < max(threshold, 1):
        raise SignatureError(f"{payload_type}: {len(good)} of {threshold} trusted signatures")
    return payload


def peek_payload(raw: bytes, payload_type: str) -> bytes:
    """Give the payload WITHOUT having checked a signature, to learn which key must be checked.

    Raises:
        SignatureError: too large, or another type.
        MessageError: not an envelope.
    """
    return _unwrapped(raw, payload_type)[1]


def to_be_signed(payload_type: str, payload: bytes) -> bytes:
    """Give the bytes a signature covers: the type and the payload, each with its length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def is_signed(key: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether an Ed25519 signature fits. Source: RFC 8032 §5.1.7."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unwrapped(raw: bytes, payload_type: str) -> tuple[Envelope, bytes]:
    if len(raw) > MAX_ENVELOPE_BYTES:
        raise SignatureError(f"an envelope of {len(raw)} bytes is too large")
    envelope = Envelope.read(raw)
    if envelope.payload_type != payload_type:
        raise SignatureError(f"this is a {envelope.payload_type}, not a {payload_type}")
    return envelope, _bytes(envelope.payload)


def _decoded(signature: Signature) -> tuple[bytes, bytes]:
    return _bytes(signature.key), _bytes(signature.signature)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("an envelope holds text that is not base64") from None
