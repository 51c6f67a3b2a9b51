"""What should not be so, as codes for the console, from what the units say of themselves. Pure.

The doctor judges the same statuses in sentences for a person at the box; here each finding has a
code, and the console has its words (contract: `fleet/wording`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bocage_contract.fleet.health import Code, Machine
from bocage_edge.units import KEEPER, UNITS

Status = Mapping[str, Any]
STALE_S = 20.0
HANDSHAKE_DEAD_S = 180  # WireGuard makes a handshake every two minutes while anything moves
ECHO_OLD_S = 900.0
HOT_TENTHS = 800
MEMORY_SHORT_PERCENT = 5
DISK_WORN_PERCENT = 90
OLD_S = 3600.0
_FOR_A_PERSON = frozenset({"report_held", "request_held", "undecided"})
_ALARMS = {
    "slot_missed": Code.SLOT_MISSED,
    "urgent_waiting": Code.URGENT_WAITING,
    "report_overdue": Code.REPORT_OVERDUE,
}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that holds now.

    Args:
        about: link or destination.
    """

    code: Code
    link: str | None = None
    destination: str | None = None
    number: int | None = None

    @property
    def key(self) -> tuple[Code, str | None, str | None]:
        """What makes it the same thing a moment later; how many may change."""
        return self.code, self.link, self.destination


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything the conditions are judged by.

    Args:
        now: Unix seconds.
        is_configured: there is a usable configuration.
        statuses: by unit; missing where it has said nothing.
        keeper_answers: it gave its head when it was asked.
    """

    now: float
    is_configured: bool
    statuses: Mapping[str, Status]
    keeper_answers: bool
    machine: Machine


def judge(seen: Seen) -> list[Found]:
    """List what holds, each thing once."""
    found = {each.key: each for each in _all(seen)}
    return list(found.values())


def _all(seen: Seen) -> Iterator[Found]:
    if not seen.is_configured:
        yield Found(Code.CONFIGURATION_MISSING)
        return
    yield from _units(seen)
    yield from _link(seen.statuses.get("link", {}))
    yield from _relay(seen.statuses.get("relay", {}))
    yield from _spool(seen.statuses.get("relay", {}).get("spool") or {}, seen.now)
    yield from _people(seen.statuses.get("receive", {}))
    yield from _deliver(seen.statuses.get("deliver", {}), seen.now)
    yield from _machine(seen.machine)


def _units(seen: Seen) -> Iterator[Found]:
    if not seen.keeper_answers:
        yield Found(Code.UNIT_SILENT)
    for unit in UNITS:
        if unit is KEEPER or unit.name == "agent":
            continue
        status = seen.statuses.get(unit.name)
        if status is None or seen.now - float(status.get("at", 0)) > STALE_S:
            yield Found(Code.UNIT_SILENT)
        elif status.get("fault") or _any(status.get("faults")):
            yield Found(Code.UNIT_FAULT)


def _any(said: Mapping[str, str] | Sequence[str] | None) -> bool:
    """Whether a unit names a fault: some name them by what they were doing, some in a row."""
    return any(said.values() if isinstance(said, Mapping) else said or ())


def _link(status: Status) -> Iterator[Found]:
    if status.get("firewall") is False:
        yield Found(Code.FIREWALL_DOWN)
    if status.get("forwarding"):
        yield Found(Code.FORWARDING_ON)
    if (status.get("clock") or {}).get("state") not in (None, "attested"):
        yield Found(Code.CLOCK_UNTRUSTED)
    said = status.get("configuration") or {}
    returned = said.get("returned") or {}
    if int(returned.get("revision") or 0) > int(said.get("confirmed") or 0):
        yield Found(Code.CONFIGURATION_RETURNED, number=int(returned["revision"]))
    for link in status.get("links") or ():
        age_s = link.get("handshake_age_s")
        if link.get("reason") or age_s is None or age_s >= HANDSHAKE_DEAD_S:
            yield Found(Code.TUNNEL_DOWN, link=link["link"])


def _relay(status: Status) -> Iterator[Found]:
    for link in status.get("links") or ():
        name = link["link"]
        if link.get("blocked"):
            is_alarm = link.get("is_alarm")
            yield Found(Code.PARTNER_CHANGED if is_alarm else Code.PARTNER_UNCONFIRMED, link=name)
        else:
            legs = [link.get(each) or {} for each in ("outgoing", "incoming")]
            if not all(leg.get("connected") for leg in legs):
                yield Found(Code.STREAM_DOWN, link=name)
            if link.get("behind"):
                yield Found(Code.PARTNER_BEHIND, link=name)
        for alarm in link.get("alarms") or ():
            code = _ALARMS.get(str(alarm.get("code")))
            if code is not None:
                yield Found(code, link=name, number=alarm.get("exams"))


def _deliver(status: Status, now: float) -> Iterator[Found]:
    if status.get("locked"):
        yield Found(Code.LOCKED)
    for name, said in (status.get("destinations") or {}).items():
        asked_at = said.get("echo_at")
        is_recent = asked_at is not None and now - asked_at < ECHO_OLD_S
        if said.get("is_configured") and said.get("echo_ok") is False and is_recent:
            yield Found(Code.STATION_UNREACHABLE, destination=name)
    audit = status.get("audit") or {}
    if audit.get("unreachable_since") is not None and audit.get("waiting"):
        yield Found(Code.AUDIT_COLLECTOR_DOWN, number=int(audit["waiting"]))


def _spool(said: Status, now: float) -> Iterator[Found]:
    if said.get("fault"):
        yield Found(Code.SPOOL_UNREADABLE)
    free, reserve = said.get("free_bytes"), said.get("reserve_bytes")
    if free is not None and reserve is not None and free < 4 * reserve:
        yield Found(Code.SPOOL_FULL if free < reserve else Code.SPOOL_FILLING)
    for corner in said.get("backlog") or ():
        if now - corner["oldest_at"] >= OLD_S:
            yield Found(Code.BACKLOG_OLD, link=corner["link"])
    if said.get("refused"):
        yield Found(Code.EXAMS_NOT_TAKEN, number=int(said["refused"]))


def _people(receive: Status) -> Iterator[Found]:
    count = sum(each.get("code") in _FOR_A_PERSON for each in receive.get("alarms") or ())
    if count:
        yield Found(Code.NEEDS_PERSON, number=count)


def _machine(machine: Machine) -> Iterator[Found]:
    if machine.undervoltage:
        yield Found(Code.UNDERVOLTAGE)
    if machine.throttled:
        yield Found(Code.THROTTLED)
    if (machine.temperature_tenths or 0) >= HOT_TENTHS:
        yield Found(Code.HOT, number=machine.temperature_tenths)
    if machine.memory_available_bytes * 100 < machine.memory_total_bytes * MEMORY_SHORT_PERCENT:
        yield Found(Code.MEMORY_SHORT)
    if (machine.disk_life_used_percent or 0) >= DISK_WORN_PERCENT:
        yield Found(Code.DISK_WORN, number=machine.disk_life_used_percent)
