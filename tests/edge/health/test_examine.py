"""A box that is well, and each thing that can be wrong with it, as the doctor says it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bocage_contract.pins import Pin, Pins
from bocage_edge.health.examine import examine
from bocage_edge.health.facts import Facts, SpoolSeen, StationSeen
from bocage_edge.health.finding import Finding, Level, worst
from bocage_edge.spool.types import ObjectKind, ObjectState
from bocage_edge.spool.undirected import HeldForWant
from tests.contract.keys import identity, public, text
from tests.edge.health.a_box import (
    LINK,
    corner,
    facts,
    in_force,
    refused_at,
    statuses,
    unmatched,
    waiting_request,
)


def found(seen: Facts, subject: str) -> Finding:
    """Give the worst finding about a subject."""
    about = [finding for finding in examine(seen) if finding.subject.startswith(subject)]
    return max(about, key=lambda finding: finding.level)


def test_a_box_that_is_well_is_said_to_be_well() -> None:
    """Every subject of the doctor is there, and nothing is to do."""
    findings = examine(facts())
    assert worst(findings) is Level.OK
    assert not any(finding.hint for finding in findings)
    subjects = " ".join(finding.subject for finding in findings)
    for subject in (
        "configuration",
        "keeper",
        "receive",
        "relay",
        "deliver",
        "partner",
        "tunnel",
        "MTU",
        "firewall",
        "lock",
        "AE",
        "spool",
        "clock",
    ):
        assert subject in subjects


def leg(**changes: Any) -> dict[str, Any]:
    """One direction of the relay's connection."""
    return {"connected": True, "reason": "", "ledger_fault": "", "put_off": None} | changes


def relay(**changes: Any) -> dict[str, Any]:
    """What the relay says of the link, with changes."""
    said = {"link": LINK, "blocked": "", "outgoing": leg(), "incoming": leg()} | changes
    return statuses(relay={"links": [said]})


def tunnel(**changes: Any) -> dict[str, Any]:
    """What the link unit says of the tunnel, with changes."""
    said = statuses()
    said["link"]["links"][0] |= changes
    return said


def changed_pins() -> Pins:
    """The partner was confirmed with another identity."""
    pin = Pin(
        link=LINK,
        device="caen-1",
        identity=text(public(identity(9))),
        card_serial=1,
        confirmed_at=1,
    )
    return Pins(pins=[pin])


ROOM = SpoolSeen(free_bytes=50 << 30, reserve_bytes=512 << 20)
CASES: list[tuple[str, dict[str, Any], str, Level, str]] = [
    ("no configuration", {"in_force": None, "fault": "none yet"}, "conf", Level.BAD, "none yet"),
    (
        "a unit behind",
        {"statuses": statuses(receive={"revision": 2})},
        "conf",
        Level.WARNING,
        "receive works by 2",
    ),
    ("keeper away", {"keeper_fault": "does not answer"}, "keeper", Level.BAD, "does not answer"),
    (
        "a silent unit",
        {"statuses": {**statuses(), "receive": None}},
        "receive",
        Level.BAD,
        "has not said anything",
    ),
    (
        "an old word",
        {"statuses": statuses(deliver={"at": 0})},
        "deliver",
        Level.BAD,
        "was last heard of",
    ),
    (
        "a unit's fault",
        {"statuses": statuses(receive={"faults": {"port": "in use"}})},
        "receive",
        Level.WARNING,
        "port: in use",
    ),
    ("not confirmed", {"in_force": in_force(Pins())}, "partner", Level.BAD, "six words"),
    ("keys changed", {"in_force": in_force(changed_pins())}, "partner", Level.BAD, "ALARM"),
    ("no handshake", {"statuses": tunnel(handshake_age_s=None)}, "tunnel", Level.BAD, "no hand"),
    ("old handshake", {"statuses": tunnel(handshake_age_s=181)}, "tunnel", Level.BAD, "181 s"),
    ("no partner key", {"statuses": tunnel(reason="no key")}, "tunnel", Level.BAD, "no key"),
    ("MTU unknown", {"statuses": tunnel(mtu_is_probed=False)}, "MTU", Level.OK, "not probed"),
    (
        "firewall off",
        {"statuses": statuses(link={"firewall": False})},
        "firewall",
        Level.BAD,
        "not in force",
    ),
    (
        "forwarding was on",
        {"statuses": statuses(link={"forwarding": True})},
        "forwarding",
        Level.WARNING,
        "switched it off",
    ),
    ("link blocked", {"statuses": relay(blocked="changed")}, "relay fl", Level.BAD, "changed"),
    (
        "one way only",
        {"statuses": relay(incoming=leg(connected=False, reason="refused"))},
        "relay fl",
        Level.BAD,
        "incoming: refused",
    ),
    (
        "partner is full",
        {"statuses": relay(outgoing=leg(put_off="no room there"))},
        "relay fl",
        Level.WARNING,
        "no room there",
    ),
    ("locked", {"unlocked": False}, "lock", Level.BAD, "LOCKED"),
    (
        "station off",
        {"stations": (StationSeen("pacs", False, "refused", 1),)},
        "AE pacs",
        Level.BAD,
        "refused",
    ),
    (
        "RIS off",
        {"stations": (StationSeen("ris", False, "it cannot be reached", 1, "hl7"),)},
        "HL7 ris",
        Level.BAD,
        "cannot be reached",
    ),
    (
        "station refuses some",
        {"spool": replace(ROOM, deliveries=[refused_at("pacs", 3)])},
        "AE pacs",
        Level.WARNING,
        "3 for good",
    ),
    ("spool broken", {"spool": SpoolSeen(fault="no index")}, "spool", Level.BAD, "no index"),
    (
        "spool full",
        {"spool": SpoolSeen(free_bytes=1, reserve_bytes=512 << 20)},
        "spool",
        Level.BAD,
        "FULL",
    ),
    (
        "spool nearly full",
        {"spool": SpoolSeen(free_bytes=1 << 30, reserve_bytes=512 << 20)},
        "spool",
        Level.WARNING,
        "getting full",
    ),
    (
        "old objects",
        {"spool": replace(ROOM, backlog=[corner(ObjectState.QUEUED, age_s=7200)])},
        "backlog",
        Level.WARNING,
        "2.0 h",
    ),
    (
        "refused objects",
        {"spool": replace(ROOM, backlog=[corner(ObjectState.REFUSED, objects=2)])},
        "spool",
        Level.BAD,
        "2 objects are refused",
    ),
    (
        "reports of no certain exam",
        {
            "spool": replace(
                ROOM,
                backlog=[corner(ObjectState.QUEUED, held=3)],
                unmatched=[unmatched("no_exam"), unmatched("no_exam"), unmatched("several_exams")],
            )
        },
        "reports",
        Level.BAD,
        "3 wait for somebody to say which exam they answer (2: no exam that came here",
    ),
    (
        "requests that fit by number alone",
        {
            "spool": replace(
                ROOM,
                backlog=[corner(ObjectState.QUEUED, held=2)],
                requests=[waiting_request("patient_unproven"), waiting_request()],
            )
        },
        "requests",
        Level.BAD,
        "1 fit an exam by their number",
    ),
    (
        "requests without an exam",
        {"spool": replace(ROOM, requests=[waiting_request(days=31)])},
        "requests",
        Level.WARNING,
        "1 have waited for their exam for more than 30 days",
    ),
    (
        "held objects",
        {"spool": replace(ROOM, backlog=[corner(ObjectState.ARRIVED, held=4)])},
        "spool",
        Level.WARNING,
        "4 objects are held",
    ),
    (
        "no RIS",
        {
            "spool": replace(
                ROOM,
                backlog=[corner(ObjectState.ARRIVED, held=2)],
                held_for_want=[
                    HeldForWant("fl", ObjectKind.REPORT, "no destination of its rule takes HL7", 2)
                ],
            )
        },
        "deliver fl",
        Level.WARNING,
        "2 of kind report held: no destination of its rule takes HL7",
    ),
    (
        "clock unsure",
        {"statuses": statuses(link={"clock": {"state": "plausible"}})},
        "clock",
        Level.WARNING,
        "nobody vouches",
    ),
    (
        "clock wrong",
        {"statuses": statuses(link={"clock": {"state": "below floor"}})},
        "clock",
        Level.BAD,
        "below floor",
    ),
    (
        "clock unknown",
        {"statuses": statuses(link={"clock": None})},
        "clock",
        Level.WARNING,
        "known",
    ),
]


@pytest.mark.parametrize(
    ("changes", "subject", "level", "says"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_wrong_is_said(
    changes: dict[str, Any], subject: str, level: Level, says: str
) -> None:
    """At the right subject, as bad as it is, in words."""
    finding = found(facts(**changes), subject)
    assert finding.level is level
    assert says in finding.text


def test_a_delivered_backlog_is_no_old_object() -> None:
    """What waits for the partner's word only is not held up here."""
    seen = replace(ROOM, backlog=[corner(ObjectState.STORED, age_s=7200)])
    assert worst(examine(facts(spool=seen))) is Level.OK


def test_the_worst_finding_is_the_exit_status() -> None:
    """0, 1, 2; nothing to say is well."""
    assert worst([]) is Level.OK
    assert [int(level) for level in Level] == [0, 1, 2]
