"""The desired configuration of a box: what it may take, from whom, and where it goes.

It travels as exact bytes with signatures (`signing`), is meant for one box (`audience`) and only
ever replaces an older one (`revision`). Every unit of the box checks that for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bocage_contract import CONTRACT
from bocage_contract.audit import AuditRepository
from bocage_contract.canonical import canonical_json
from bocage_contract.capacity import CapWindow
from bocage_contract.coercion import Coerce, Fed, collisions
from bocage_contract.commitment import Commitment
from bocage_contract.convention.approval import Approved, verify_approvals
from bocage_contract.convention.versions import version_of
from bocage_contract.destination import Destination
from bocage_contract.errors import ContractError
from bocage_contract.exam_class import ExamClass
from bocage_contract.hl7_receive import Hl7Receive, Issuer, hl7_faults, issuer_faults
from bocage_contract.model import Grown, Model
from bocage_contract.names import (
    Address,
    AeTitle,
    DeviceId,
    Endpoint,
    Hex64,
    Label,
    LinkId,
    Network,
    Port,
    Timezone,
)
from bocage_contract.reach import ConsoleReach
from bocage_contract.signing import Signer, open_envelope, seal_envelope

DESIRED_TYPE = "bocage.desired"


class ForAnotherBoxError(ContractError):
    """A configuration is well signed, for another box."""


class OlderRevisionError(ContractError):
    """A configuration is well signed and for this box, which has held a newer one."""


class Site(Grown):
    """The hospital or practice the box stands in."""

    LATER = frozenset({"timezone", "issuers"})

    name: Annotated[str, Field(min_length=1, max_length=80)]
    lan: list[Network] = Field(min_length=1, description="Where the box may send to on the LAN.")
    language: Literal["fr", "en"] = "fr"
    timezone: Timezone = Field("Europe/Paris", description="Of every time of day at the site.")
    issuers: list[Issuer] = Field(
        default_factory=list,
        max_length=32,
        description="Who gives out patient numbers, under every name that systems write; one that"
        " is not listed counts as it is written.",
    )


class Caller(Grown):
    """Who may send to the box: an AE title together with the addresses it calls from."""

    LATER = frozenset({"commitment"})

    aet: AeTitle
    addresses: list[Network] = Field(min_length=1)
    commitment: Commitment | None = Field(
        None, description="Null: it may not ask for storage commitment."
    )


class Receive(Grown):
    """The box's DICOM port on the LAN, and its HL7 port where it has one."""

    LATER = frozenset({"quiet_s", "hl7"})

    address: Address
    port: Port = 11112
    idle_timeout_s: int = Field(
        900, ge=10, le=86400, description="Ultrasound sends as it goes: leave an association open."
    )
    max_associations: int = Field(30, ge=1, le=200)
    quiet_s: int = Field(
        60, ge=1, le=3600, description="An exam of which nothing has come for so long is quiet."
    )
    callers: list[Caller] = Field(default_factory=list)
    hl7: Hl7Receive | None = Field(None, description="Null: the box takes no HL7.")


class Service(Model):
    """A called AE title of the box: what is sent there goes into this link, in this class."""

    aet: AeTitle
    exam_class: ExamClass = Field(alias="class")
    callers: list[AeTitle] | None = Field(None, description="Who may use it; null: every caller.")


class Tunnel(Model):
    """Our end of the WireGuard tunnel to the partner."""

    address: Address
    partner_address: Address
    listen_port: Port
    endpoint: Endpoint | None = Field(None, description="Null: the partner calls us.")
    keepalive_s: int | None = Field(25, ge=1, le=600)
    generation: int = Field(1, ge=1)
    partner_generation: int = Field(1, ge=1)


class DeliverRule(Model):
    """Where what arrives over a link goes."""

    classes: list[ExamClass] | None = Field(None, description="Null: every class.")
    destinations: list[Label] = Field(min_length=1)


class Link(Grown):
    """The path to one partner."""

    LATER = frozenset({"cap_mbit", "coerce", "conventions"})

    id: LinkId
    role: Literal["requesting", "reading"]
    partner: DeviceId
    partner_card: dict[str, Any] | None = Field(
        None, description="The partner's card, an envelope; trusted only once it is confirmed here."
    )
    tunnel: Tunnel
    relay_port: Port = 7431
    services: list[Service] = Field(default_factory=list)
    deliver: list[DeliverRule] = Field(default_factory=list)
    changed_content: Literal["both", "newest", "ask"] = "both"
    cap_mbit: list[CapWindow] = Field(
        default_factory=list,
        max_length=48,
        description="What this box may send on the link, by the time of day at the site;"
        " outside every window as much as the line takes, in several the least.",
    )
    conventions: list[Approved] = Field(
        default_factory=list,
        max_length=4,
        description="Versions of the agreement, oldest first: the one in force and the one that"
        " follows. None at all: the link takes whatever its services say, without slots.",
    )
    coerce: Coerce | None = Field(
        None,
        description="What marks this hospital's numbers where its exams are delivered; must be"
        " there where another link's exams go to the same station.",
    )

    def changed_content_rule(self, version: int) -> Literal["both", "newest", "ask"]:
        """Say what is delivered of an instance that came again with other bytes.

        The convention's word counts: of the version the exam was accepted under, or of the newest
        where that is not here; the link's own counts where there is no convention.
        """
        versions = [approved.convention for approved in self.conventions]
        agreed = version_of(versions, version) or (versions[-1] if versions else None)
        return self.changed_content if agreed is None else agreed.changed_content

    def destinations_for(self, exam_class: ExamClass) -> list[str]:
        """Name the destinations of what arrives in a class: those of the first rule that fits."""
        for rule in self.deliver:
            if rule.classes is None or exam_class in rule.classes:
                return list(rule.destinations)
        return []


class Desired(Grown):
    """The whole configuration of one box. Since contract 1."""

    LATER = frozenset({"audit", "console", "trial_s"})

    contract: int = CONTRACT
    device: DeviceId
    audience: Hex64 = Field(description="Fingerprint of the identity of the box it is for.")
    revision: int = Field(ge=1, lt=1 << 53)
    issued_at: int = Field(ge=0, description="Unix seconds.")
    site: Site
    receive: Receive
    links: list[Link] = Field(default_factory=list)
    destinations: list[Destination] = Field(default_factory=list)
    audit: AuditRepository | None = Field(None, description="Null: no audit messages are sent.")
    console: ConsoleReach | None = Field(None, description="Null: the box has no console.")
    trial_s: int = Field(
        120, ge=10, le=900, description="So long it has to prove itself, or the box goes back."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        faults = [*_doubles(self), *_unknown_names(self), *_coercion_faults(self)]
        for link in self.links:
            faults += _convention_faults(link)
        faults += issuer_faults(self.site.issuers)
        if self.receive.hl7 is not None:
            faults += hl7_faults(self.receive.hl7, {link.id for link in self.links})
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def link(self, link_id: str) -> Link | None:
        """Find a link by its id."""
        return next((link for link in self.links if link.id == link_id), None)

    def destination(self, name: str) -> Destination | None:
        """Find a destination by its name."""
        return next((there for there in self.destinations if there.name == name), None)

    def service(self, aet: str) -> tuple[Link, Service] | None:
        """Find the service a called AE title names, and the link it leads into."""
        for link in self.links:
            for service in link.services:
                if service.aet == aet:
                    return link, service
        return None


def seal_desired(desired: Desired, signer: Signer, key: bytes) -> bytes:
    """Sign a configuration."""
    return seal_envelope(DESIRED_TYPE, canonical_json(desired.to_json()), signer, key)


def open_desired(
    raw: bytes, trusted: Collection[bytes], audience: str, *, at_least_revision: int = 1
) -> Desired:
    """Read a configuration that somebody we trust signed for this box.

    Args:
        trusted: public keys that may sign configuration.
        audience: fingerprint of our own identity.
        at_least_revision: the revision we hold; the same again is no fault.

    Raises:
        SignatureError: not signed by a trusted key, or a convention in it is not approved.
        MessageError: signed, but not a configuration.
        ForAnotherBoxError, OlderRevisionError: what they say.
    """
    desired = Desired.read(open_envelope(raw, DESIRED_TYPE, trusted))
    for link in desired.links:
        for approved in link.conventions:
            verify_approvals(approved)
    if desired.audience != audience:
        raise ForAnotherBoxError(
            f"this configuration is for {desired.device}, another box: fetch the one for this box"
        )
    if desired.revision < at_least_revision:
        raise OlderRevisionError(
            f"revision {desired.revision} is older than {at_least_revision}, which the box holds"
        )
    return desired


def _doubles(desired: Desired) -> list[str]:
    services = [service.aet for link in desired.links for service in link.services]
    return [
        *_doubled("link", (link.id for link in desired.links)),
        *_doubled("service AE title", services),
        *_doubled("destination", (there.name for there in desired.destinations)),
        *_doubled("caller", (caller.aet for caller in desired.receive.callers)),
        *_doubled("tunnel port", (str(link.tunnel.listen_port) for link in desired.links)),
        *_doubled("tunnel address", (link.tunnel.address for link in desired.links)),
        *_doubled("partner address", (link.tunnel.partner_address for link in desired.links)),
    ]


def _doubled(what: str, names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubled = {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
    return [f"{what} {name} stands twice" for name in sorted(doubled)]


def _convention_faults(link: Link) -> list[str]:
    conventions = [approved.convention for approved in link.conventions]
    faults = [
        f"link {link.id}: convention {each.id} is of link {each.link}"
        for each in conventions
        if each.link != link.id
    ]
    faults += [
        f"link {link.id}: convention version {each.version}: consent.keyword must name the"
        " attribute that declares the consent"
        for each in conventions
        if each.consent.how == "attribute" and each.consent.keyword is None
    ]
    versions = [each.version for each in conventions]
    if len({each.id for each in conventions}) > 1 or sorted(set(versions)) != versions:
        faults.append(f"link {link.id}: its conventions must be versions of one, in their order")
    if link.role == "requesting":
        offered = {service.aet: service.exam_class for service in link.services}
        faults += [
            f"link {link.id}: convention version {each.version} has a service {aet} of class"
            f" {terms.exam_class}, the link has not"
            for each in conventions
            for aet, terms in each.services.items()
            if offered.get(aet) is not terms.exam_class
        ]
    return faults


def _coercion_faults(desired: Desired) -> list[str]:
    """Find links that are told to mark what they do not deliver, and numbers that would collide."""
    faults = [
        f"link {link.id}: coerce is for exams that are read here; on a requesting link reports get"
        " the hospital's own identifiers by themselves: leave it out"
        for link in desired.links
        if link.coerce is not None and link.role == "requesting"
    ]
    fed: dict[tuple[str, int], dict[str, Fed]] = {}
    for link in desired.links:
        for name in _fed_with_exams(link):
            there = desired.destination(name)
            if there is not None:
                of_station = fed.setdefault((there.host, there.port), {})
                of_station[link.id] = Fed(link.id, link.coerce)
    for (host, port), links in fed.items():
        faults += collisions(f"the station at {host} port {port}", list(links.values()))
    return faults


def _fed_with_exams(link: Link) -> list[str]:
    """Name the destinations of exams to be read, not those of reports alone."""
    if link.role != "reading":
        return []
    return [
        name
        for rule in link.deliver
        if rule.classes is None or set(rule.classes) != {ExamClass.REPORT}
        for name in rule.destinations
    ]


def _unknown_names(desired: Desired) -> list[str]:
    callers = {caller.aet for caller in desired.receive.callers}
    destinations = {there.name for there in desired.destinations}
    faults = []
    for link in desired.links:
        for service in link.services:
            faults += [
                f"service {service.aet}: caller {aet} is not in receive.callers"
                for aet in service.callers or []
                if aet not in callers
            ]
        for rule in link.deliver:
            faults += [
                f"link {link.id}: destination {name} does not exist"
                for name in rule.destinations
                if name not in destinations
            ]
    return faults
