"""What lies in the spool and what room it has, for the agent, which touches no exam."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from typing import Any

from bocage_edge.errors import SpoolError
from bocage_edge.spool.core import RESERVE_BYTES
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Backlog, ObjectState

_ON_THE_WAY = frozenset({ObjectState.QUEUED, ObjectState.ARRIVED, ObjectState.OPENED})


def room_of(spool: Spool, directory: Path) -> dict[str, Any]:
    """Count what waits, by link, direction and class; a fault is told in its place."""
    try:
        corners, room = spool.backlog(), os.statvfs(directory)
    except (SpoolError, OSError) as error:
        return {"fault": str(error)}
    return {
        "free_bytes": room.f_bavail * room.f_frsize,
        "reserve_bytes": RESERVE_BYTES,
        "backlog": [_said(each) for each in _waiting(corners)],
        "refused": sum(each.objects for each in corners if each.state is ObjectState.REFUSED),
    }


def _waiting(corners: list[Backlog]) -> list[Backlog]:
    """Put the states of what is on its way together: one corner a link, direction and class.

    Corners of which everything is held wait for a person, not for the road.
    """
    found: dict[tuple[str, str, str], Backlog] = {}
    for each in corners:
        if each.state not in _ON_THE_WAY or each.oldest_accepted_at is None:
            continue
        key = each.link, each.direction.value, each.klass.value
        found[key] = _together(found[key], each) if key in found else each
    return list(found.values())


def _together(one: Backlog, other: Backlog) -> Backlog:
    return Backlog(
        one.direction,
        one.link,
        one.klass,
        one.state,
        one.objects + other.objects,
        one.size_bytes + other.size_bytes,
        min(one.oldest_accepted_at or inf, other.oldest_accepted_at or inf),
        one.held + other.held,
    )


def _said(corner: Backlog) -> dict[str, Any]:
    return {
        "link": corner.link,
        "direction": corner.direction.value,
        "class": corner.klass.value,
        "objects": corner.objects,
        "bytes": corner.size_bytes,
        "oldest_at": corner.oldest_accepted_at,
    }
