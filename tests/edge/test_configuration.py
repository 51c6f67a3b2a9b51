"""Nothing on the box reads an unsigned configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.pins import Pins, seal_pins
from bocage_edge import configuration
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public

BOX, CONSOLE, STRANGER = identity(1), identity(5), identity(6)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box with a card, a trusted key and a configuration, and no process."""
    box = Box(tmp_path / "state", tmp_path / "run")
    for folder in (box.desired.parent, box.pins.parent):
        folder.mkdir(parents=True)
    box.card.write_bytes(seal_card(card_of(BOX), BOX.sign))
    box.keyset.write_bytes(keyset_of(CONSOLE))
    desired = Desired.of(desired_document(BOX))
    box.desired.write_bytes(seal_desired(desired, CONSOLE.sign, public(CONSOLE)))
    return box


def test_a_unit_works_by_what_is_signed(box: Box) -> None:
    """Configuration, card and confirmed partners at one moment."""
    in_force = configuration.load(box)
    assert in_force.desired.revision == 3
    assert in_force.card == card_of(BOX)
    assert in_force.pins == Pins()


def test_a_configuration_signed_by_a_stranger_is_refused(box: Box) -> None:
    """Whoever can write the file cannot configure the box."""
    desired = Desired.of(desired_document(BOX))
    box.desired.write_bytes(seal_desired(desired, STRANGER.sign, public(STRANGER)))
    with pytest.raises(ConfigError, match="trusted signatures"):
        configuration.load(box)
    box.desired.write_text(json.dumps(desired.to_json()))
    with pytest.raises(ConfigError):
        configuration.load(box)


def test_pins_written_by_a_stranger_are_refused(box: Box) -> None:
    """No other process of the box confirms a partner."""
    box.pins.write_bytes(seal_pins(Pins(), STRANGER.sign, public(STRANGER)))
    with pytest.raises(ConfigError, match=r"pins\.json"):
        configuration.load(box)


@pytest.mark.parametrize("missing", ["desired", "card", "keyset"])
def test_what_is_missing_is_said_with_what_to_do(box: Box, missing: str) -> None:
    """The hint names the command."""
    getattr(box, missing).unlink()
    with pytest.raises(ConfigError) as caught:
        configuration.load(box)
    assert "bocage-edge" in caught.value.hint


def test_an_older_revision_does_not_come_back(box: Box) -> None:
    """Configuration only goes forward."""
    card = configuration.load_card(box)
    with pytest.raises(ConfigError, match="older"):
        configuration.load_desired(box, card, at_least_revision=4)


def test_what_is_in_force_is_verified_again_only_where_a_file_changed(box: Box) -> None:
    """A good new file counts at once, a bad one is refused every time it is asked for."""
    loader = configuration.Loader(box)
    first = loader.now()
    assert loader.now() is first
    raw = box.desired.read_bytes()
    box.desired.write_bytes(b"unsigned")
    for _ in range(2):
        with pytest.raises(ConfigError):
            loader.now()
    box.desired.write_bytes(raw)
    assert loader.now() == first
    box.keyset.write_text("[]")
    with pytest.raises(ConfigError):
        loader.now()
