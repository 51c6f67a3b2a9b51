"""Confirming a partner: two people read six words to each other."""

from __future__ import annotations

import click

from bocage_contract.canonical import canonical_json
from bocage_contract.card import Card, open_card
from bocage_contract.configuration import Link
from bocage_contract.fingerprint import matches, words
from bocage_edge import configuration
from bocage_edge.errors import ConfigError
from bocage_edge.keeper.client import Keeper
from bocage_edge.partner import Confirmed, partner_of
from bocage_edge.paths import Box
from bocage_edge.units import UNITS
from bocage_system.kick import ring


@click.group()
def pair() -> None:
    """Confirm that a partner's keys are the partner's."""


@pair.command()
@click.pass_obj
def show(box: Box) -> None:
    """Show our own six words, and those of each link's partner."""
    own = configuration.load_card(box)
    click.echo(f"{own.device} (this box): {_both(own)}")
    in_force = configuration.load(box)
    for link in in_force.desired.links:
        state = partner_of(link, in_force.pins)
        if isinstance(state, Confirmed):
            click.echo(f"{link.id}: {link.partner} confirmed: {_both(state.card)}")
            continue
        click.echo(f"{link.id}: {state.reason}")
        if link.partner_card is not None:
            click.echo(f"  words of the card that came: {_both(_card(link))}")


@pair.command()
@click.argument("link_id")
@click.option("--words", "typed", help="The six words as the partner reads them; else asked for.")
@click.pass_obj
def confirm(box: Box, link_id: str, typed: str | None) -> None:
    """Confirm the partner of a link by the six words its people read out."""
    in_force = configuration.load(box)
    link = in_force.desired.link(link_id)
    if link is None:
        raise ConfigError(f"no link {link_id}", "see: bocage-edge pair show")
    card = _card(link)
    if typed is None:
        click.echo(f"Call {link.partner} and ask for its six words.")
        typed = click.prompt("Six words")
    if not matches(card.identity_key, typed or ""):
        raise ConfigError(
            "these are not the words of the card that came",
            "do NOT go on: somebody may stand between the two boxes; tell the operator",
        )
    Keeper(box.keeper_socket).pin(link.id, canonical_json(link.partner_card))
    for unit in UNITS:
        ring(box.doorbell(unit.name))
    click.echo(f"{link.partner} confirmed on link {link.id}", err=True)


def _card(link: Link) -> Card:
    if link.partner_card is None:
        raise ConfigError(f"the configuration brings no card for link {link.id}")
    return open_card(canonical_json(link.partner_card))


def _both(card: Card) -> str:
    return (
        f"{' '.join(words(card.identity_key, 'fr'))} / {' '.join(words(card.identity_key, 'en'))}"
    )
