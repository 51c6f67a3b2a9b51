"""The unit's round: configuration in, port open, ledger handed over, status said, clean end."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.card import seal_card
from bocage_contract.configuration import seal_desired
from bocage_contract.ledger import EntryDraft
from bocage_contract.pins import seal_pins
from bocage_edge.errors import KeeperError
from bocage_edge.paths import Box
from bocage_edge.receive.daemon import Receiver
from bocage_edge.spool.store import Spool
from bocage_edge.status import read_status
from bocage_system.clock import SystemClock
from tests.contract.keys import identity, keyset_of, public
from tests.edge.receive.test_association import hello, send
from tests.fakes.instances import instance
from tests.fakes.plain_writer import PlainWriter
from tests.fakes.scripted_peer import ABORT, ACCEPTED, REJECTED, RELEASE_RP, ScriptedPeer
from tests.fakes.site import BOX, LINK_KEY, in_force

CONSOLE = identity(9)


class KeeperTwin:
    """Writes a ledger in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self.written: list[EntryDraft] = []
        self.is_there = True

    def append(self, source: str, entries: Sequence[tuple[int | str, str, EntryDraft]]) -> int:
        """Write."""
        if not self.is_there:
            raise KeeperError("the keeper does not answer")
        self.written += [draft for _, _, draft in entries]
        return len(self.written)

    def link_key(self, link: str) -> bytes:
        """Give the key."""
        return LINK_KEY

    def kinds(self) -> list[str]:
        """What was written."""
        return [draft.kind for draft in self.written]


class Rig:
    """A box's folders and a receiver that has not done a round yet."""

    def __init__(self, folder: Path) -> None:
        """Make the folders; no configuration."""
        self.box = Box(folder / "state", folder / "run")
        for path in (self.box.desired, self.box.pins, self.box.status("x"), self.box.doorbell("x")):
            path.parent.mkdir(parents=True, exist_ok=True)
        self.box.keyset.write_bytes(keyset_of(CONSOLE))
        self.keeper = KeeperTwin()
        self.spool = Spool(self.box.spool, SystemClock(), unit="receive", reserve_bytes=0)
        self.receiver = Receiver(self.box, self.spool, self.keeper, PlainWriter, SystemClock())

    def configure(self, revision: int = 3, *, pinned: bool = True, **receive: Any) -> None:
        """Sign and write a configuration."""
        wanted = in_force(revision=revision, pinned=pinned, **receive)
        self.box.card.write_bytes(seal_card(wanted.card, BOX.sign))
        self.box.pins.write_bytes(seal_pins(wanted.pins, BOX.sign, public(BOX)))
        raw = seal_desired(wanted.desired, CONSOLE.sign, public(CONSOLE))
        fresh = self.box.desired.with_name("fresh")
        fresh.write_bytes(raw)
        fresh.replace(self.box.desired)

    def status(self) -> dict[str, Any]:
        """What the unit says of itself."""
        status = read_status(self.box, "receive")
        assert status is not None
        return status


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A box."""
    made = Rig(tmp_path)
    yield made
    made.receiver.close(0.0)
    report = made.spool.verify()
    made.spool.close()
    assert report.is_clean, report


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_configuration_it_waits_and_says_why(rig: Rig) -> None:
    """And takes it up when it comes."""
    rig.receiver.step()
    assert rig.status()["listening"] is False
    assert "no keys yet" in rig.status()["faults"]["configuration"]
    port = free_port()
    rig.configure(port=port)
    rig.receiver.step()
    assert rig.status()["faults"] == {}
    assert (rig.status()["listening"], rig.status()["revision"]) == (True, 3)
    with ScriptedPeer(port) as peer:
        assert peer.associate(hello()).type == ACCEPTED
        assert peer.release().type == RELEASE_RP


def test_entries_are_handed_to_the_keeper_and_wait_while_it_is_away(rig: Rig) -> None:
    """Nothing is lost in between."""
    port = free_port()
    rig.configure(port=port)
    rig.keeper.is_there = False
    rig.receiver.step()
    with ScriptedPeer(port) as peer:
        peer.associate(hello())
        send(peer, instance(1))
        assert peer.response().status == 0
        peer.release()
    rig.receiver.step()
    assert rig.keeper.kinds() == []
    assert "ledger" in rig.status()["faults"]
    rig.keeper.is_there = True
    rig.receiver.step()
    assert rig.keeper.kinds() == ["configuration", "exam", "received"]
    assert rig.status()["faults"] == {}


def test_a_new_revision_leaves_open_associations_alone(rig: Rig) -> None:
    """The next association is judged by the new one."""
    port = free_port()
    rig.configure(port=port)
    rig.receiver.step()
    with ScriptedPeer(port) as peer:
        peer.associate(hello())
        rig.configure(4, port=port, callers=[{"aet": "CT1", "addresses": ["127.0.0.1"]}])
        rig.receiver.step()
        with ScriptedPeer(port) as other:
            assert other.associate(hello(b"CR1")).type == REJECTED
        send(peer, instance(1))
        assert peer.response().status == 0
        assert peer.release().type == RELEASE_RP
    assert rig.status()["revision"] == 4


def test_a_move_to_another_port_leaves_open_associations_alone(rig: Rig) -> None:
    """The old port takes nobody any more."""
    old, new = free_port(), free_port()
    rig.configure(port=old)
    rig.receiver.step()
    with ScriptedPeer(old) as peer:
        peer.associate(hello())
        rig.configure(4, port=new)
        rig.receiver.step()
        with pytest.raises(ConnectionRefusedError):
            ScriptedPeer(old)
        with ScriptedPeer(new) as other:
            assert other.associate(hello()).type == ACCEPTED
        send(peer, instance(1))
        assert peer.response().status == 0


def test_a_configuration_nobody_signed_changes_nothing(rig: Rig) -> None:
    """The last good one stays in force, and the status says so."""
    port = free_port()
    rig.configure(port=port)
    rig.receiver.step()
    envelope = json.loads(rig.box.desired.read_bytes())
    envelope["signatures"][0]["signature"] = base64.b64encode(bytes(64)).decode()
    rig.box.desired.write_text(json.dumps(envelope))
    rig.receiver.step()
    assert rig.status()["revision"] == 3
    assert "configuration" in rig.status()["faults"]
    with ScriptedPeer(port) as peer:
        assert peer.associate(hello()).type == ACCEPTED


def test_a_taken_port_is_tried_again(rig: Rig) -> None:
    """Whoever holds it may go away."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        rig.configure(port=port)
        rig.receiver.step()
        assert rig.status()["listening"] is False
        assert "listening" in rig.status()["faults"]
    rig.receiver.step()
    assert rig.status()["listening"] is True


def test_a_partner_that_is_confirmed_while_it_runs_needs_no_restart(rig: Rig) -> None:
    """The keeper writes the list and rings."""
    port = free_port()
    rig.configure(port=port, pinned=False)
    rig.receiver.step()
    with ScriptedPeer(port) as peer:
        peer.associate(hello())
        send(peer, instance(1))
        assert peer.response().status != 0
        rig.configure(port=port)
        rig.receiver.step()
        send(peer, instance(1))
        assert peer.response().status == 0


def test_the_end_says_goodbye(rig: Rig) -> None:
    """Who is connected hears an abort, and everything is written down."""
    port = free_port()
    rig.configure(port=port)
    rig.receiver.step()
    with ScriptedPeer(port) as idle:
        idle.associate(hello())
        send(idle, instance(1))
        assert idle.response().status == 0
        rig.receiver.close(10.0)
        assert idle.receive().type == ABORT
    assert rig.keeper.kinds().count("received") == 1
