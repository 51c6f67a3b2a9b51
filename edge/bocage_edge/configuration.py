"""The configuration in force, verified by whoever reads it.

Nothing on the box reads an unsigned configuration: each unit checks the signature, the audience and
the revision for itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from bocage_contract.card import Card, open_card
from bocage_contract.configuration import Desired, open_desired
from bocage_contract.errors import ContractError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.keyset import Keyset, Purpose, read_first_keyset, read_next_keyset
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
    return tuple(_stamp(path) for path in (box.desired, box.keyset, box.card, box.pins))


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
    trusted = load_keyset(box).keys(Purpose.CONFIGURATION)
    return verify_desired(raw, trusted, card, at_least_revision=at_least_revision)


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


def load_keyset(box: Box) -> Keyset:
    """Read which keys may sign what.

    Raises:
        ConfigError: the keyset is missing, damaged, or not signed by its own roots.
    """
    raw = _read(
        box.keyset,
        "the box has no keyset: no key may sign its configuration yet",
        "run: bocage-edge enrol, or bocage-edge config keyset FILE",
    )
    try:
        return read_first_keyset(raw)
    except ContractError as error:
        raise ConfigError(f"config/keyset.json: {error}", "restore it from a backup") from error


def verify_keyset(raw: bytes, held: Keyset | None) -> Keyset:
    """Check a keyset that is to replace the one in force, or to be the first.

    Raises:
        ConfigError: too few roots signed it, or it is not newer.
    """
    try:
        return read_first_keyset(raw) if held is None else read_next_keyset(raw, held)
    except ContractError as error:
        raise ConfigError(f"keyset: {error}", "the one in force stays") from error


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
