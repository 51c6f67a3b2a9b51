"""Two boxes that could trust each other, in folders of the test."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bocage_contract.canonical import canonical_json
from bocage_contract.card import Card, seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_edge.keeper.daemon import open_service
from bocage_edge.keeper.service import Service
from bocage_edge.paths import Box
from bocage_edge.units import UNITS
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public, text
from tests.fakes.clock import FakeClock

CONSOLE = identity(5)
LINK = "flers-caen"
UIDS = {unit.name: 31_001 + place for place, unit in enumerate(UNITS)}


@dataclass(frozen=True)
class Site:
    """One box: its keys, its folders."""

    device: str
    identity: Ed25519PrivateKey
    agreement: X25519PrivateKey
    box: Box

    @property
    def card(self) -> Card:
        key = text(self.agreement.public_key().public_bytes_raw())
        return card_of(self.identity, self.device).model_copy(update={"agreement": key})

    @property
    def sealed_card(self) -> bytes:
        return seal_card(self.card, self.identity.sign)

    def service(self, clock: FakeClock | None = None) -> Service:
        return open_service(self.box, clock or FakeClock())

    def configure(self, partner: Site) -> None:
        """Sign a configuration that names the partner, with the card it has now."""
        document = desired_document(self.identity)
        document["device"] = self.device
        document["links"][0]["partner"] = partner.device
        document["links"][0]["partner_card"] = json.loads(partner.sealed_card)
        sealed = seal_desired(Desired.of(document), CONSOLE.sign, public(CONSOLE))
        self.box.desired.write_bytes(sealed)


def make_site(root: Path, device: str, number: int) -> Site:
    """Make a box as its set-up does."""
    site = Site(
        device,
        identity(number),
        X25519PrivateKey.from_private_bytes(bytes([number + 100]) * 32),
        Box(root / device / "state", root / device / "run"),
    )
    box = site.box
    for folder in (box.desired.parent, box.pins.parent, box.keeper_dir, box.run):
        folder.mkdir(parents=True, exist_ok=True)
    box.identity_key.write_bytes(site.identity.private_bytes_raw())
    box.agreement_key.write_bytes(site.agreement.private_bytes_raw())
    for key in (box.identity_key, box.agreement_key):
        key.chmod(0o600)
    box.card.write_bytes(site.sealed_card)
    box.keyset.write_bytes(keyset_of(CONSOLE))
    owners = ",".join(f"{name}={uid}" for name, uid in UIDS.items())
    box.owners.write_text(f"{owners},group=31000")
    return site


def make_pair(root: Path) -> tuple[Site, Site]:
    """Make two boxes whose configurations name each other; nobody is confirmed yet."""
    flers, caen = make_site(root, "flers-1", 1), make_site(root, "caen-1", 2)
    flers.configure(caen)
    caen.configure(flers)
    return flers, caen


def encoded(data: bytes) -> str:
    """Bytes as the keeper's messages carry them."""
    return base64.b64encode(data).decode()


def pin_message(partner: Site) -> dict[str, Any]:
    """The question by which an administrator confirms a partner."""
    return {"op": "pin", "link": LINK, "card": encoded(partner.sealed_card)}


def card_value(site: Site) -> bytes:
    """The card as the configuration brings it: the same envelope, spelt anew."""
    return canonical_json(json.loads(site.sealed_card))
