"""Who may associate with us, and where what they send goes. Pure.

An association needs three things at once: a calling AE title we know, an address that title may
call from, and a called AE title that is a service open to that caller. The peer is never told
which of them was wrong; the log and the ledger are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bocage_contract.configuration import Desired
from bocage_contract.convention.model import Convention
from bocage_contract.destination import DicomDestination
from bocage_contract.exam_class import ExamClass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reason(StrEnum):
    """Why an association was refused; counted by these words."""

    CALLING_UNKNOWN = "calling AE title unknown"
    ADDRESS_UNKNOWN = "address not one of this caller"
    CALLED_UNKNOWN = "called AE title is no service"
    NOT_ALLOWED = "caller may not use this service"
    MALFORMED = "malformed association request"
    TOO_MANY = "too many associations"


@dataclass(frozen=True, slots=True)
class Service:
    """What a called AE title offers."""

    aet: str
    link: str
    exam_class: ExamClass
    callers: frozenset[str] | None  # None: every known caller

    def is_open_to(self, calling_aet: str) -> bool:
        """Whether this caller may use it."""
        return self.callers is None or calling_aet in self.callers


@dataclass(frozen=True, slots=True)
class Station:
    """A destination that we ask for storage commitment: it may call us with the result.

    Args:
        name: of the destination.
        aet: its AE title, by which it calls.
        called_aet: ours, as it knows us.
    """

    name: str
    aet: str
    called_aet: str
    address: IpAddress


@dataclass(frozen=True, slots=True)
class Policy:
    """The callers and services of one configuration revision."""

    callers: Mapping[str, tuple[IpNetwork, ...]]
    services: Mapping[str, Service]
    max_associations: int
    idle_timeout_s: int
    language: str
    quiet_s: int
    versions: Mapping[str, tuple[Convention, ...]]  # of each link's convention
    committing: frozenset[str] = frozenset()  # callers that may ask for storage commitment
    stations: tuple[Station, ...] = ()

    def knows_address(self, address: str) -> bool:
        """Whether any caller or station at all may call from here."""
        there = _address(address)
        if any(station.address == there for station in self.stations):
            return True
        return any(is_within(address, networks) for networks in self.callers.values())

    def station(self, calling_aet: str, called_aet: str, address: str) -> str | None:
        """Name the destination that calls, as one that may bring a commitment's result."""
        there = _address(address)
        wanted = (calling_aet, called_aet, there)
        for each in self.stations:
            if (each.aet, each.called_aet, each.address) == wanted:
                return each.name
        return None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The association may go on, into this service.

    Args:
        commits: the caller may ask for storage commitment.
        station: the destination that calls by the same titles; None: it is none.
    """

    calling_aet: str
    service: Service
    commits: bool = False
    station: str | None = None


@dataclass(frozen=True, slots=True)
class StationAdmitted:
    """A destination may bring the results of storage commitment, and nothing else."""

    calling_aet: str
    station: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The association may not go on; the reason is for us, not for the peer."""

    reason: Reason


def policy_of(desired: Desired) -> Policy:
    """Take from a configuration what admission needs."""
    return Policy(
        callers={
            caller.aet: tuple(ipaddress.ip_network(network) for network in caller.addresses)
            for caller in desired.receive.callers
        },
        services={
            service.aet: Service(
                aet=service.aet,
                link=link.id,
                exam_class=service.exam_class,
                callers=None if service.callers is None else frozenset(service.callers),
            )
            for link in desired.links
            for service in link.services
        },
        max_associations=desired.receive.max_associations,
        idle_timeout_s=desired.receive.idle_timeout_s,
        language=desired.site.language,
        quiet_s=desired.receive.quiet_s,
        versions={
            link.id: tuple(approved.convention for approved in link.conventions)
            for link in desired.links
        },
        committing=frozenset(
            caller.aet for caller in desired.receive.callers if caller.commitment is not None
        ),
        stations=tuple(
            Station(there.name, there.aet, there.calling_aet, ipaddress.ip_address(there.host))
            for there in desired.destinations
            if isinstance(there, DicomDestination) and there.commitment
        ),
    )


def admit(
    policy: Policy, calling_aet: str | None, called_aet: str | None, address: str
) -> Admitted | StationAdmitted | Rejected:
    """Decide on one association request.

    Args:
        calling_aet: None where the field held no possible AE title; so for `called_aet`.
        address: the peer's IP address, IPv4 perhaps mapped into IPv6.
    """
    if calling_aet is None or called_aet is None:
        return Rejected(Reason.MALFORMED)
    station = policy.station(calling_aet, called_aet, address)
    if station is not None and called_aet not in policy.services:
        return StationAdmitted(calling_aet, station)
    networks = policy.callers.get(calling_aet)
    if networks is None:
        return Rejected(Reason.CALLING_UNKNOWN)
    if not is_within(address, networks):
        return Rejected(Reason.ADDRESS_UNKNOWN)
    service = policy.services.get(called_aet)
    if service is None:
        return Rejected(Reason.CALLED_UNKNOWN)
    if not service.is_open_to(calling_aet):
        return Rejected(Reason.NOT_ALLOWED)
    return Admitted(calling_aet, service, calling_aet in policy.committing, station)


def is_within(address: str, networks: tuple[IpNetwork, ...]) -> bool:
    """Whether a peer's address, IPv4 perhaps mapped into IPv6, lies in one of these networks."""
    there = _address(address)
    return any(there in network for network in networks)


def _address(text: str) -> IpAddress:
    address = ipaddress.ip_address(text.split("%", 1)[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
