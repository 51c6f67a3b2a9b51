"""A small fleet in a database: two sites, two boxes, a link; and boxes that behave as real ones."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy.orm import Session

from bocage_console.authority.certificates import spki_of
from bocage_console.devices.keeping import add_device
from bocage_console.links.keeping import put_link
from bocage_console.links.path import Path
from bocage_console.sites.keeping import put_site
from bocage_console.sites.profile import Profile
from bocage_contract.card import seal_card
from bocage_contract.fleet.enrolment import EnrolmentRequest, SessionKey, bind_session_key
from tests.console.conftest import NOW
from tests.contract.keys import card_of, public

HOSPITAL, PRACTICE, LINK = "flers-1", "thury-1", "flers-thury"
WHO = "anne"


def profile(name: str, *, aet: str, addresses: tuple[str, ...] = ()) -> Profile:
    """What a box at this site is told of it."""
    return Profile.of(
        {
            "addresses": list(addresses),
            "site": {"name": name, "lan": ["192.0.2.0/24"]},
            "receive": {
                "address": "192.0.2.1",
                "callers": [{"aet": "MODALITY", "addresses": ["192.0.2.10"]}],
            },
            "destinations": [
                {
                    "name": "station",
                    "aet": aet,
                    "host": "192.0.2.20",
                    "port": 104,
                    "calling_aet": "BOCAGE",
                }
            ],
        }
    )


def path() -> Path:
    """The link's two ends; the hospital can be called."""
    rule = {"classes": None, "destinations": ["station"]}
    return Path.of(
        {
            "requesting": {
                "address": "fd00::1",
                "listen_port": 51820,
                "endpoint": "hospital.example:51820",
                "services": [{"aet": "FLERS", "class": "routine"}],
                "deliver": [rule],
            },
            "reading": {
                "address": "fd00::2",
                "listen_port": 51821,
                "services": [{"aet": "FLERS_RPT", "class": "report"}],
                "deliver": [rule],
            },
        }
    )


def two_sites(session: Session) -> None:
    """Write two sites, two places for boxes, and the link between them."""
    put_site(session, NOW, WHO, "flers", profile("Hôpital de Flers", aet="PACS"))
    put_site(session, NOW, WHO, "thury", profile("Cabinet de Thury", aet="STATION"))
    add_device(session, NOW, WHO, HOSPITAL, "flers")
    add_device(session, NOW, WHO, PRACTICE, "thury")
    put_link(session, NOW, WHO, LINK, requesting=HOSPITAL, reading=PRACTICE, path=path())


@dataclass
class NewBox:
    """A box with keys of its own, which asks as a real one does."""

    device: str
    identity: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    session: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    unlock: bytes = b"u" * 32
    serial: int = 1

    @property
    def card(self) -> str:
        """Its signed card, base64."""
        card = card_of(self.identity, self.device, self.serial)
        return base64.b64encode(seal_card(card, self.identity.sign)).decode()

    def csr(self) -> str:
        """Its certificate request."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(self.session, None).public_bytes(Encoding.PEM).decode()

    def binding(self, signer: Ed25519PrivateKey | None = None) -> str:
        """Its identity's word for its session key, base64."""
        spki = hashlib.sha256(spki_of(self.session.public_key())).hexdigest()
        key = signer or self.identity
        bound = SessionKey(spki_sha256=spki, made_at=int(NOW))
        return base64.b64encode(bind_session_key(bound, key.sign, public(key))).decode()

    def request(self, secret: int, **changes: Any) -> EnrolmentRequest:
        """What it asks with its code."""
        values: dict[str, Any] = {
            "secret": secret,
            "card": self.card,
            "csr": self.csr(),
            "binding": self.binding(),
            "unlock": base64.b64encode(self.unlock).decode(),
            "software": "0.1.0",
        }
        return EnrolmentRequest.of(values | changes)
