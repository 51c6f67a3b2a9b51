"""The facts of a box that is well, to spoil one at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired
from bocage_contract.exam_class import ExamClass
from bocage_contract.pins import Pin, Pins
from bocage_edge.configuration import InForce
from bocage_edge.health.facts import Facts, SpoolSeen, StationSeen
from bocage_edge.spool.requests import NO_EXAM_YET, WaitingRequest
from bocage_edge.spool.types import (
    Backlog,
    DeliveryBacklog,
    DeliveryState,
    Direction,
    Doubt,
    ObjectState,
    UnmatchedObject,
)
from tests.contract.keys import card_of, desired_document, identity, public, text

NOW = 1_800_000_000.0
LINK = "flers-caen"
BOX, PARTNER = identity(1), identity(2)


def in_force(pins: Pins | None = None) -> InForce:
    """What a box with one confirmed partner works by."""
    document = desired_document(BOX)
    card = card_of(PARTNER, "caen-1")
    document["links"][0]["partner_card"] = json.loads(seal_card(card, PARTNER.sign))
    pin = Pin(
        link=LINK,
        device="caen-1",
        identity=text(public(PARTNER)),
        card_serial=1,
        confirmed_at=1,
    )
    return InForce(Desired.of(document), card_of(BOX), pins or Pins(pins=[pin]))


def statuses(**changes: dict[str, Any]) -> dict[str, Any]:
    """What the units of a box that is well say of themselves.

    Args:
        changes: by unit, laid over what it says.
    """
    tunnel = {
        "link": LINK,
        "reason": "",
        "handshake_age_s": 40,
        "endpoint": "192.0.2.1:51820",
        "mtu": 1420,
        "mtu_is_probed": True,
    }
    leg = {"connected": True, "reason": "", "ledger_fault": "", "put_off": None}
    said: dict[str, Any] = {
        "link": {
            "revision": 3,
            "links": [tunnel],
            "firewall": True,
            "forwarding": False,
            "clock": {"state": "attested"},
            "faults": [],
        },
        "receive": {"revision": 3, "faults": {}},
        "relay": {
            "fault": "",
            "links": [{"link": LINK, "blocked": "", "outgoing": leg, "incoming": dict(leg)}],
        },
        "deliver": {"revision": 3, "faults": []},
        "agent": {"faults": []},
    }
    for unit, status in said.items():
        status["at"] = NOW - 1
        status |= changes.get(unit, {})
    return said


def facts(**changes: Any) -> Facts:
    """The facts of a box that is well, with changes laid over them."""
    well = Facts(
        now=NOW,
        in_force=in_force(),
        fault="",
        statuses=statuses(),
        unlocked=True,
        keeper_fault="",
        spool=SpoolSeen(free_bytes=50 << 30, reserve_bytes=512 << 20),
        stations=(StationSeen("pacs", True, "", 12),),
    )
    return replace(well, **changes)


def corner(state: ObjectState, *, objects: int = 1, age_s: float = 1.0, held: int = 0) -> Backlog:
    """Some objects in the spool."""
    return Backlog(Direction.OUT, LINK, ExamClass.ROUTINE, state, objects, 1000, NOW - age_s, held)


def refused_at(destination: str, count: int) -> DeliveryBacklog:
    """Instances a station refused for good."""
    return DeliveryBacklog(destination, DeliveryState.REFUSED, count, NOW)


def unmatched(reason: str) -> UnmatchedObject:
    """A report that waits for a person."""
    return UnmatchedObject("0" * 64, LINK, "FLERS_RPT", 1000, NOW, Doubt(reason, "final", "sr"))


def waiting_request(reason: str = NO_EXAM_YET, *, days: float = 1.0) -> WaitingRequest:
    """A request that has waited for its exam for so long."""
    return WaitingRequest("d" * 64, LINK, True, NOW - days * 86_400, reason, ())
