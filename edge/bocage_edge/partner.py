"""Whether a partner's keys may be used. Pure.

The configuration brings a partner's card; only what people confirmed on this box counts. So a
console that was taken over cannot put itself between two boxes: a card with another identity stops
sealing, sending and accepting on that link until somebody confirms it here.
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage_contract.canonical import canonical_json
from bocage_contract.card import Card, open_card
from bocage_contract.configuration import Link
from bocage_contract.errors import ContractError
from bocage_contract.pins import Pins


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The partner's card, whose identity was confirmed on this box."""

    card: Card

    @property
    def recipients(self) -> tuple[str, str]:
        """Whom to seal to: the partner's opening key and the partner site's recovery key."""
        return self.card.opening, self.card.recovery


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Nothing may be sealed to, sent to, or taken from the partner.

    Args:
        reason: for an operator; also says what to do.
        changed: a confirmed partner's keys were replaced: an alarm, not just work to do.
    """

    reason: str
    changed: bool = False


def partner_of(link: Link, pins: Pins) -> Confirmed | Unconfirmed:
    """Decide whether the partner of a link may be trusted now."""
    if link.partner_card is None:
        return Unconfirmed(f"link {link.id}: the configuration brings no card of {link.partner}")
    try:
        card = open_card(canonical_json(link.partner_card))
    except ContractError as error:
        return Unconfirmed(f"link {link.id}: the card of {link.partner} is not valid: {error}")
    pin = pins.for_link(link.id)
    if pin is None:
        return Unconfirmed(
            f"link {link.id}: partner {link.partner} is not confirmed; read the six words to each "
            f"other and run: bocage-edge pair confirm {link.id}"
        )
    if pin.identity != card.identity or pin.device != card.device:
        return Unconfirmed(
            f"link {link.id}: the keys of {link.partner} CHANGED since they were confirmed; call "
            "the partner before confirming the new ones",
            changed=True,
        )
    if card.serial < pin.card_serial:
        return Unconfirmed(
            f"link {link.id}: the card of {link.partner} is older than one seen before",
            changed=True,
        )
    return Confirmed(card)
