"""The keeper's keys, and the one that only two boxes know."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bocage_edge.errors import KeeperError
from bocage_edge.keeper.daemon import open_service
from bocage_edge.keeper.keys import link_key, load_keys
from tests.edge.keeper.box import make_site
from tests.fakes.clock import FakeClock

FLERS = X25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CAEN = X25519PrivateKey.from_private_bytes(bytes([2]) * 32)
IDENTITIES = (b"f" * 32, b"c" * 32)


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def test_both_boxes_come_to_the_same_key() -> None:
    ours = link_key(FLERS, public(CAEN), "flers-caen", IDENTITIES)
    theirs = link_key(CAEN, public(FLERS), "flers-caen", (IDENTITIES[1], IDENTITIES[0]))
    assert ours == theirs
    assert len(ours) == 32


def test_it_does_not_change_between_releases() -> None:
    key = link_key(FLERS, public(CAEN), "flers-caen", IDENTITIES)
    assert key.hex() == "8e6f9e54899e0075ea899be1a76c5ee019bcddf23b8fbd60e56bd6e976934832"


@pytest.mark.parametrize(
    ("partner", "link", "identities"),
    [
        (public(CAEN), "another", IDENTITIES),
        (public(FLERS), "flers-caen", IDENTITIES),
        (public(CAEN), "flers-caen", (b"x" * 32, b"c" * 32)),
    ],
)
def test_another_link_partner_or_identity_has_another_key(
    partner: bytes, link: str, identities: tuple[bytes, bytes]
) -> None:
    key = link_key(FLERS, public(CAEN), "flers-caen", IDENTITIES)
    assert link_key(FLERS, partner, link, identities) != key


def test_a_key_that_gives_everybody_the_same_secret_is_refused() -> None:
    with pytest.raises(KeeperError):
        link_key(FLERS, bytes(32), "flers-caen", IDENTITIES)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    site = make_site(tmp_path, "flers-1", 1)
    assert load_keys(site.box).identity_public == site.card.identity_key
    site.box.identity_key.chmod(0o640)
    with pytest.raises(KeeperError) as told:
        load_keys(site.box)
    assert "chmod" in told.value.hint


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    site = make_site(tmp_path, "flers-1", 1)
    site.box.agreement_key.write_bytes(content)
    with pytest.raises(KeeperError):
        load_keys(site.box)


def test_a_key_that_is_not_the_cards_is_refused(tmp_path: Path) -> None:
    site, other = make_site(tmp_path, "flers-1", 1), make_site(tmp_path, "caen-1", 2)
    site.box.identity_key.write_bytes(other.identity.private_bytes_raw())
    with pytest.raises(KeeperError):
        open_service(site.box, FakeClock())
    site.box.identity_key.unlink()
    with pytest.raises(KeeperError):
        open_service(site.box, FakeClock())
