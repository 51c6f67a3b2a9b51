"""The door: looks at the box once and gives the facts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bocage_contract.destination import Destination
from bocage_edge.configuration import InForce, load
from bocage_edge.deliver.echo import echo
from bocage_edge.errors import ConfigError, EdgeError
from bocage_edge.health.facts import Facts, SpoolSeen, StationSeen
from bocage_edge.keeper.client import Keeper
from bocage_edge.paths import Box
from bocage_edge.spool.core import RESERVE_BYTES
from bocage_edge.spool.store import Spool
from bocage_edge.status import read_status
from bocage_edge.units import ADMINISTRATOR, UNITS
from bocage_system.clock import Clock

_ECHOES_AT_ONCE = 8


def look(box: Box, clock: Clock) -> Facts:
    """Look at everything; what cannot be looked at is a fact too."""
    in_force, fault = _in_force(box)
    return Facts(
        in_force=in_force,
        fault=fault,
        keeper_fault=_keeper_fault(box),
        spool=_spool(box, clock),
        stations=_stations(in_force.desired.destinations if in_force else ()),
        statuses={unit.name: read_status(box, unit.name) for unit in UNITS},
        unlocked=box.opening_key.exists(),
        now=clock.now(),
    )


def _in_force(box: Box) -> tuple[InForce | None, str]:
    try:
        return load(box), ""
    except ConfigError as error:
        return None, error.message


def _keeper_fault(box: Box) -> str:
    try:
        return "; ".join(Keeper(box.keeper_socket).verify_own())
    except EdgeError as error:
        return error.message


def _spool(box: Box, clock: Clock) -> SpoolSeen:
    try:
        spool = Spool(box.spool, clock, unit=ADMINISTRATOR)
    except (EdgeError, OSError) as error:
        return SpoolSeen(fault=f"cannot be opened: {error}")
    try:
        room = os.statvfs(box.spool)
        return SpoolSeen(
            backlog=spool.backlog(),
            deliveries=spool.delivery_backlog(),
            refused=spool.refused_exams(),
            unmatched=spool.unmatched(),
            held_for_want=spool.held_for_want(),
            requests=spool.waiting_requests(),
            free_bytes=room.f_bavail * room.f_frsize,
            reserve_bytes=RESERVE_BYTES,
        )
    except (EdgeError, OSError) as error:
        return SpoolSeen(fault=str(error))
    finally:
        spool.close()


def _stations(destinations: Sequence[Destination]) -> list[StationSeen]:
    with ThreadPoolExecutor(_ECHOES_AT_ONCE) as pool:
        answers = list(pool.map(echo, destinations))
    return [
        StationSeen(there.name, answer.is_there, answer.reason, answer.took_ms, there.kind)
        for there, answer in zip(destinations, answers, strict=True)
    ]
