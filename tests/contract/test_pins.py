"""The list of confirmed partners belongs to the box that signed it."""

from __future__ import annotations

import pytest

from bocage_contract.errors import SignatureError
from bocage_contract.pins import Pin, Pins, open_pins, seal_pins
from tests.contract.keys import identity, public, text


def test_only_the_box_itself_writes_its_pins() -> None:
    """Another process of the box cannot confirm a partner by writing a file."""
    pin = Pin(
        link="flers-caen",
        device="caen-1",
        identity=text(public(identity(2))),
        card_serial=1,
        confirmed_at=1_800_000_000,
    )
    pins = Pins(revision=1, pins=[pin])
    own, other = identity(1), identity(2)
    raw = seal_pins(pins, own.sign, public(own))
    assert open_pins(raw, public(own)).for_link("flers-caen") == pin
    assert open_pins(raw, public(own)).for_link("else") is None
    with pytest.raises(SignatureError):
        open_pins(seal_pins(pins, other.sign, public(other)), public(own))
