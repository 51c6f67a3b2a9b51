"""Does a new configuration hold? Pure.

A revision from the console is on trial: it is in force, and what worked before must work under it
within its time, or the box goes back by itself. What did not work before proves nothing against
it, and what could not be tried is said to be unproven.

    units     every unit works by the revision              must hold, whatever was before
    broker    the console is heard through the new one      must hold if it did before
    relay     the partner is connected both ways            must hold if it did before
    station   a destination answers a C-ECHO                must hold if it did before

Only targets of both revisions are compared: a station that the new one leaves out is no fault of
it, one that it brings has never been tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bocage_contract.configuration import Desired
from bocage_contract.fleet.reported import Check, CheckKind

Status = Mapping[str, Any]
# A status says what was true a moment before; so much later it is about the new revision.
SETTLE_S = 5.0
_UNITS_THAT_SAY = ("link", "receive", "deliver")


@dataclass(frozen=True, slots=True)
class Target:
    """Something a revision is tried by."""

    kind: CheckKind
    link: str | None = None
    destination: str | None = None

    def check(self, passed: bool | None) -> Check:
        """Say what came of it."""
        return Check(kind=self.kind, link=self.link, destination=self.destination, passed=passed)


class Verdict(StrEnum):
    """What is to be done now."""

    WAIT = "wait"
    CONFIRM = "confirm"
    GO_BACK = "go_back"


def targets_of(before: Desired | None, after: Desired) -> list[Target]:
    """List what a new revision is tried by."""
    found = [Target(CheckKind.UNITS)]
    if after.console is not None:
        found.append(Target(CheckKind.BROKER))
    if before is None:
        return found
    links = {link.id for link in before.links}
    found += [Target(CheckKind.RELAY, link=each.id) for each in after.links if each.id in links]
    stations = {there.name for there in before.destinations}
    found += [
        Target(CheckKind.STATION, destination=there.name)
        for there in after.destinations
        if there.name in stations
    ]
    return found


def holds(
    target: Target, statuses: Mapping[str, Status], *, revision: int, since: float
) -> bool | None:
    """Say whether a target holds, by what was said after a moment; None: nothing was said since.

    Args:
        revision: the one that is tried.
        since: Unix seconds.
    """
    match target.kind:
        case CheckKind.UNITS:
            return _units(statuses, revision, since)
        case CheckKind.BROKER:
            said = _fresh(statuses, "agent", since)
            if said is None:
                return None
            return bool(said.get("connected")) and said.get("revision") == revision
        case CheckKind.RELAY:
            return _relay(_fresh(statuses, "relay", since), target.link)
        case CheckKind.STATION:
            said = _fresh(statuses, "deliver", since) or {}
            station = (said.get("destinations") or {}).get(target.destination) or {}
            if (station.get("last_success_at") or 0.0) >= since:
                return True
            if station.get("echo_ok") is None or station.get("echo_revision") != revision:
                return None
            return bool(station["echo_ok"])


def judge(
    results: Mapping[Target, bool | None],
    baseline: Mapping[Target, bool | None],
    *,
    is_over: bool,
) -> tuple[Verdict, list[Check]]:
    """Decide; gives the checks that speak against it, or, on a confirmation, the unproven ones.

    Args:
        baseline: what held under the revision before.
        is_over: the trial's time has passed.
    """
    if all(result is True for result in results.values()):
        return Verdict.CONFIRM, []
    if not is_over:
        return Verdict.WAIT, []
    failed = [
        target.check(False)
        for target, result in results.items()
        if result is not True and (target.kind is CheckKind.UNITS or baseline.get(target) is True)
    ]
    if failed:
        return Verdict.GO_BACK, failed
    unproven = [target.check(None) for target, result in results.items() if result is not True]
    return Verdict.CONFIRM, unproven


def _units(statuses: Mapping[str, Status], revision: int, since: float) -> bool | None:
    said = [_fresh(statuses, unit, since) for unit in _UNITS_THAT_SAY]
    if any(each is None for each in said):
        return None
    return all(each is not None and each.get("revision") == revision for each in said)


def _relay(said: Status | None, link: str | None) -> bool | None:
    if said is None:
        return None
    for each in said.get("links") or ():
        if each.get("link") == link:
            legs = [each.get(leg) or {} for leg in ("outgoing", "incoming")]
            return all(leg.get("connected") for leg in legs)
    return False


def _fresh(statuses: Mapping[str, Status], unit: str, since: float) -> Status | None:
    said = statuses.get(unit)
    return said if said is not None and float(said.get("at", 0)) >= since else None


def seen_at_start(
    targets: Sequence[Target], statuses: Mapping[str, Status], revision: int, now: float
) -> dict[Target, bool | None]:
    """Say what holds under the revision in force, before another one is tried.

    Args:
        revision: the one in force.
        now: Unix seconds; statuses older than a minute, or echoes older than an hour, prove
            nothing.
    """
    return {
        target: holds(
            target,
            statuses,
            revision=revision,
            since=now - (3600 if target.kind is CheckKind.STATION else 60),
        )
        for target in targets
    }
