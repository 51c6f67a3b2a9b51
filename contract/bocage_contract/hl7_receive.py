"""HL7 v2 that a site sends to its box: who may send it, and which link a message belongs to.

A message names no link. Where a sender serves one link, all of its messages are that link's; where
it serves several, a declared table tells them apart by receiving application and facility (MSH-5,
MSH-6). Source: HL7 v2.5.1 2.15.9; `Receive.hl7` of the configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field

from bocage_contract.model import Model
from bocage_contract.names import Address, Label, LinkId, Network, Port

# HD: a namespace or an OID. Nothing that is a separator anywhere, nothing that needs quoting.
Hl7Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.:+-]([A-Za-z0-9 _.:+-]{0,62}[A-Za-z0-9_.:+-])?$")
]
Oid = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", max_length=64)]


class Issuer(Model):
    """Somebody who gives out patient numbers, and every way that systems write who it is."""

    name: Hl7Name = Field(description="As Issuer of Patient ID or PID-3.4.1 has it.")
    oid: Oid | None = None
    also: list[Hl7Name] = Field(default_factory=list, max_length=16)
    assumed: bool = Field(
        False, description="What the site sends with a number and no issuer has a number of this."
    )

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way it is written."""
        return (self.name, *([] if self.oid is None else [self.oid]), *self.also)


class Hl7Route(Model):
    """A link that a sender's messages may belong to; what is not stated may be anything."""

    link: LinkId
    receiving_application: Hl7Name | None = Field(None, description="MSH-5, either part.")
    receiving_facility: Hl7Name | None = Field(None, description="MSH-6, either part.")

    @property
    def is_told_apart(self) -> bool:
        """Whether it asks anything of a message."""
        return self.receiving_application is not None or self.receiving_facility is not None


class Hl7Sender(Model):
    """A system of the site that may send messages."""

    name: Label
    addresses: list[Network] = Field(min_length=1)
    sending_application: Hl7Name | None = Field(None, description="MSH-3 it must state.")
    sending_facility: Hl7Name | None = Field(None, description="MSH-4 it must state.")
    links: list[Hl7Route] = Field(min_length=1, max_length=64)


class Hl7Receive(Model):
    """The box's MLLP port on the LAN."""

    address: Address | None = Field(None, description="Null: the one of the DICOM port.")
    port: Port = 2575
    idle_timeout_s: int = Field(
        3600, ge=10, le=86400, description="Senders keep a connection and may be silent for long."
    )
    max_connections: int = Field(20, ge=1, le=200)
    wait_days: int = Field(
        30, ge=1, le=366, description="A request whose exam has not come by then is shown."
    )
    senders: list[Hl7Sender] = Field(default_factory=list, max_length=64)


def hl7_faults(hl7: Hl7Receive, links: Collection[str]) -> list[str]:
    """Name everything that does not fit.

    Args:
        links: ids of the configuration's links.
    """
    faults = [
        f"HL7 sender {name} stands twice" for name in _doubled(each.name for each in hl7.senders)
    ]
    for sender in hl7.senders:
        faults += [
            f"HL7 sender {sender.name}: link {route.link} does not exist"
            for route in sender.links
            if route.link not in links
        ]
        faults += _untold(sender)
    return faults


def _untold(sender: Hl7Sender) -> list[str]:
    """Name what would leave it open which link a message belongs to."""
    if len(sender.links) == 1:
        return []
    faults = [
        f"HL7 sender {sender.name}: link {route.link} is one of several, so it must name a"
        " receiving application or facility (MSH-5, MSH-6)"
        for route in sender.links
        if not route.is_told_apart
    ]
    stated = (
        f"{route.receiving_application or ''}|{route.receiving_facility or ''}"
        for route in sender.links
        if route.is_told_apart
    )
    return faults + [
        f"HL7 sender {sender.name}: two of its links have the same receiving application and"
        f" facility ({each})"
        for each in _doubled(stated)
    ]


def issuer_faults(issuers: Collection[Issuer]) -> list[str]:
    """Name issuers that could be taken for one another."""
    spellings = _doubled(
        spelling
        for each in issuers
        for spelling in {spelling.casefold() for spelling in each.spellings}
    )
    faults = [f"issuer {each} stands twice" for each in spellings]
    if sum(each.assumed for each in issuers) > 1:
        faults.append("only one issuer can be the one that is assumed where none is named")
    return faults


def _doubled(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
