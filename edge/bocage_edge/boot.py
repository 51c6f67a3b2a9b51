"""Which start of the box this is: a random number in memory, gone with the power."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from bocage_edge.paths import Box
from bocage_system.durable import read_limited, write_atomic

_BOOT = re.compile(r"[0-9a-f]{32}")


def boot_id(box: Box) -> str:
    """Give the number, making it first where this is the first to ask.

    Raises:
        OSError: the run folder cannot be used.
    """
    path: Path = box.run / "boot"
    try:
        held = read_limited(path, 64).decode("ascii", "replace")
    except (FileNotFoundError, ValueError):
        held = ""
    if _BOOT.fullmatch(held):
        return held
    made = secrets.token_hex(16)
    write_atomic(path, made.encode(), mode=0o640)
    return made
