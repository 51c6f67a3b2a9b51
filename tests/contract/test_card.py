"""Cards are signed by the identity they name."""

from __future__ import annotations

import json

import pytest

from bocage_contract.canonical import canonical_json
from bocage_contract.card import CARD_TYPE, Card, open_card, seal_card
from bocage_contract.errors import ContractError, SignatureError
from bocage_contract.signing import seal_envelope
from tests.contract.keys import card_of, identity, public


def test_a_card_comes_back_as_it_was() -> None:
    """Sealing and opening change nothing."""
    card = card_of(identity(1))
    assert open_card(seal_card(card, identity(1).sign)) == card


def test_a_card_signed_by_another_key_is_refused() -> None:
    """Nobody writes another box's card."""
    card = card_of(identity(1))
    with pytest.raises(SignatureError):
        open_card(seal_card(card, identity(2).sign))
    forged = seal_envelope(
        CARD_TYPE, canonical_json(card.to_json()), identity(2).sign, public(identity(2))
    )
    with pytest.raises(SignatureError):
        open_card(forged)


def test_a_field_of_a_newer_release_is_kept() -> None:
    """An old box can hand a newer card on without breaking it."""
    document = {**card_of(identity(1)).to_json(), "colour": "green"}
    card = Card.of(document)
    assert card.to_json() == document


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "../etc"),
        ("device", "A"),
        ("identity", "short"),
        ("opening", "AGE-SECRET-KEY-1QQQ"),
        ("serial", 0),
        ("tunnels", []),
        ("made_at", -1),
    ],
)
def test_a_field_outside_its_alphabet_is_refused(field: str, value: object) -> None:
    """Names from a card end up in rules and file names; they need no quoting."""
    document = {**card_of(identity(1)).to_json(), field: value}
    with pytest.raises(ContractError):
        Card.read(json.dumps(document))


def test_a_generation_is_found_by_its_number() -> None:
    """Old and new tunnel keys stand on one card while they change over."""
    card = card_of(identity(1))
    assert card.tunnel_key(1) == card.tunnels[0].public_key
    assert card.tunnel_key(2) is None
