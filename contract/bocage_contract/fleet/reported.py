"""How a box stands to the configuration it was given."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.fleet.closed import Count, Seconds, SignedText, Software, Upward
from bocage_contract.fleet.events import Why
from bocage_contract.names import Hex64, Label, LinkId


class CheckKind(StrEnum):
    """What is tried while a revision is on trial."""

    BROKER = "broker"  # the console is reached, and has answered
    RELAY = "relay"  # the partner answered inside the tunnel, and proved who it is
    STATION = "station"  # a destination answered
    UNITS = "units"  # every unit works by the new revision


class Check(Upward):
    """One check of a trial."""

    kind: CheckKind
    link: LinkId | None = None
    destination: Label | None = None
    passed: bool | None = Field(description="None: it could not be tried, so it proves nothing.")


class Trial(Upward):
    """A revision on trial."""

    revision: int = Field(ge=1, lt=1 << 53)
    until: Seconds
    checks: list[Check] = Field(default_factory=list, max_length=512)


class Returned(Upward):
    """The last revision that was given up, and why."""

    revision: int = Field(ge=1, lt=1 << 53)
    at: Seconds
    why: Why
    failed: list[Check] = Field(default_factory=list, max_length=512)


class Reported(Upward):
    """Since contract 1."""

    contract: int = CONTRACT
    identity: Hex64 = Field(description="Fingerprint of the box's identity.")
    in_force: Count = Field(description="Revision the units work by; 0: none.")
    confirmed: Count = Field(description="The last confirmed revision: what a return goes to.")
    unproven: list[Check] = Field(default_factory=list, max_length=512)
    trial: Trial | None = None
    returned: Returned | None = None
    software: Software
    keyset: Count
    command_counter: Count = Field(description="The highest counter of a command taken.")
    card: SignedText | None = Field(None, description="The box's card, so that partners get it.")
    tunnel_generations: dict[LinkId, int] = Field(default_factory=dict, max_length=64)
