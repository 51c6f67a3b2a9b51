"""First boot: keys once, folders with their owners, paper that opens what it must."""

from __future__ import annotations

import stat

import pyrage
import pytest

from bocage_contract.fleet.keyset import Purpose
from bocage_edge import configuration
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_edge.seal.keys import recipient_of, unwrap
from bocage_edge.setup import Paper, make_keys
from bocage_edge.units import own_owners
from bocage_system.command import LocalHost
from tests.contract.keys import identity, keyset_of, public

pytestmark = pytest.mark.processes  # wg makes the tunnel key

CONSOLE = identity(5)
KEYSET = keyset_of(CONSOLE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, Paper]:
    """A box after its first boot."""
    folder = tmp_path_factory.mktemp("box")
    box = Box(folder / "state", folder / "run")
    return box, make_keys(box, LocalHost(), own_owners(), "flers-1", KEYSET, 1_800_000_000)


def test_the_card_names_the_keys_that_were_made(made: tuple[Box, Paper]) -> None:
    """And is signed by the identity it names."""
    box, paper = made
    card = configuration.load_card(box)
    assert (card.device, card.serial, card.made_at) == ("flers-1", 1, 1_800_000_000)
    assert recipient_of(paper.recovery_key) == card.recovery
    assert recipient_of(unwrap(box.opening_wrapped.read_bytes(), paper.code)) == card.opening
    assert configuration.load_keyset(box).keys(Purpose.CONFIGURATION) == {public(CONSOLE)}


def test_the_paper_opens_what_is_sealed_to_the_site(made: tuple[Box, Paper]) -> None:
    """With any program that reads age files."""
    box, paper = made
    card = configuration.load_card(box)
    recipients = [pyrage.x25519.Recipient.from_str(key) for key in (card.opening, card.recovery)]
    sealed = pyrage.encrypt(b"exam", recipients)
    opener = pyrage.x25519.Identity.from_str(paper.recovery_key)
    assert pyrage.decrypt(sealed, [opener]) == b"exam"


def test_nothing_of_the_paper_stays_on_the_box(made: tuple[Box, Paper]) -> None:
    """Neither the code nor the recovery key is in any file."""
    box, paper = made
    for path in box.state.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert paper.code.encode() not in raw
            assert paper.recovery_key.encode() not in raw


def test_private_keys_are_for_their_unit_only(made: tuple[Box, Paper]) -> None:
    """0600, in folders closed to everybody else."""
    box, _ = made
    for key in (box.identity_key, box.agreement_key, box.tunnel_key(1), box.opening_wrapped):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for folder in (box.keeper_dir, box.link_dir, box.opening_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_set_up_changes_nothing(made: tuple[Box, Paper]) -> None:
    """New keys would cut the box off from what was sealed to the old ones."""
    box, _ = made
    before = {path: path.read_bytes() for path in box.state.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="has its keys already"):
        make_keys(box, LocalHost(), own_owners(), "flers-2", KEYSET, 1)
    assert before == {path: path.read_bytes() for path in box.state.rglob("*") if path.is_file()}
