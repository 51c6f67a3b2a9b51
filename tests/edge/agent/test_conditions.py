from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.fleet.events import EventKind
from bocage_contract.fleet.health import Code, Machine
from bocage_contract.fleet.wording import WORDINGS
from bocage_edge.agent.changes import Standing
from bocage_edge.agent.conditions import Found, Seen, judge

NOW = 1_800_000_000.0
MACHINE = Machine(
    uptime_s=1,
    cpu_percent=1,
    load_1_hundredths=1,
    memory_total_bytes=1000,
    memory_available_bytes=500,
    disk_total_bytes=1,
    disk_free_bytes=1,
    network_received_bytes=0,
    network_sent_bytes=0,
)
LINK = {"link": "flers-caen", "up": True, "handshake_age_s": 20, "reason": ""}
LEGS = {"outgoing": {"connected": True}, "incoming": {"connected": True}}
WELL: dict[str, dict[str, Any]] = {
    "link": {"firewall": True, "clock": {"state": "attested"}, "links": [LINK], "faults": []},
    "receive": {"faults": {}},
    "relay": {"links": [{"link": "flers-caen", "blocked": "", **LEGS}], "fault": ""},
    "deliver": {"locked": None, "destinations": {}, "faults": []},
}


def seen(machine: dict[str, Any] | None = None, **statuses: Any) -> Seen:
    said = {name: {"at": NOW - 2, **status} for name, status in (WELL | statuses).items() if status}
    return Seen(
        now=NOW,
        is_configured=True,
        statuses=said,
        keeper_answers=True,
        machine=MACHINE.model_copy(update=machine or {}),
    )


def test_of_a_healthy_box_there_is_nothing_to_say() -> None:
    assert judge(seen()) == []


def link(**changes: Any) -> dict[str, Any]:
    return {"link": WELL["link"] | {"links": [LINK | changes]}}


def relay(**changes: Any) -> dict[str, Any]:
    return {"relay": {"links": [WELL["relay"]["links"][0] | changes]}}


def room(**changes: Any) -> dict[str, Any]:
    spool = {"free_bytes": 10_000, "reserve_bytes": 1000, "backlog": [], "refused": 0}
    return {"relay": {"spool": spool | changes}}


def given_up(revision: int) -> dict[str, Any]:
    said = {"confirmed": 3, "returned": {"revision": revision}}
    return {"link": WELL["link"] | {"configuration": said}}


STATION = {"is_configured": True, "echo_ok": False, "echo_at": NOW - 60}
CASES: list[tuple[dict[str, Any], Code]] = [
    (link(handshake_age_s=200), Code.TUNNEL_DOWN),
    (link(handshake_age_s=None), Code.TUNNEL_DOWN),
    (link(reason="no card"), Code.TUNNEL_DOWN),
    (relay(outgoing={"connected": False}), Code.STREAM_DOWN),
    (relay(blocked="not confirmed", is_alarm=False), Code.PARTNER_UNCONFIRMED),
    (relay(blocked="another identity", is_alarm=True), Code.PARTNER_CHANGED),
    (relay(behind="an older state"), Code.PARTNER_BEHIND),
    (relay(alarms=[{"code": "slot_missed", "exams": 3}]), Code.SLOT_MISSED),
    (relay(alarms=[{"code": "urgent_waiting"}]), Code.URGENT_WAITING),
    ({"link": WELL["link"] | {"firewall": False}}, Code.FIREWALL_DOWN),
    ({"link": WELL["link"] | {"forwarding": True}}, Code.FORWARDING_ON),
    ({"link": WELL["link"] | {"clock": {"state": "plausible"}}}, Code.CLOCK_UNTRUSTED),
    ({"deliver": {"locked": "the box is locked"}}, Code.LOCKED),
    ({"deliver": {"destinations": {"pacs": STATION}}}, Code.STATION_UNREACHABLE),
    ({"receive": None}, Code.UNIT_SILENT),
    ({"receive": {"at": NOW - 60}}, Code.UNIT_SILENT),
    ({"receive": {"faults": {"listening": "taken"}}}, Code.UNIT_FAULT),
    (room(free_bytes=500), Code.SPOOL_FULL),
    (room(free_bytes=3000), Code.SPOOL_FILLING),
    (room(fault="the index cannot be read"), Code.SPOOL_UNREADABLE),
    (room(refused=2), Code.EXAMS_NOT_TAKEN),
    (room(backlog=[{"link": "flers-caen", "oldest_at": NOW - 7200}]), Code.BACKLOG_OLD),
    ({"receive": {"alarms": [{"code": "report_held"}]}}, Code.NEEDS_PERSON),
    (given_up(4), Code.CONFIGURATION_RETURNED),
    ({"deliver": {"audit": {"unreachable_since": NOW, "waiting": 3}}}, Code.AUDIT_COLLECTOR_DOWN),
    ({"machine": {"undervoltage": True}}, Code.UNDERVOLTAGE),
    ({"machine": {"temperature_tenths": 851}}, Code.HOT),
    ({"machine": {"memory_available_bytes": 10}}, Code.MEMORY_SHORT),
    ({"machine": {"disk_life_used_percent": 100}}, Code.DISK_WORN),
]


@pytest.mark.parametrize(("changes", "code"), CASES)
def test_what_is_wrong_has_its_code(changes: dict[str, Any], code: Code) -> None:
    assert [found.code for found in judge(seen(**changes))] == [code]


def test_of_a_revision_given_up_before_a_later_one_held_nothing_is_said() -> None:
    assert judge(seen(**given_up(2))) == []


def test_a_station_that_was_asked_long_ago_proves_nothing() -> None:
    old = STATION | {"echo_at": NOW - 5000}
    assert judge(seen(deliver={"destinations": {"pacs": old}})) == []


def test_a_condition_is_told_after_its_delay_and_ended_once() -> None:
    standing, down = Standing(), [Found(Code.TUNNEL_DOWN, link="flers-caen")]
    delay_s = WORDINGS[Code.TUNNEL_DOWN].delay_s
    assert standing.look(down, NOW) == []
    assert standing.look(down, NOW + delay_s - 1) == []
    (began,) = standing.look(down, NOW + delay_s)
    assert (began.kind, began.code, began.link) == (
        EventKind.CONDITION_BEGAN,
        Code.TUNNEL_DOWN,
        "flers-caen",
    )
    assert standing.look(down, NOW + delay_s + 1) == []
    (held,) = standing.conditions()
    assert held.since == int(NOW)
    (ended,) = standing.look([], NOW + 500)
    assert ended.kind is EventKind.CONDITION_ENDED
    assert standing.conditions() == []


def test_a_short_trouble_is_nobodys_business() -> None:
    standing, down = Standing(), [Found(Code.TUNNEL_DOWN, link="flers-caen")]
    standing.look(down, NOW)
    assert standing.look([], NOW + 2) == []
    assert standing.look(down, NOW + 100) == []


def test_the_same_trouble_of_two_links_is_two_troubles() -> None:
    standing = Standing()
    both = [Found(Code.PARTNER_CHANGED, link=name) for name in ("a", "b")]
    assert {event.link for event in standing.look(both, NOW)} == {"a", "b"}
