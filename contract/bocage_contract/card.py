"""A box's public keys, signed by its identity key."""

from __future__ import annotations

import base64

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.errors import SignatureError
from bocage_contract.model import Model
from bocage_contract.names import AgeRecipient, DeviceId, PublicKey
from bocage_contract.signing import Signer, open_envelope, peek_payload, seal_envelope

CARD_TYPE = "bocage.card"


class TunnelKey(Model):
    """One generation of a box's WireGuard key."""

    generation: int = Field(ge=1)
    public_key: PublicKey


class Card(Model):
    """What a partner must know of a box to seal to it and to reach it. Since contract 1."""

    contract: int = CONTRACT
    device: DeviceId
    serial: int = Field(ge=1, description="Grows with every new card of the same identity.")
    identity: PublicKey = Field(description="Ed25519: signs the ledger and this card.")
    agreement: PublicKey = Field(description="X25519: with the partner's it gives the link key.")
    tunnels: list[TunnelKey] = Field(min_length=1, max_length=4)
    opening: AgeRecipient = Field(description="What is sent to this box is sealed to this key.")
    recovery: AgeRecipient = Field(description="The site's paper key opens it as well.")
    made_at: int = Field(ge=0, description="Unix seconds.")

    @property
    def identity_key(self) -> bytes:
        """The identity's public key, 32 bytes."""
        return base64.b64decode(self.identity)

    @property
    def agreement_key(self) -> bytes:
        """The agreement public key, 32 bytes."""
        return base64.b64decode(self.agreement)

    def tunnel_key(self, generation: int) -> str | None:
        """The WireGuard public key of one generation, if the card has it."""
        return next((key.public_key for key in self.tunnels if key.generation == generation), None)


def seal_card(card: Card, signer: Signer) -> bytes:
    """Sign a card with the identity it names."""
    return seal_envelope(CARD_TYPE, canonical_json(card.to_json()), signer, card.identity_key)


def open_card(raw: bytes) -> Card:
    """Read a card, which must be signed by the identity it names.

    That proves that the holder of the identity made it, not whose identity it is: for that two
    people read the six words to each other.

    Raises:
        SignatureError: signed by another key, or changed.
        MessageError: not a card.
    """
    card = Card.read(peek_payload(raw, CARD_TYPE))
    payload = open_envelope(raw, CARD_TYPE, {card.identity_key})
    signed = Card.read(payload)
    if signed != card:
        raise SignatureError("the card changed while it was read")
    return signed
