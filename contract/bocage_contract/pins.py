"""The identities a site has confirmed: whom two people spoke to when they read the six words.

Kept as an envelope signed by the box's own identity, so that no other process of the box can
confirm a partner by writing a file.
"""

from __future__ import annotations

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.model import Model
from bocage_contract.names import DeviceId, LinkId, PublicKey
from bocage_contract.signing import Signer, open_envelope, seal_envelope

PINS_TYPE = "bocage.pins"


class Pin(Model):
    """One confirmed partner."""

    link: LinkId
    device: DeviceId
    identity: PublicKey
    card_serial: int = Field(ge=1, description="Of the newest card seen: an older one is refused.")
    confirmed_at: int = Field(ge=0, description="Unix seconds.")


class Pins(Model):
    """Every confirmed partner of a box."""

    contract: int = CONTRACT
    revision: int = Field(0, ge=0)
    pins: list[Pin] = Field(default_factory=list)

    def for_link(self, link: str) -> Pin | None:
        """Find the pin of a link."""
        return next((pin for pin in self.pins if pin.link == link), None)


def seal_pins(pins: Pins, signer: Signer, identity: bytes) -> bytes:
    """Sign the list with the box's own identity."""
    return seal_envelope(PINS_TYPE, canonical_json(pins.to_json()), signer, identity)


def open_pins(raw: bytes, identity: bytes) -> Pins:
    """Read the list, which the box itself must have signed.

    Raises:
        SignatureError: somebody else wrote it.
        MessageError: not a list of pins.
    """
    return Pins.read(open_envelope(raw, PINS_TYPE, {identity}))
