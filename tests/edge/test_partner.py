"""Whose keys may be used: only those of the identity that was confirmed on this box."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bocage_contract.card import Card, seal_card
from bocage_contract.configuration import Desired, Link
from bocage_contract.pins import Pin, Pins
from bocage_edge.partner import Confirmed, Unconfirmed, partner_of
from tests.contract.keys import card_of, desired_document, identity, public, text

BOX, PARTNER, STRANGER = identity(1), identity(2), identity(3)


def link_with(card: dict[str, Any] | None) -> Link:
    """Make the link of the sample configuration, with this card of the partner."""
    document = desired_document(BOX)
    document["links"][0]["partner_card"] = card
    return Desired.of(document).links[0]


def envelope(card: Card, signer: Any) -> dict[str, Any]:
    """Sign a card as JSON values."""
    value: dict[str, Any] = json.loads(seal_card(card, signer.sign))
    return value


def pinned(serial: int = 1) -> Pins:
    """The partner was confirmed when its card had this serial."""
    pin = Pin(
        link="flers-caen",
        device="caen-1",
        identity=text(public(PARTNER)),
        card_serial=serial,
        confirmed_at=1,
    )
    return Pins(revision=1, pins=[pin])


def test_a_confirmed_partner_is_sealed_to_with_both_its_keys() -> None:
    """The opening key and the site's recovery key."""
    state = partner_of(link_with(envelope(card_of(PARTNER, "caen-1"), PARTNER)), pinned())
    assert isinstance(state, Confirmed)
    assert state.recipients == (state.card.opening, state.card.recovery)


def test_a_newer_card_of_the_same_identity_needs_no_new_confirmation() -> None:
    """The pinned identity signed it."""
    newer = envelope(card_of(PARTNER, "caen-1", serial=2), PARTNER)
    assert isinstance(partner_of(link_with(newer), pinned()), Confirmed)


@pytest.mark.parametrize(
    ("card", "pins", "changed"),
    [
        (None, pinned(), False),
        (envelope(card_of(PARTNER, "caen-1"), PARTNER), Pins(), False),
        (envelope(card_of(STRANGER, "caen-1"), STRANGER), pinned(), True),
        (envelope(card_of(PARTNER, "elsewhere"), PARTNER), pinned(), True),
        (envelope(card_of(PARTNER, "caen-1"), PARTNER), pinned(serial=2), True),
        (envelope(card_of(PARTNER, "caen-1"), STRANGER), pinned(), False),
        ({"payload_type": "bocage.card"}, pinned(), False),
    ],
    ids=["no card", "never confirmed", "other keys", "other box", "older card", "forged", "broken"],
)
def test_anything_else_stops_the_link(
    card: dict[str, Any] | None, pins: Pins, changed: bool
) -> None:
    """A console that was taken over cannot put itself between two boxes."""
    state = partner_of(link_with(card), pins)
    assert isinstance(state, Unconfirmed)
    assert state.changed is changed
    assert "flers-caen" in state.reason
