"""Against the real Mosquitto, on a port of loopback."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bocage_console.authority.certificates import Role, key_pem, pem_of
from bocage_console.authority.files import SessionFiles, load_authority, session_files
from bocage_console.broker.access import INGEST
from bocage_console.broker.running import BrokerUnit, Reach, wait_until_it_answers
from bocage_console.broker.selftest import Strangers, breaches
from bocage_console.broker.session import BrokerAddress, Probe
from bocage_console.errors import BrokerError
from bocage_console.folder import Folder
from bocage_contract.fleet.topics import Down, Up, topic
from bocage_system.clock import SystemClock
from bocage_system.command import Child, spawn
from tests.console.conftest import NOW

pytestmark = pytest.mark.integration


class Fleet:
    """A broker whose list a test holds in its hand."""

    def __init__(self, folder: Folder) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.folder = folder
        self.listed: set[str] = {"flers-1", "caen-1"}
        reach = Reach("127.0.0.1", self.port, ("127.0.0.1",), user="root")
        self.unit = BrokerUnit(folder, reach, lambda: frozenset(self.listed), SystemClock())

    def files(self, name: str) -> SessionFiles:
        """Give somebody a good certificate, listed or not."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = load_authority(self.folder).issue(key.public_key(), name, Role.CLIENT, NOW)
        found = SessionFiles(
            self.folder.root / f"{name}.key",
            self.folder.root / f"{name}.pem",
            self.folder.authority,
        )
        found.key.write_bytes(key_pem(key))
        found.certificate.write_text(pem_of(made))
        return found

    def probe(self, name: str, client_id: str = "") -> Probe:
        """A session of somebody with a good certificate."""
        address = BrokerAddress("127.0.0.1", self.port)
        return Probe(address, self.files(name), str(self.folder.authority), client_id)


@pytest.fixture
def fleet(folder: Folder) -> Iterator[Fleet]:
    made = Fleet(folder)
    made.unit.start()
    yield made
    made.unit.close()


def test_a_box_speaks_below_its_own_name_and_nowhere_else(fleet: Fleet) -> None:
    probe = fleet.probe("flers-1")
    try:
        assert probe.connect()
        assert all(probe.may_publish(topic("flers-1", leaf)) for leaf in Up)
        assert not any(probe.may_publish(topic("flers-1", leaf)) for leaf in Down)
        assert not any(probe.may_publish(topic("caen-1", leaf)) for leaf in (*Up, *Down))
    finally:
        probe.close()


def test_a_box_hears_what_is_for_it_and_nothing_else(fleet: Fleet) -> None:
    probe, console = fleet.probe("flers-1"), _console(fleet)
    assert probe.connect()
    for wanted in ("#", "bocage/1/+/desired", topic("flers-1", Down.DESIRED), "$SYS/#"):
        probe.may_subscribe(wanted)
    for device in ("caen-1", "flers-1", "caen-1"):
        for leaf in Down:
            assert console.may_publish(topic(device, leaf), f"{device} {leaf}".encode())
    probe.is_answered("anything")
    assert set(probe.heard) == {f"flers-1 {leaf}".encode() for leaf in Down}
    probe.close()
    console.close()


def test_the_same_client_id_on_two_boxes_takes_no_session(fleet: Fleet) -> None:
    honest, clone = fleet.probe("caen-1"), fleet.probe("flers-1", client_id="caen-1")
    try:
        assert honest.connect()
        assert clone.connect()
        assert honest.is_answered("anything")
        assert not clone.may_publish(topic("caen-1", Up.STATUS))
    finally:
        clone.close()
        honest.close()


def test_a_fenced_box_is_thrown_out_at_once_and_is_told_nothing_more(fleet: Fleet) -> None:
    """Its live session, and what was queued for it while it was away."""
    away = fleet.probe("flers-1")
    assert away.connect(expires_after_s=3600)
    assert away.may_subscribe(topic("flers-1", Down.DESIRED))
    away.close()
    console = _console(fleet)
    assert console.may_publish(topic("flers-1", Down.DESIRED), b"queued for a box that is away")
    live = fleet.probe("caen-1")
    assert live.connect()

    fleet.listed.clear()
    fleet.unit.step()

    assert not live.may_publish(topic("caen-1", Up.STATUS))
    back = fleet.probe("flers-1")
    assert back.connect(clean=False, expires_after_s=3600)
    back.may_subscribe(topic("flers-1", Down.DESIRED))
    assert console.may_publish(topic("flers-1", Down.DESIRED), b"sent after it was fenced")
    back.is_answered("anything")
    assert not back.may_publish(topic("flers-1", Up.STATUS))
    assert back.heard == []
    for probe in (live, back, console):
        probe.close()


def test_a_box_fenced_while_no_broker_ran_finds_nothing_of_its_session(fleet: Fleet) -> None:
    away = fleet.probe("flers-1")
    assert away.connect(expires_after_s=3600)
    assert away.may_subscribe(topic("flers-1", Down.DESIRED))
    away.close()
    console = _console(fleet)
    assert console.may_publish(topic("flers-1", Down.DESIRED), b"queued before it was fenced")
    console.close()
    fleet.unit.close()

    fleet.listed.discard("flers-1")
    fleet.unit.start()

    back = fleet.probe("flers-1")
    assert back.connect(clean=False, expires_after_s=3600)
    back.is_answered("anything")
    assert back.heard == []
    back.close()


def test_fencing_one_box_leaves_the_others_their_sessions(fleet: Fleet) -> None:
    other = fleet.probe("caen-1")
    assert other.connect()
    fleet.listed.discard("flers-1")
    fleet.unit.step()
    assert other.may_publish(topic("caen-1", Up.STATUS))
    other.close()


def test_a_newly_enrolled_box_is_let_in_without_a_restart(fleet: Fleet) -> None:
    pid = fleet.unit.pid
    fleet.listed.add("vire-1")
    fleet.unit.step()
    probe = fleet.probe("vire-1")
    assert probe.connect()
    assert probe.may_publish(topic("vire-1", Up.STATUS))
    assert fleet.unit.pid == pid
    probe.close()


def test_the_selftest_tells_a_broker_that_is_open(folder: Folder) -> None:
    """The control: the same tries at a broker without its guards find every hole."""
    fleet = Fleet(folder)
    fleet.unit.start()
    child = open_up(fleet)
    try:
        strangers = Strangers(fleet.files("console.selftest"), fleet.files("console.witness"))
        found = breaches(BrokerAddress("127.0.0.1", fleet.port), strangers)
    finally:
        child.terminate()
        child.wait(10)
    assert len(found) == 4


def open_up(fleet: Fleet) -> Child:
    """Start the same broker again without what makes it tight."""
    fleet.unit.close()
    file = fleet.folder.broker / "mosquitto.conf"
    guards = ("require_certificate", "use_", "allow_anonymous", "acl_file")
    lines = [line for line in file.read_text().splitlines() if not line.startswith(guards)]
    file.write_text("\n".join([*lines, "allow_anonymous true"]) + "\n")
    child = spawn(["mosquitto", "-c", file])
    wait_until_it_answers(child, BrokerAddress("127.0.0.1", fleet.port))
    return child


def test_a_port_that_is_taken_is_told(folder: Folder) -> None:
    fleet = Fleet(folder)
    with socket.create_server(("127.0.0.1", fleet.port)), pytest.raises(BrokerError):
        fleet.unit.start()


def test_a_broker_that_died_is_told(fleet: Fleet) -> None:
    pid = fleet.unit.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # seen dead, left for its parent to reap
    with pytest.raises(BrokerError, match="ended by itself"):
        fleet.unit.step()


def _console(fleet: Fleet) -> Probe:
    files = session_files(fleet.folder, INGEST, Role.CLIENT, NOW)
    probe = Probe(BrokerAddress("127.0.0.1", fleet.port), files, str(files.authority), "")
    assert probe.connect()
    return probe
