"""Every sample ever written down is read by today's code, and written back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.convention.approval import verify_approvals
from bocage_contract.fleet.schema import DOWNWARD, SHARED, UPWARD
from bocage_contract.ledger import Entry, Head
from bocage_contract.model import Model
from bocage_contract.pins import Pins

SAMPLES = Path(__file__).parents[2] / "contract" / "samples"
MODELS: dict[str, type[Model]] = {
    **UPWARD,
    **DOWNWARD,
    **SHARED,
    "entry": Entry,
    "head": Head,
    "pins": Pins,
}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_a_sample_is_read_and_written_back_unchanged(path: Path) -> None:
    """Names are MESSAGE.NUMBER.json; nothing in them is ever changed."""
    value = json.loads(path.read_text())
    assert MODELS[path.name.split(".")[0]].of(value).to_json() == value


def test_the_approvals_in_a_sample_still_hold() -> None:
    """They are over the convention's one spelling: a field that came later must not change it."""
    value = json.loads((SAMPLES / "desired.3.json").read_text())
    (approved,) = Desired.of(value).links[0].conventions
    verify_approvals(approved)


def test_every_message_has_a_sample() -> None:
    """A new message comes with one."""
    assert {path.name.split(".")[0] for path in SAMPLES.glob("*.json")} == set(MODELS)
