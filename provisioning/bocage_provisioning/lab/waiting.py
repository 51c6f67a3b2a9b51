"""Waiting for something the laboratory cannot be told of, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable

from bocage_provisioning.lab.errors import LabError

LOOK_AGAIN_S = 0.05


def wait_until(is_true: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Look until something holds, and give the seconds it took.

    Raises:
        LabError: it did not hold within the time.
    """
    start = time.monotonic()
    while not is_true():
        if time.monotonic() - start > timeout_s:
            raise LabError(f"{what}: not within {timeout_s:g} s")
        time.sleep(LOOK_AGAIN_S)
    return time.monotonic() - start


def listening_ports(text: str) -> frozenset[int]:
    """Parse /proc/<pid>/net/tcp or tcp6: the ports something listens at. Source: proc(5)."""
    listen = "0A"
    rows = [line.split() for line in text.splitlines()[1:]]
    return frozenset(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == listen)
