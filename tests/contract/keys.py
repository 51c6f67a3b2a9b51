"""Keys and documents that several tests of the contract need."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import Card, TunnelKey
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.keyset import Keyset, seal_keyset

AGE_RECIPIENT = "age1" + "q" * 58


def identity(number: int) -> Ed25519PrivateKey:
    """Make the same key for the same number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def public(key: Ed25519PrivateKey) -> bytes:
    """Give the public key, 32 bytes."""
    return key.public_key().public_bytes_raw()


def text(key: bytes) -> str:
    """Write a key in base64."""
    return base64.b64encode(key).decode()


def keyset_of(*configuration: Ed25519PrivateKey, version: int = 1) -> bytes:
    """Have one root vouch for the keys that may sign configurations and commands."""
    root = identity(99)
    keys = [text(public(key)) for key in configuration]
    keyset = Keyset(
        version=version,
        issued_at=1_790_000_000,
        threshold=1,
        roots=[text(public(root))],
        configuration=keys,
        command=keys,
    )
    return seal_keyset(keyset, root.sign, public(root))


def card_of(key: Ed25519PrivateKey, device: str = "flers-1", serial: int = 1) -> Card:
    """Make the card of a box with this identity."""
    return Card(
        device=device,
        serial=serial,
        identity=text(public(key)),
        agreement=text(bytes(32)),
        tunnels=[TunnelKey(generation=1, public_key=text(bytes([7]) * 32))],
        opening=AGE_RECIPIENT,
        recovery=AGE_RECIPIENT,
        made_at=1_800_000_000,
    )


def desired_document(key: Ed25519PrivateKey) -> dict[str, Any]:
    """Write a small, whole configuration for the box with this identity, as JSON values."""
    return {
        "contract": 1,
        "device": "flers-1",
        "audience": fingerprint(public(key)),
        "revision": 3,
        "issued_at": 1_800_000_000,
        "site": {"name": "Hôpital de Flers", "lan": ["192.168.1.0/24"]},
        "receive": {
            "address": "192.168.1.1",
            "port": 11112,
            "callers": [{"aet": "CR1", "addresses": ["192.168.1.20/32"]}],
        },
        "links": [
            {
                "id": "flers-caen",
                "role": "requesting",
                "partner": "caen-1",
                "tunnel": {
                    "address": "fd00::1",
                    "partner_address": "fd00::2",
                    "listen_port": 51820,
                    "endpoint": "caen.example:51820",
                },
                "services": [{"aet": "FLERS", "class": "routine", "callers": ["CR1"]}],
                "deliver": [{"classes": ["report"], "destinations": ["pacs"]}],
            }
        ],
        "destinations": [
            {
                "name": "pacs",
                "aet": "PACS",
                "host": "192.168.1.30",
                "port": 104,
                "calling_aet": "BOCAGE",
            }
        ],
    }
