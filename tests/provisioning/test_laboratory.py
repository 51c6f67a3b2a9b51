"""The laboratory on this machine: it comes up, behaves, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from bocage_provisioning.lab.bringing_up import bring_up, is_tunnel_up
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.folders import DISK, memory_folder, take_lock
from bocage_provisioning.lab.laboratory import WAN_SOURCE, Laboratory
from bocage_provisioning.lab.namespaces import present
from bocage_provisioning.lab.peers import send_argv
from bocage_provisioning.lab.topology import (
    HOSPITAL_TUNNEL_ADDRESS,
    PRACTICE_TUNNEL_ADDRESS,
    STATION_ADDRESS,
    Line,
    Topology,
)
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import PIPE, Child, CommandError, LocalHost, spawn

pytestmark = pytest.mark.integration

HOST = LocalHost()
NAME = "t1"

UP = """
import sys, threading
from bocage_provisioning.lab.laboratory import Laboratory
with Laboratory(sys.argv[1]):
    print("up", flush=True)
    threading.Event().wait()
"""


def leftovers(name: str) -> list[str]:
    """List what a laboratory left on the machine."""
    found = [space for space in present(HOST) if space in Topology(name).namespaces]
    found += [str(path) for path in (DISK / name, memory_folder() / name) if path.exists()]
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"bocage-lab/{name}/".encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    """One laboratory with working boxes, for all tests that leave it as it was."""
    with Laboratory(NAME) as lab:
        bring_up(lab)
        yield lab


def test_the_tunnel_has_the_lines_delay(lab: Laboratory) -> None:
    printed = lab.hospital.host.run(
        ["ping", "-6", "-q", "-c", "5", "-i", "0.2", PRACTICE_TUNNEL_ADDRESS]
    )
    fastest_ms = float(printed.splitlines()[-1].split("=")[1].split("/")[0])
    assert 40 <= fastest_ms < 60


def test_the_modality_is_answered_and_a_stranger_is_not(lab: Laboratory) -> None:
    lab.modality_echo()
    with pytest.raises(CommandError):
        lab.modality_echo(calling_aet="STRANGER")


def test_a_peer_counts_every_instance_that_reaches_it(lab: Laboratory) -> None:
    file = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(file, str)
    to = (STATION_ADDRESS, lab.station.port)
    argv = send_argv([Path(file)], called_aet="STATION", calling_aet="TEST", to=to)
    before = lab.station.stores()
    for _ in range(2):
        LocalHost(lab.topology.practice_lan).run(argv)
    assert lab.station.stores() == before + 2
    assert len([path for path in lab.station_received() if path.name.startswith("CT.")]) == 1


def test_the_sites_lans_never_meet(lab: Laboratory) -> None:
    # Both LANs have the same range; the station's address must be nobody's at the hospital.
    hospital_lan = LocalHost(lab.topology.hospital_lan)
    with pytest.raises(CommandError):
        hospital_lan.run(["ping", "-c", "1", "-W", "1", "192.168.1.40"])
    for box in (lab.hospital, lab.practice):
        assert box.status("link") is not None
        assert box.host.run(["sysctl", "-n", "net.ipv4.ip_forward"]) == "0\n"


def test_units_have_no_power_they_do_not_need(lab: Laboratory) -> None:
    for unit in ("keeper", "receive", "relay", "deliver"):
        status = Path(f"/proc/{lab.hospital.pid(unit)}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in status)
        assert fields["CapEff"].strip() == fields["CapBnd"].strip() == "0" * 16
        assert fields["NoNewPrivs"].strip() == "1"
        assert "0" not in fields["Uid"].split()


@pytest.mark.parametrize("unit", ["keeper", "link", "receive", "relay", "deliver"])
def test_a_killed_unit_lives_again(lab: Laboratory, unit: str) -> None:
    box = lab.practice
    pid = box.kill(unit)
    assert box.wait_restarted(unit, pid) != pid
    assert box.exits(unit)[-1] == -signal.SIGKILL


def test_a_killed_link_unit_leaves_the_tunnel_up(lab: Laboratory) -> None:
    pid = lab.hospital.kill("link")
    lab.hospital.host.run(["ping", "-6", "-c", "1", "-W", "2", PRACTICE_TUNNEL_ADDRESS])
    lab.hospital.wait_restarted("link", pid)


def test_a_cut_line_carries_nothing_until_it_is_mended(lab: Laboratory) -> None:
    echo = ["ping", "-6", "-c", "1", "-W", "1", PRACTICE_TUNNEL_ADDRESS]
    lab.cut()
    wait_until(lambda: _cuts(lab) % 2 == 1, 5, "the cut")
    with pytest.raises(CommandError):
        lab.hospital.host.run(echo)
    lab.restore()
    wait_until(lambda: _cuts(lab) % 2 == 0, 5, "the mended line")
    lab.hospital.host.run([*echo[:-2], "5", echo[-1]])


def _cuts(lab: Laboratory) -> int:
    """Count cuts and mendings; odd while the line is cut."""
    log = (lab.disk / "logs" / "line.log").read_text()
    return log.count("line cut") + log.count("line restored")


def test_a_power_cut_locks_the_box_and_the_link_comes_back(lab: Laboratory) -> None:
    box = lab.practice
    box.cut_power()
    assert not (box.run / "opening" / "opening.key").exists()
    box.boot()
    wait_until(lambda: is_tunnel_up(box), 30, "the tunnel after a power cut")
    box.host.run(["ping", "-6", "-c", "1", "-W", "5", HOSPITAL_TUNNEL_ADDRESS])
    box.unlock()
    assert (box.run / "opening" / "opening.key").exists()


def test_a_second_one_of_the_same_name_is_refused(lab: Laboratory) -> None:
    with pytest.raises(LabError, match="is up already"):
        take_lock(memory_folder(), NAME, timeout_s=0.0)
    assert len([space for space in present(HOST) if space in lab.topology.namespaces]) == 5


def test_two_of_different_names_are_up_at_once_and_leave_nothing(lab: Laboratory) -> None:
    with Laboratory("t2") as other:
        assert other.disk != lab.disk
        lab.hospital.host.run(["ping", "-6", "-c", "1", "-W", "2", PRACTICE_TUNNEL_ADDRESS])
    assert leftovers("t2") == []
    lab.hospital.host.run(["ping", "-6", "-c", "1", "-W", "2", PRACTICE_TUNNEL_ADDRESS])


def start(name: str) -> Child:
    """Start a laboratory in a process of its own, and wait until it is up."""
    child = spawn([sys.executable, "-c", UP, name], stdout=PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdout.close()
    return child


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_laboratory_leaves_nothing(number: signal.Signals) -> None:
    child = start("t3")
    assert leftovers("t3")
    child.signal(number)
    child.wait(20)
    wait_until(lambda: not leftovers("t3"), 20, "the reaper")


def test_what_even_the_reaper_left_is_cleaned_at_the_next_start() -> None:
    child = start("t4")
    HOST.run(["kill", "-9", *_reapers("t4")])
    child.kill()
    child.wait(20)
    assert leftovers("t4")
    with Laboratory("t4") as lab:
        assert len([space for space in present(HOST) if space in lab.topology.namespaces]) == 5
    assert leftovers("t4") == []


def _reapers(name: str) -> list[str]:
    wanted = f"bocage_provisioning.lab.reaper\0{name}\0".encode()
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in cmdline.read_bytes():
                found.append(cmdline.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_the_line_compiles_without_a_warning(tmp_path: Path) -> None:
    strict = ["-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    HOST.run(["cc", *strict, "-o", tmp_path / "wan", WAN_SOURCE])


def test_another_line_takes_its_place(lab: Laboratory) -> None:
    usual = lab.line
    lab.set_line(Line(rate_mbit=20, delay_ms=60))
    try:
        start_at = time.monotonic()
        lab.hospital.host.run(["ping", "-6", "-c", "1", "-W", "5", PRACTICE_TUNNEL_ADDRESS])
        assert time.monotonic() - start_at >= 0.12
    finally:
        lab.set_line(usual)
