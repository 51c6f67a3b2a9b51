"""Large and many: senders and a station that hold nothing, around a laboratory."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, ROUTINE_AET
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, STATION_ADDRESS
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import PIPE, Child, LocalHost, spawn
from tests.integration.road import ROOT, Road

STREAM_TIMEOUT_S = 900.0


@contextmanager
def swallower(road: Road, file: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Put a station that keeps digests only in the place of the practice's; gives what came."""
    lab = road.lab
    file.touch()
    lab.stop_peer(lab.station)
    child = spawn(
        [
            *(sys.executable, "-m", "tests.integration.swallower"),
            *(STATION_ADDRESS, str(DICOM_PORT), str(file)),
        ],
        namespace=lab.topology.practice_lan,
        cwd=ROOT,
    )
    try:
        wait_until(lambda: DICOM_PORT in _ports(child.pid), 20, "the station")
        yield lambda: [json.loads(line) for line in whole_lines(file)]
    finally:
        child.kill_group()
        child.wait(10)
        lab.start_peer(lab.station)


def stream(road: Road, *words: object, called_aet: str = ROUTINE_AET) -> dict[str, Any]:
    """Send what is made while it is sent; see `streamer`."""
    printed = LocalHost(road.lab.topology.hospital_lan).run(
        [
            *("env", "-C", ROOT, sys.executable, "-m", "tests.integration.streamer"),
            *(BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET, called_aet),
            *map(str, words),
        ],
        timeout_s=STREAM_TIMEOUT_S,
    )
    said: dict[str, Any] = json.loads(printed)
    return said


class ByHand:
    """A modality at the hospital that sends a part of an instance when it is told."""

    def __init__(self, child: Child) -> None:
        """Take over a `streamer by_hand`."""
        self._child = child

    def begin(self, sop_instance: str, file: Path) -> None:
        """Send the command of a C-STORE, and the bytes of a file as its beginning."""
        self._order(f"begin {sop_instance} {file}")

    def end(self, file: Path) -> tuple[int, str]:
        """Send the last bytes; gives status and comment."""
        self._order(f"end {file}")
        if self._child.stdout is None:
            raise AssertionError("the modality has no output")
        status, comment = json.loads(self._child.stdout.readline())
        return status, comment

    def hang_up(self) -> None:
        """End in the middle of whatever it is."""
        self._child.kill()
        self._child.wait(10)

    def _order(self, line: str) -> None:
        if self._child.stdin is None:
            raise AssertionError("the modality has no input")
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()


@contextmanager
def by_hand(road: Road) -> Iterator[ByHand]:
    """Give a modality with an open association."""
    child = spawn(
        [
            *(sys.executable, "-m", "tests.integration.streamer"),
            *(BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET, ROUTINE_AET, "by_hand"),
        ],
        namespace=road.lab.topology.hospital_lan,
        cwd=ROOT,
        stdin=PIPE,
        stdout=PIPE,
    )
    modality = ByHand(child)
    try:
        yield modality
    finally:
        modality.hang_up()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def whole_lines(file: Path) -> list[str]:
    """Read the lines that are written to their end."""
    return file.read_text().rpartition("\n")[0].splitlines()


def _ports(pid: int) -> frozenset[int]:
    try:
        return listening_ports(Path(f"/proc/{pid}/net/tcp").read_text())
    except FileNotFoundError:
        return frozenset()
