"""The month's statement of a link, from the ledgers this box holds."""

from __future__ import annotations

import base64

import click

from bocage_contract.configuration import Link
from bocage_contract.ledger import link_chain
from bocage_contract.statement import SignedChain, Statement, as_csv, make_statement
from bocage_edge import configuration
from bocage_edge.cli.ledger_files import keeper_of, kept_entries, own_entries
from bocage_edge.configuration import InForce
from bocage_edge.errors import ConfigError
from bocage_edge.keeper.client import Keeper
from bocage_edge.paths import Box

_NOTHING = "the partner's ledger is not here yet: wait until the two boxes have met"


@click.command()
@click.argument("month", metavar="YYYY-MM")
@click.option("--link", "link_id", help="The link; needed where the box has several.")
@click.option("--csv", "with_csv", is_flag=True, help="Write CSV.")
@click.pass_obj
def statement(box: Box, month: str, link_id: str | None, with_csv: bool) -> None:
    """Print a month's statement: exams, turnaround, slots, reports, amounts."""
    in_force, keeper = configuration.load(box), keeper_of(box)
    link = _link(in_force, link_id)
    own, partner = _own(in_force, keeper, link), _partner(in_force, keeper, link)
    chains = (own, partner) if link.role == "requesting" else (partner, own)
    agreed = [each.convention for each in link.conventions]
    versions = {(each.id, each.version): each for each in agreed}
    timezone = agreed[-1].timezone if agreed else in_force.desired.site.timezone
    made = make_statement(month, *chains, versions, timezone)
    click.echo(as_csv(made), nl=False)
    if not with_csv:
        _tell_rest(made)


def _tell_rest(made: Statement) -> None:
    click.echo(f"not billed: {made.priors} priors, {made.cancelled} cancelled, "
               f"{made.refused} refused")  # fmt: skip
    for head in (made.requesting, made.reading):
        click.echo(f"made of: {head.chain} up to entry {head.n}, {head.hash}")


def _link(in_force: InForce, link_id: str | None) -> Link:
    links = in_force.desired.links
    if link_id is None and len(links) != 1:
        raise ConfigError("which link? the box has several, or none", "give --link LINK")
    found = in_force.desired.link(links[0].id if link_id is None else link_id)
    if found is None:
        raise ConfigError(f"no link {link_id}", "see: bocage-edge config show")
    return found


def _own(in_force: InForce, keeper: Keeper, link: Link) -> SignedChain:
    chain = link_chain(in_force.card.device, link.id)
    head = keeper.head(chain)
    return SignedChain(own_entries(keeper, chain, head), head, in_force.card.identity_key)


def _partner(in_force: InForce, keeper: Keeper, link: Link) -> SignedChain:
    pin = in_force.pins.for_link(link.id)
    held = [each for each in keeper.chains()[1] if each.opening.standing == "held"]
    chain = link_chain(link.partner, link.id)
    found = next((each for each in held if each.opening.chain == chain), None)
    if pin is None or found is None:
        raise ConfigError(f"link {link.id}: no statement", _NOTHING)
    raws = kept_entries(keeper, found)
    return SignedChain(raws, found.head, base64.b64decode(pin.identity))
