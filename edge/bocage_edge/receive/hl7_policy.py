"""From whom HL7 may come, and which link a message belongs to. Pure.

A connection needs an address that a sender calls from. A message then needs a sender of that
address whose application and facility (MSH-3, MSH-4) are the ones it must state, and exactly one
link: of those with the right role, the one whose receiving application and facility (MSH-5, MSH-6)
it names. Nothing is guessed.

Source: HL7 v2.5.1 2.15.9; names are compared without regard to case.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from bocage_contract.configuration import Desired
from bocage_contract.hl7_receive import Hl7Route, Hl7Sender
from bocage_edge.hl7.message import Message
from bocage_edge.receive.hl7_answer import Hl7Answer
from bocage_edge.receive.policy import IpNetwork, is_within

Role = Literal["requesting", "reading"]


@dataclass(frozen=True, slots=True)
class Sender:
    """A system of the site, and from where it calls."""

    said: Hl7Sender
    networks: tuple[IpNetwork, ...]


@dataclass(frozen=True, slots=True)
class Hl7Policy:
    """The HL7 side of one configuration revision.

    Args:
        roles: what this box is on each link.
    """

    address: tuple[str, int]
    senders: tuple[Sender, ...]
    roles: Mapping[str, Role]
    max_connections: int
    idle_timeout_s: int
    wait_s: float
    language: str

    def senders_at(self, address: str) -> tuple[Hl7Sender, ...]:
        """Give the senders that call from an address; none: nobody we know."""
        return tuple(each.said for each in self.senders if is_within(address, each.networks))


@dataclass(frozen=True, slots=True)
class Routed:
    """Who sent a message, and which link it belongs to."""

    sender: str
    link: str


@dataclass(frozen=True, slots=True)
class Unrouted:
    """It belongs to no link, or nobody can say to which.

    Args:
        sender: whose configuration would have to change; empty where it is no sender's.
    """

    answer: Hl7Answer
    sender: str = ""


def hl7_policy_of(desired: Desired) -> Hl7Policy | None:
    """Take from a configuration what admission needs; None: the box takes no HL7."""
    hl7 = desired.receive.hl7
    if hl7 is None:
        return None
    return Hl7Policy(
        address=(hl7.address or desired.receive.address, hl7.port),
        senders=tuple(
            Sender(each, tuple(ipaddress.ip_network(network) for network in each.addresses))
            for each in hl7.senders
        ),
        roles={link.id: link.role for link in desired.links},
        max_connections=hl7.max_connections,
        idle_timeout_s=hl7.idle_timeout_s,
        wait_s=hl7.wait_days * 86_400.0,
        language=desired.site.language,
    )


def route(
    policy: Hl7Policy, senders: Iterable[Hl7Sender], message: Message, role: Role
) -> Routed | Unrouted:
    """Find the link of a message.

    Args:
        senders: those that call from where it came.
        role: what this box must be on the link: requests start where we are requesting.
    """
    stated = [each for each in senders if _is_from(each, message)]
    if not stated:
        return Unrouted(Hl7Answer.WRONG_SENDER)
    open_to = [
        (sender, link)
        for sender in stated
        for link in sender.links
        if policy.roles.get(link.link) == role
    ]
    if not open_to:
        is_request = role == "requesting"
        refused = Hl7Answer.NO_REQUESTS if is_request else Hl7Answer.NO_REPORTS
        return Unrouted(refused, stated[0].name)
    fitting = [(sender, link) for sender, link in open_to if _is_for(link, message)]
    links = {link.link for _, link in fitting}
    if len(links) == 1:
        sender, link = fitting[0]
        return Routed(sender.name, link.link)
    answer = Hl7Answer.SEVERAL_LINKS if links else Hl7Answer.NO_LINK
    return Unrouted(answer, stated[0].name)


def _is_from(sender: Hl7Sender, message: Message) -> bool:
    return _names(message, 3, sender.sending_application) and _names(
        message, 4, sender.sending_facility
    )


def _is_for(link: Hl7Route, message: Message) -> bool:
    return _names(message, 5, link.receiving_application) and _names(
        message, 6, link.receiving_facility
    )


def _names(message: Message, field: int, wanted: str | None) -> bool:
    """Whether an HD field says a name: by its namespace or by its universal id."""
    if wanted is None:
        return True
    parts = (message.header.text(field, 1), message.header.text(field, 2))
    return wanted.casefold() in {part.casefold() for part in parts}
