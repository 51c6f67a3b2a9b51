"""The configuration in force, verified by whoever reads it.

Nothing on the box reads an unsigned configuration: each unit checks the signature, the audience and
the revision for itself.
"""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass
from pathlib import Path

from bocage_contract.card import Card, open_card
from bocage_contract.configuration import Desired, open_desired
from bocage_contract.errors import ContractError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.pins import Pins, open_pins
from bocage_contract.signing import MAX_ENVELOPE_BYTES
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_system.durable import read_limited


@dataclass(frozen=True, slots=True)
class InForce:
    """What a unit works by: configuration, own card, confirmed partners, read at one moment."""

    desired: Desired
    card: Card
    pins: Pins


def load(box: Box) -> InForce:
    """Read and verify everything a unit works by.

    Raises:
        ConfigError: a file is missing, or not signed by who must have signed it.
    """
    card = load_card(box)
    desired = load_desired(box, card)
    return InForce(desired, card, load_pins(box, card))


class Loader:
    """What is in force, verified again only where a file has changed. Safe to use from any thread.

    Every file is replaced as a whole, so a new one has another inode.
    """

    def __init__(self, box: Box) -> None:
        """Read nothing yet."""
        self._box = box
        self._lock = threading.Lock()
        self._read: tuple[_Stamps, InForce] | None = None

    def now(self) -> InForce:
        """Give what is in force.

        Raises:
            ConfigError: as `load`; it is tried again the next time.
        """
        with self._lock:
            # Before reading: what changes meanwhile is read the next time.
            stamps = _stamps(self._box)
            if self._read is None or self._read[0] != stamps:
                self._read = None
                self._read = stamps, load(self._box)
            return self._read[1]


_Stamps = tuple[tuple[int, int, int] | None, ...]


def _stamps(box: Box) -> _Stamps:
    return tuple(_stamp(path) for path in (box.desired, box.trust, box.card, box.pins))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def load_card(box: Box) -> Card:
    """Read the box's own card.

    Raises:
        ConfigError: it is missing or damaged.
    """
    raw = _read(box.card, "the box has no keys yet", "run: bocage-edge setup")
    try:
        return open_card(raw)
    except ContractError as error:
        raise ConfigError(f"own card: {error}", "restore it from a backup") from error


def load_desired(box: Box, card: Card, *, at_least_revision: int = 1) -> Desired:
    """Read the configuration in force.

    Raises:
        ConfigError: it is missing, unsigned, for another box, or older than allowed.
    """
    raw = _read(
        box.desired, "the box has no configuration yet", "run: bocage-edge config load FILE"
    )
    return verify_desired(raw, load_trust(box), card, at_least_revision=at_least_revision)


def verify_desired(
    raw: bytes, trusted: frozenset[bytes], card: Card, *, at_least_revision: int = 1
) -> Desired:
    """Check that a configuration is signed by a trusted key, and for this box.

    Raises:
        ConfigError: it is not.
    """
    audience = fingerprint(card.identity_key)
    try:
        return open_desired(raw, trusted, audience, at_least_revision=at_least_revision)
    except ContractError as error:
        raise ConfigError(f"configuration: {error}", "the one in force stays") from error


def load_trust(box: Box) -> frozenset[bytes]:
    """Read the public keys that may sign configuration.

    Raises:
        ConfigError: the list is missing or damaged.
    """
    raw = _read(box.trust, "no key is trusted to sign configuration", "run: bocage-edge setup")
    try:
        return frozenset(base64.b64decode(text, validate=True) for text in json.loads(raw))
    except (ValueError, TypeError) as error:
        raise ConfigError("config/trust.json is damaged", "restore it from a backup") from error


def load_pins(box: Box, card: Card) -> Pins:
    """Read the confirmed partners; none where no partner has been confirmed yet.

    Raises:
        ConfigError: the list is damaged or not signed by this box.
    """
    try:
        raw = read_limited(box.pins, MAX_ENVELOPE_BYTES)
    except FileNotFoundError:
        return Pins()
    except (OSError, ValueError) as error:
        raise ConfigError(f"pins.json: {error}") from error
    try:
        return open_pins(raw, card.identity_key)
    except ContractError as error:
        raise ConfigError(f"pins.json: {error}", "confirm the partners again") from error


def _read(path: Path, missing: str, hint: str) -> bytes:
    try:
        return read_limited(path, MAX_ENVELOPE_BYTES)
    except FileNotFoundError:
        raise ConfigError(missing, hint) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
