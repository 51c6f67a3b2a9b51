"""What the probes judge: the box as it was seen at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bocage_contract.configuration import Link
from bocage_edge.configuration import InForce
from bocage_edge.spool.requests import WaitingRequest
from bocage_edge.spool.types import Backlog, DeliveryBacklog, RefusedExam, UnmatchedObject
from bocage_edge.spool.undirected import HeldForWant

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StationSeen:
    """What came of asking one destination: by C-ECHO, or by a connection where it takes HL7."""

    name: str
    is_there: bool
    reason: str
    took_ms: int
    kind: str = "dicom"


@dataclass(frozen=True, slots=True)
class SpoolSeen:
    """The spool's counts and the room it has.

    Args:
        fault: why it could not be looked at; empty where it could.
        free_bytes: on the spool's file system.
    """

    fault: str = ""
    backlog: Sequence[Backlog] = ()
    deliveries: Sequence[DeliveryBacklog] = ()
    refused: Sequence[RefusedExam] = ()
    unmatched: Sequence[UnmatchedObject] = ()
    held_for_want: Sequence[HeldForWant] = ()
    requests: Sequence[WaitingRequest] = ()
    free_bytes: int = 0
    reserve_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the probes need.

    Args:
        now: Unix seconds.
        in_force: None where there is no usable configuration; `fault` says why.
        statuses: by unit; None where the unit has said nothing since the start.
        unlocked: the opening key lies in memory.
        keeper_fault: what the keeper said when it was asked to verify its ledger; empty: nothing.
    """

    now: float
    in_force: InForce | None
    fault: str
    statuses: Mapping[str, Status | None]
    unlocked: bool
    keeper_fault: str
    spool: SpoolSeen
    stations: Sequence[StationSeen] = field(default_factory=tuple)

    @property
    def links(self) -> list[Link]:
        """The configured links."""
        return [] if self.in_force is None else list(self.in_force.desired.links)

    def status(self, unit: str) -> Status:
        """What a unit said; empty where it has said nothing."""
        return self.statuses.get(unit) or {}

    def link_status(self, unit: str, link: str) -> Status:
        """What a unit said of one link; empty where it has said nothing of it."""
        for said in self.status(unit).get("links") or ():
            if said.get("link") == link:
                found: Status = said
                return found
        return {}
