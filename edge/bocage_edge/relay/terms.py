"""Under which terms a link is served now: whom it reaches where, or why it may not be. Pure."""

import base64
from dataclasses import dataclass, replace

from bocage_contract.configuration import Link
from bocage_contract.convention.model import Convention
from bocage_contract.destination import Content, Destination, takers
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import link_chain
from bocage_edge.configuration import InForce
from bocage_edge.partner import Unconfirmed, partner_of
from bocage_edge.relay.hello import Expected, Hello, Side
from bocage_edge.relay.memory import LinkMemory

# Streams a partner may have open at once; each costs the receiver a row of memory, no more.
STREAMS = 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a connection of one link needs to know of the configuration.

    Where two have the same `lasting`, a running link stays as it is and takes on the new ones.
    """

    link: Link
    device: str
    identity: bytes
    partner_identity: bytes
    revision: int
    timezone: str = "Europe/Paris"
    destinations: tuple[Destination, ...] = ()

    @property
    def id(self) -> str:
        """The link's id."""
        return self.link.id

    @property
    def lasting(self) -> "Terms":
        """The terms as far as a connection depends on them: the rest changes under it."""
        link = self.link.model_copy(update={"cap_mbit": [], "conventions": []})
        return replace(self, link=link, revision=0, timezone="", destinations=())

    @property
    def conventions(self) -> list[Convention]:
        """The versions of the agreement."""
        return [each.convention for each in self.link.conventions]

    @property
    def own_chain(self) -> str:
        """Chain in which this box writes what happens on the link."""
        return link_chain(self.device, self.link.id)

    @property
    def expected(self) -> Expected:
        """Whom a handshake awaits."""
        return Expected(self.link.partner, self.link.id, self.partner_identity)

    def destinations_for(self, klass: ExamClass, content: Content) -> list[str]:
        """Name where what arrives in a class goes; empty: it is kept until there is a place."""
        rule = self.link.destinations_for(klass)
        found = takers([it for it in self.destinations if it.name in rule], content)
        return [] if isinstance(found, str) else [there.name for there in found]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing leaves and nothing is accepted on a link, for this reason."""

    link: str
    reason: str
    is_alarm: bool


def terms_of(link: Link, in_force: InForce) -> Terms | Blocked:
    """Say how a link is to be served."""
    partner = partner_of(link, in_force.pins)
    if isinstance(partner, Unconfirmed):
        return Blocked(link.id, partner.reason, partner.changed)
    return Terms(
        link=link,
        device=in_force.desired.device,
        identity=in_force.card.identity_key,
        partner_identity=partner.card.identity_key,
        revision=in_force.desired.revision,
        timezone=in_force.desired.site.timezone,
        destinations=tuple(in_force.desired.destinations),
    )


def plan_hello(
    terms: Terms, side: Side, memory: LinkMemory, *, nonce: bytes, ledger: int, partner_ledger: int
) -> Hello:
    """Write our HELLO.

    Args:
        nonce: 32 random bytes, never used before.
        ledger: last entry of our own chain of the link.
        partner_ledger: last entry of the partner's chain that we hold.
    """
    return Hello(
        side=side,
        device=terms.device,
        link=terms.id,
        identity=base64.b64encode(terms.identity).decode(),
        nonce=base64.b64encode(nonce).decode(),
        epoch=memory.epoch,
        partner_epoch=memory.partner_epoch,
        ledger=ledger,
        partner_ledger=partner_ledger,
        commit=memory.commit,
        partner_commit=memory.partner_commit,
        revision=terms.revision,
        partner_revision=memory.partner_revision,
        streams=STREAMS,
    )
