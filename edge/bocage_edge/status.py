"""What each unit says of itself, for the doctor, the desk and the agent: a small file a unit.

A status is a statement with an age: readers show `at` and do not believe an old one.
"""

from __future__ import annotations

import json
import os
from typing import Any

from bocage_edge.paths import Box
from bocage_edge.units import UNITS
from bocage_system.durable import read_limited

MAX_STATUS_BYTES = 1 << 20


def write_status(box: Box, unit: str, now: float, status: dict[str, Any]) -> None:
    """Replace a unit's status. It lies in memory, so nothing is synced.

    Args:
        now: Unix seconds, kept as `at`.
    """
    path = box.status(unit)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"at": now, **status}, sort_keys=True))
    temporary.chmod(0o640)
    temporary.replace(path)


def read_status(box: Box, unit: str) -> dict[str, Any] | None:
    """Give a unit's last status; None where it has not said anything since the start."""
    try:
        value = json.loads(read_limited(box.status(unit), MAX_STATUS_BYTES))
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def statuses_of(box: Box) -> dict[str, dict[str, Any]]:
    """Give what every unit said last; those that have said nothing are missing."""
    said = {unit.name: read_status(box, unit.name) for unit in UNITS}
    return {name: status for name, status in said.items() if status is not None}
