"""A box that is told a new configuration, with units that say what a test lets them say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.fleet.events import Why
from bocage_edge.configuration import load_card, load_desired, load_keyset
from bocage_edge.link.proving import Proving
from bocage_edge.link.trial import SETTLE_S
from bocage_edge.paths import Box
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public

NOW = 1_800_000_000.0
BOX, CONSOLE, STRANGER = identity(1), identity(5), identity(6)
BOOT, NEXT_BOOT = "a" * 32, "b" * 32


class Tried:
    """A box on the disk and what its units say."""

    def __init__(self, folder: Path) -> None:
        self.box = Box(folder / "state", folder / "run")
        for path in (self.box.keyset.parent, self.box.inbox):
            path.mkdir(parents=True)
        self.box.card.write_bytes(seal_card(card_of(BOX), BOX.sign))
        self.box.keyset.write_bytes(keyset_of(CONSOLE))
        self.box.desired.write_bytes(signed(3))
        self.now = NOW
        self.statuses: dict[str, dict[str, Any]] = {}
        self.says(3)
        self.proving = self.start(BOOT)

    def start(self, boot: str) -> Proving:
        """Start the link unit."""
        self.proving = Proving(self.box, boot, lambda: self.statuses)
        return self.proving

    def says(self, revision: int, *, connected: bool = True, echo_ok: bool = True) -> None:
        """Let every unit speak now."""
        legs = {"outgoing": {"connected": connected}, "incoming": {"connected": connected}}
        links = [{"link": link["id"], **legs} for link in desired_document(BOX)["links"]]
        names = [there["name"] for there in desired_document(BOX)["destinations"]]
        stations = {name: {"echo_revision": revision, "echo_ok": echo_ok} for name in names}
        self.statuses = {
            "link": {"at": self.now, "revision": revision},
            "receive": {"at": self.now, "revision": revision},
            "deliver": {"at": self.now, "revision": revision, "destinations": stations},
            "relay": {"at": self.now, "links": links},
        }

    def lay_down(self, raw: bytes, name: str = "desired.json") -> None:
        """Do what the agent does."""
        (self.box.inbox / name).write_bytes(raw)

    def after(self, seconds: float) -> bool:
        """Let time pass, then a round."""
        self.now += seconds
        return self.proving.step(self.now)

    @property
    def revision(self) -> int:
        """What the units would work by."""
        return load_desired(self.box, load_card(self.box)).revision

    @property
    def said(self) -> dict[str, Any]:
        """What the unit says of the configuration."""
        return self.proving.status()


def signed(revision: int, key: Ed25519PrivateKey = CONSOLE, **changes: Any) -> bytes:
    document = desired_document(BOX) | {"revision": revision} | changes
    return seal_desired(Desired.of(document), key.sign, public(key))


@pytest.fixture
def tried(tmp_path: Path) -> Tried:
    return Tried(tmp_path)


def on_trial(tried: Tried, revision: int = 4) -> None:
    """Let a revision come in."""
    tried.lay_down(signed(revision))
    assert tried.after(1)
    assert tried.revision == revision
    assert tried.said["trial"]["revision"] == revision


def test_a_revision_that_holds_is_confirmed(tried: Tried) -> None:
    on_trial(tried)
    tried.now += SETTLE_S + 1
    tried.says(4)
    assert not tried.after(1)
    assert (tried.said["trial"], tried.said["confirmed"], tried.revision) == (None, 4, 4)


def test_a_revision_under_which_the_partner_is_lost_is_given_up(tried: Tried) -> None:
    """A wrong key, a wrong endpoint, a firewall that shuts it out: the box ends where it was."""
    on_trial(tried)
    for _ in range(25):
        tried.says(4, connected=False)
        if tried.after(6):
            break
    assert tried.revision == 3
    returned = tried.said["returned"]
    assert (returned["revision"], returned["why"]) == (4, "check_failed")
    assert [check["kind"] for check in returned["failed"]] == ["relay"]


def test_a_pacs_that_restarts_during_the_trial_is_asked_again(tried: Tried) -> None:
    on_trial(tried)
    for _ in range(5):
        tried.now += SETTLE_S
        tried.says(4, echo_ok=False)
        assert not tried.after(1)
    tried.says(4)
    tried.after(1)
    assert tried.said["confirmed"] == 4


def test_a_station_that_was_off_before_is_unproven(tried: Tried) -> None:
    tried.says(3, echo_ok=False)
    on_trial(tried)
    for _ in range(25):
        tried.says(4, echo_ok=False)
        tried.after(6)
    assert (tried.revision, tried.said["confirmed"]) == (4, 4)
    assert [check["kind"] for check in tried.said["unproven"]] == ["station"]


def test_a_power_cut_in_the_window_brings_the_old_one_back(tried: Tried) -> None:
    on_trial(tried)
    tried.start(NEXT_BOOT)
    assert tried.after(30)
    assert tried.revision == 3
    assert tried.said["returned"]["why"] == Why.POWER_CUT.value
    tried.start(NEXT_BOOT)
    assert not tried.after(1)


def test_a_unit_that_is_killed_in_the_window_goes_on_with_the_trial(tried: Tried) -> None:
    on_trial(tried)
    tried.start(BOOT)
    tried.now += SETTLE_S + 1
    tried.says(4)
    assert not tried.after(1)
    assert tried.said["confirmed"] == 4


def test_a_revision_that_was_given_up_never_comes_back(tried: Tried) -> None:
    on_trial(tried)
    tried.start(NEXT_BOOT)
    tried.after(1)
    tried.lay_down(signed(4))
    assert not tried.after(1)
    assert (tried.revision, tried.said["refused"]) == (3, "older")
    on_trial(tried, 5)


def test_a_unit_that_does_not_take_it_up_gives_it_up(tried: Tried) -> None:
    on_trial(tried)
    for _ in range(25):
        tried.says(3)
        tried.after(6)
    assert tried.revision == 3
    assert "units" in [check["kind"] for check in tried.said["returned"]["failed"]]


BAD = {
    "forged": (signed(9, STRANGER), "bad_signature"),
    "older": (signed(2), "older"),
    "for another box": (signed(9, audience="0" * 64), "not_for_us"),
    "nonsense": (b"{", "malformed"),
    "too large": (b"x" * (1 << 21), "malformed"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_must_not_be_taken_is_refused_counted_and_said(tried: Tried, what: str) -> None:
    raw, word = BAD[what]
    tried.lay_down(raw)
    assert not tried.after(1)
    assert (tried.revision, tried.said["trial"]) == (3, None)
    assert (tried.said["refused"], tried.said["refused_count"]) == (word, 1)


def test_every_flipped_byte_of_a_configuration_is_refused(tried: Tried) -> None:
    raw = signed(9)
    for at in range(0, len(raw), 97):
        tried.lay_down(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert not tried.after(1)
        assert tried.revision == 3


def test_the_same_again_is_nothing_new(tried: Tried) -> None:
    tried.lay_down(signed(3))
    assert not tried.after(1)
    assert tried.said["refused_count"] == 0


def test_the_next_one_waits_until_this_one_is_decided(tried: Tried) -> None:
    on_trial(tried)
    tried.lay_down(signed(5))
    assert not tried.after(1)
    assert tried.revision == 4
    tried.now += SETTLE_S + 1
    tried.says(4)
    assert tried.after(1)
    assert tried.revision == 5


def test_a_stolen_key_is_replaced_and_its_signatures_die(tried: Tried) -> None:
    """The roots say who signs; what the old key signed is refused from then on."""
    new = identity(7)
    tried.lay_down(keyset_of(new, version=2), "keyset.json")
    tried.after(1)
    assert load_keyset(tried.box).version == 2
    tried.lay_down(signed(8))
    assert not tried.after(1)
    assert tried.said["refused"] == "bad_signature"


def test_a_keyset_the_roots_did_not_sign_is_refused(tried: Tried) -> None:
    tried.lay_down(keyset_of(STRANGER), "keyset.json")  # the version that is in force, other keys
    tried.after(1)
    assert load_keyset(tried.box).version == 1
    assert tried.box.keyset.read_bytes() == keyset_of(CONSOLE)
    assert tried.said["refused_count"] == 1


def test_the_first_configuration_of_a_new_box_needs_no_other(tmp_path: Path) -> None:
    tried = Tried(tmp_path)
    tried.box.desired.unlink()
    on_trial(tried, 1)
    tried.now += SETTLE_S + 1
    tried.says(1)
    tried.after(1)
    assert tried.said["confirmed"] == 1


def test_a_first_configuration_that_does_not_hold_stays_for_want_of_another(
    tmp_path: Path,
) -> None:
    tried = Tried(tmp_path)
    tried.box.desired.unlink()
    on_trial(tried, 1)
    tried.start(NEXT_BOOT)
    tried.after(1)
    assert tried.revision == 1
    assert tried.said["returned"]["why"] == "power_cut"
