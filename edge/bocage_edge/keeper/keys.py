"""The keeper's two private keys, and what is derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bocage_edge.errors import KeeperError
from bocage_edge.paths import Box
from bocage_system.durable import read_limited

KEY_BYTES = 32
_LINK_KEY_INFO = b"bocage:link-key:1"


@dataclass(frozen=True, slots=True)
class PrivateKeys:
    """Identity (Ed25519: signs) and agreement (X25519: gives a key shared with a partner)."""

    identity: Ed25519PrivateKey
    agreement: X25519PrivateKey

    @property
    def identity_public(self) -> bytes:
        """Public half of the identity, 32 bytes."""
        return self.identity.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Sign with the identity, 64 bytes. Source: RFC 8032."""
        return self.identity.sign(data)


def load_keys(box: Box) -> PrivateKeys:
    """Read the keys the set-up made.

    Raises:
        KeeperError: one is missing, is no key, or others may read it.
    """
    return PrivateKeys(
        Ed25519PrivateKey.from_private_bytes(_read_key(box.identity_key)),
        X25519PrivateKey.from_private_bytes(_read_key(box.agreement_key)),
    )


def link_key(
    own: X25519PrivateKey, partner_agreement: bytes, link: str, identities: tuple[bytes, bytes]
) -> bytes:
    """Derive the key that only the two boxes of a link can know; both come to the same.

    Args:
        partner_agreement: X25519 public key of the confirmed partner, 32 bytes.
        identities: the two boxes' identity keys, in either order.

    Returns:
        32 bytes.

    Raises:
        KeeperError: the partner's key is one that gives everybody the same secret.

    Source: RFC 7748 §6.1; RFC 5869.
    """
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(partner_agreement))
    except ValueError:
        raise KeeperError("the partner's agreement key is not usable") from None
    info = b"\0".join((_LINK_KEY_INFO, link.encode(), *sorted(identities)))
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)


def _read_key(path: Path) -> bytes:
    try:
        raw = read_limited(path, KEY_BYTES)
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise KeeperError(f"{path.name} is missing", hint="run: bocage-edge setup") from None
    except ValueError:
        raise KeeperError(f"{path.name} is not a key", hint="restore it from a backup") from None
    if mode & 0o077:
        raise KeeperError(f"others may read {path.name}", hint=f"run: chmod 600 {path}")
    if len(raw) != KEY_BYTES:
        raise KeeperError(f"{path.name} is not a key", hint="restore it from a backup")
    return raw
