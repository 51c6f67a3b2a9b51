"""`./run demo` shows what it claims, and ended in mid-work leaves nothing on the machine.

That a laboratory without boxes does so, and that the next start clears what even the reaper left,
is in tests/provisioning/test_laboratory.py. Here the whole of it is up: units with users of their
own, WireGuard, codec workers, senders.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bocage_provisioning.lab.folders import DISK, memory_folder
from bocage_provisioning.lab.namespaces import WIREGUARD_SOCKETS, pids, present
from bocage_provisioning.lab.topology import Topology
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import DEVNULL, Child, LocalHost, spawn

pytestmark = pytest.mark.integration

HOST = LocalHost()
NAME = "ended"
BEGINS_WITHIN_S = 60.0
DAY_WITHIN_S = 300.0
CLAIMS = 8
GONE_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Life:
    """A process, told apart from a later one of the same number."""

    pid: int
    started: str

    def is_over(self) -> bool:
        """Whether it runs no more."""
        return life_of(self.pid) != self


def life_of(pid: int) -> Life | None:
    """Look a process up; None where there is none. Source: proc(5), field 22 of stat."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else Life(pid, fields[19])
    return None


def tunnels_are_up() -> bool:
    """Whether both boxes are being brought up: the unit before the last step runs on each."""
    return all((memory_folder() / NAME / box / "status/link.json").exists() for box in BOXES)


def exams_arrive() -> bool:
    """Whether the reading station has something already."""
    return any((DISK / NAME / "station").glob("*"))


BOXES = ("hospital", "practice")


@pytest.mark.parametrize(
    ("number", "send", "moment"),
    [
        (signal.SIGTERM, os.kill, tunnels_are_up),
        (signal.SIGINT, os.killpg, exams_arrive),  # Ctrl-C at a terminal reaches the whole group
        (signal.SIGKILL, os.kill, exams_arrive),
    ],
)
def test_an_ended_demonstration_leaves_nothing(
    number: signal.Signals, send: Callable[[int, int], None], moment: Callable[[], bool]
) -> None:
    child = start()
    wait_until(moment, BEGINS_WITHIN_S, "the moment to end it")
    lives = [life for life in map(life_of, pids(HOST, Topology(NAME).namespaces)) if life]
    sockets = wireguard_sockets(lives)
    assert len(lives) >= 10
    send(child.pid, number)
    status = child.wait(GONE_WITHIN_S)
    assert status == (-number if number == signal.SIGKILL else 130)
    wait_until(lambda: not left(lives, sockets), GONE_WITHIN_S, "a clean machine")


def test_a_day_in_the_demonstration_holds_what_it_claims() -> None:
    """At five past eight, to its end: every claim, and the month's statement to the cent."""
    argv = [sys.executable, "-m", "bocage_provisioning", "demo", "--name", "aday"]
    argv += ["--at", "2026-12-01 08:05", "--exit", "--json"]
    said = json.loads(HOST.run(argv, timeout_s=DAY_WITHIN_S).splitlines()[-1])
    assert said["ok"], said
    assert [check["claim"] for check in said["checks"] if not check["held"]] == []
    assert len(said["checks"]) == CLAIMS
    refusal = said["checks"][0]["seen"]
    assert refusal == '0x0124 "Refuse: modalite hors convention pour ce service"'
    slots = {exam["name"]: exam["slot_from"] for exam in said["exams"]}
    half_past_eight = datetime(2026, 12, 1, 8, 30, tzinfo=ZoneInfo("Europe/Paris")).timestamp()
    assert slots["CR RG1_UNCI"] == slots["CR RG3_UNCI"] == half_past_eight
    assert slots["CR RG1_UNCI prior"] is slots["CT 693_UNCI"] is None
    total = said["statement"][-1]
    assert (total["month"], total["modality"]) == ("2026-12", "TOTAL")
    assert (total["exams"], total["reported"], total["amount"]) == ("7", "5", "212.50")


def start() -> Child:
    """Start the demonstration as `./run demo` does, on a slow line."""
    return spawn(
        [sys.executable, "-m", "bocage_provisioning", "demo", "--name", NAME, "--rate-mbit", "4"],
        stdout=DEVNULL,
        stderr=DEVNULL,
    )


def wireguard_sockets(lives: list[Life]) -> list[Path]:
    """Find the control sockets of wireguard-go processes. Their names are machine-wide."""
    found = []
    for life in lives:
        with suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{life.pid}/cmdline").read_bytes().split(b"\0")
            if words[0] == b"wireguard-go":
                found.append(WIREGUARD_SOCKETS / f"{words[2].decode()}.sock")
    return found


def left(lives: list[Life], sockets: list[Path]) -> list[str]:
    """List what is still there."""
    folders = (DISK / NAME, memory_folder() / NAME)
    return [
        *(str(life) for life in lives if not life.is_over()),
        *(space for space in present(HOST) if space in Topology(NAME).namespaces),
        *(str(path) for path in (*folders, *sockets) if path.exists()),
    ]
