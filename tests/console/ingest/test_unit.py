"""Against the real Mosquitto: what a box says is in the database once, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from bocage_console.authority.certificates import Role, pem_of
from bocage_console.authority.files import SessionFiles, load_authority, session_files
from bocage_console.broker.access import INGEST
from bocage_console.broker.running import BrokerUnit, Reach
from bocage_console.broker.session import BrokerAddress, Probe
from bocage_console.cli.processes import active_devices
from bocage_console.database.opening import Database
from bocage_console.database.tables import Device, Event, Outgoing
from bocage_console.folder import Folder
from bocage_console.ingest.unit import IngestUnit
from bocage_contract.canonical import canonical_json
from bocage_contract.fleet.events import Ack, EventKind, Events
from bocage_contract.fleet.events import Event as EventMessage
from bocage_contract.fleet.topics import Down, Up, topic
from bocage_system.clock import SystemClock
from tests.console.conftest import NOW
from tests.console.fleet import HOSPITAL, PRACTICE, NewBox, two_sites
from tests.console.ingest.test_doubles import status

pytestmark = pytest.mark.integration
ROUNDS = 200  # of at most 0.2 s


class Plane:
    """Broker, ingest and one box, each of which a test may end."""

    def __init__(self, folder: Folder, database: Database, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.folder, self.database, self.tmp_path = folder, database, tmp_path
        self.address = BrokerAddress("127.0.0.1", self.port)
        self.broker = self.new_broker()
        self.ingest = self.new_ingest()
        self.box = self.new_box()

    def new_broker(self) -> BrokerUnit:
        """Start a broker on the same port with the same folder."""
        reach = Reach("127.0.0.1", self.port, ("127.0.0.1",), user="root")
        unit = BrokerUnit(self.folder, reach, lambda: active_devices(self.database), SystemClock())
        unit.start()
        return unit

    def new_ingest(self) -> IngestUnit:
        """Start an ingest."""
        files = session_files(self.folder, INGEST, Role.CLIENT, NOW)
        unit = IngestUnit(self.database, SystemClock(), self.address, files, lambda: b"the keyset")
        unit.start()
        self.until(lambda: unit.is_connected, unit)
        return unit

    def new_box(self) -> Probe:
        """Begin a session of the box."""
        box = NewBox(HOSPITAL)
        made = load_authority(self.folder).issue(
            box.session.public_key(), HOSPITAL, Role.CLIENT, NOW
        )
        files = SessionFiles(
            self.tmp_path / "box.key", self.tmp_path / "box.pem", self.folder.authority
        )
        raw = box.session.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files.key.write_bytes(raw)
        files.certificate.write_text(pem_of(made))
        probe = Probe(self.address, files, str(files.authority), "")
        assert probe.connect()
        for leaf in Down:
            assert probe.may_subscribe(topic(HOSPITAL, leaf))
        return probe

    def tell(self, *numbers: int) -> None:
        """Let the box tell events."""
        told = [EventMessage(seq=n, at=n, kind=EventKind.STARTED) for n in numbers]
        value = Events(epoch=1, events=told).to_json()
        assert self.box.may_publish(topic(HOSPITAL, Up.EVENTS), canonical_json(value))

    def until(self, holds: Callable[[], bool], unit: IngestUnit | None = None) -> None:
        """Let the ingest do rounds until something holds."""
        for _ in range(ROUNDS):
            if holds():
                return
            (unit or self.ingest).step()
        raise AssertionError("it never came to hold")

    def kept(self) -> list[int]:
        """Numbers of the events in the database."""
        with self.database.reading() as session:
            return list(session.scalars(select(Event.seq).order_by(Event.seq)))

    def acknowledged(self) -> int:
        """The last acknowledgement the box has heard."""
        acks = [Ack.read(raw) for raw in self.box.heard if raw.startswith(b'{"committed"')]
        return max((each.committed for each in acks), default=0)

    def close(self) -> None:
        """End everything."""
        self.box.close()
        self.ingest.close()
        self.broker.close()


@pytest.fixture
def plane(folder: Folder, database: Database, tmp_path: Path) -> Iterator[Plane]:
    with database.writing() as session:
        two_sites(session)
        for name in (HOSPITAL, PRACTICE):
            session.get_one(Device, name).state = "active"
    made = Plane(folder, database, tmp_path)
    yield made
    made.close()


def test_an_event_is_acknowledged_once_it_is_in_the_database(plane: Plane) -> None:
    plane.tell(1, 2, 3)
    plane.until(lambda: plane.acknowledged() == 3)
    assert plane.kept() == [1, 2, 3]


def test_a_box_that_comes_is_told_what_holds(plane: Plane) -> None:
    plane.tell(1)
    plane.until(lambda: plane.acknowledged() == 1)
    value = canonical_json(status().to_json())
    assert plane.box.may_publish(topic(HOSPITAL, Up.STATUS), value)
    plane.until(lambda: b"the keyset" in plane.box.heard)


def test_what_was_put_out_is_given_once_and_then_gone(plane: Plane) -> None:
    with plane.database.writing() as session:
        session.add(Outgoing(device_id=HOSPITAL, leaf="desired", payload=b"revision 7", made_at=1))
    plane.until(lambda: b"revision 7" in plane.box.heard)
    for _ in range(3):
        plane.ingest.step()
    assert plane.box.heard.count(b"revision 7") == 1
    with plane.database.reading() as session:
        assert session.scalars(select(Outgoing)).all() == []


def test_a_broker_killed_under_load_loses_no_event(plane: Plane) -> None:
    """The broker had acknowledged some that nobody ever got: the box sends from the last ack on."""
    plane.tell(1, 2)
    plane.until(lambda: plane.acknowledged() == 2)
    for number in range(3, 40):
        plane.tell(number)
    pid = plane.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    plane.broker.close()
    while plane.ingest.step():
        pass
    held = len(plane.kept())
    plane.broker = plane.new_broker()
    plane.box.close()
    plane.box = plane.new_box()
    plane.until(lambda: plane.ingest.is_connected)
    plane.tell(*range(plane.acknowledged() + 1, 41))
    plane.until(lambda: len(plane.kept()) == 40)
    assert plane.kept() == list(range(1, 41))
    assert held <= 40


def test_an_ingest_that_ends_before_it_wrote_loses_nothing(plane: Plane) -> None:
    plane.ingest.close()
    plane.tell(1, 2, 3)
    plane.ingest = plane.new_ingest()
    plane.until(lambda: plane.acknowledged() == 3)
    assert plane.kept() == [1, 2, 3]
