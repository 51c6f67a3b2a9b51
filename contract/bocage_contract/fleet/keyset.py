"""Which keys may sign what: the one document the offline root keys sign.

A box keeps the newest keyset it has seen. The next one must be signed by enough roots of the one it
holds, and by enough of its own roots (so that a typing error cannot lock everybody out), and be
newer. So a stolen configuration key is replaced without touching a box, and whoever holds it can
replace nothing. The update key never lies on the console.

Source: the same chain of trust as root metadata in The Update Framework, specification 5.3.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError
from bocage_contract.model import Model
from bocage_contract.names import PublicKey
from bocage_contract.signing import (
    Signer,
    add_signature,
    open_envelope,
    peek_payload,
    seal_envelope,
)

KEYSET_TYPE = "bocage.keyset"


class OlderKeysetError(ContractError):
    """A keyset is well signed, but not newer than the one in force."""


class Purpose(StrEnum):
    """What a key may sign."""

    CONFIGURATION = "configuration"
    COMMAND = "command"
    UPDATE = "update"


class Keyset(Model):
    """The keys in force. Since contract 1."""

    contract: int = CONTRACT
    version: int = Field(ge=1, lt=1 << 53)
    issued_at: int = Field(ge=0, description="Unix seconds.")
    threshold: int = Field(2, ge=1, le=5, description="How many roots must sign the next keyset.")
    roots: list[PublicKey] = Field(min_length=1, max_length=9)
    configuration: list[PublicKey] = Field(min_length=1, max_length=4)
    command: list[PublicKey] = Field(default_factory=list, max_length=4)
    update: list[PublicKey] = Field(default_factory=list, max_length=4)

    @model_validator(mode="after")
    def _roots_are_apart(self) -> Self:
        if len(set(self.roots)) < len(self.roots) or len(self.roots) < self.threshold:
            raise ValueError("a keyset needs as many different roots as must sign")
        online = {*self.configuration, *self.command, *self.update}
        if online & set(self.roots):
            raise ValueError("a root key signs keysets only")
        return self

    def keys(self, purpose: Purpose) -> frozenset[bytes]:
        """Give the public keys for a purpose, 32 bytes each."""
        return frozenset(base64.b64decode(key) for key in getattr(self, purpose.value))

    def root_keys(self) -> frozenset[bytes]:
        """Give the roots, 32 bytes each."""
        return frozenset(base64.b64decode(key) for key in self.roots)


def seal_keyset(keyset: Keyset, signer: Signer, key: bytes) -> bytes:
    """Begin a keyset with one root's signature."""
    return seal_envelope(KEYSET_TYPE, canonical_json(keyset.to_json()), signer, key)


def countersign_keyset(raw: bytes, signer: Signer, key: bytes) -> bytes:
    """Add another root's signature, of the new keyset or of the one it replaces."""
    return add_signature(raw, KEYSET_TYPE, signer, key)


def read_first_keyset(raw: bytes) -> Keyset:
    """Read a keyset that its own roots signed.

    That proves nothing about whose it is: the caller pins it by what enrolment vouched for.

    Raises:
        SignatureError: its own roots did not sign it.
        MessageError: not a keyset.
    """
    peeked = Keyset.read(peek_payload(raw, KEYSET_TYPE))
    payload = open_envelope(raw, KEYSET_TYPE, peeked.root_keys(), threshold=peeked.threshold)
    return Keyset.read(payload)


def read_next_keyset(raw: bytes, held: Keyset) -> Keyset:
    """Read the keyset that replaces the one we hold.

    Raises:
        SignatureError: too few roots of either keyset signed it.
        MessageError: not a keyset.
        OlderKeysetError: it is not newer.
    """
    open_envelope(raw, KEYSET_TYPE, held.root_keys(), threshold=held.threshold)
    keyset = read_first_keyset(raw)
    if keyset.version <= held.version:
        raise OlderKeysetError(
            f"keyset {keyset.version} is not newer than {held.version}, which is in force"
        )
    return keyset
