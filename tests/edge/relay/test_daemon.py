"""The relay's process as on a box: signed configuration, the keeper's socket, bell, status."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog.testing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import Card, seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_contract.pins import Pin, Pins, seal_pins
from bocage_edge.configuration import load
from bocage_edge.keeper.client import Keeper
from bocage_edge.keeper.daemon import open_service
from bocage_edge.paths import Box
from bocage_edge.relay.daemon import run
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectKind, OutgoingObject
from bocage_edge.status import read_status
from bocage_system.clock import SystemClock
from bocage_system.kick import ring
from bocage_system.local_socket import serve
from tests.contract.keys import card_of, identity, keyset_of, public
from tests.contract.keys import desired_document as document_of
from tests.edge.relay.twin import HOSPITAL, PRACTICE, free_port

CONFIGURATION_KEY = identity(9)
LINK = "flers-caen"
PATIENCE_S = 20.0
CLOCK = SystemClock()


@dataclass(frozen=True)
class Site:
    """One box as files: folders, keys, card, configuration, and its partner's card."""

    box: Box
    key: Ed25519PrivateKey
    card: Card
    address: str

    def lay_out(self) -> None:
        """Make folders, keys and card."""
        box = self.box
        for path in (box.desired, box.identity_key, box.status("x"), box.doorbell("x"), box.pins):
            path.parent.mkdir(parents=True, exist_ok=True)
        (box.state / "relay").mkdir()
        box.identity_key.write_bytes(self.key.private_bytes_raw())
        box.agreement_key.write_bytes(bytes(range(32)))
        box.identity_key.chmod(0o600)
        box.agreement_key.chmod(0o600)
        box.keyset.write_bytes(keyset_of(CONFIGURATION_KEY))
        box.card.write_bytes(seal_card(self.card, self.key.sign))

    def configure(
        self, other: Site, port: int, revision: int = 3, cap_mbit: int | None = None
    ) -> None:
        """Write the signed configuration with one link to the other box."""
        document = document_of(self.key)
        document["device"] = self.card.device
        document["revision"] = revision
        (link,) = document["links"]
        link["id"] = LINK
        link["partner"] = other.card.device
        link["relay_port"] = port
        link["partner_card"] = json.loads(seal_card(other.card, other.key.sign))
        link["tunnel"] |= {"address": self.address, "partner_address": other.address}
        if cap_mbit is not None:
            link["cap_mbit"] = [{"from": "00:00", "to": "00:00", "mbit": cap_mbit}]
        desired = Desired.of(document)
        self.box.desired.write_bytes(
            seal_desired(desired, CONFIGURATION_KEY.sign, public(CONFIGURATION_KEY))
        )

    def confirm(self, other: Site) -> None:
        """Confirm the other box, as people do after they compared the words."""
        pin = Pin(
            link=LINK,
            device=other.card.device,
            identity=other.card.identity,
            card_serial=1,
            confirmed_at=1,
        )
        self.box.pins.write_bytes(
            seal_pins(Pins(revision=1, pins=[pin]), self.key.sign, public(self.key))
        )

    def port(self) -> int:
        """The relay port of the configuration in force."""
        return load(self.box).desired.links[0].relay_port

    def status(self) -> dict[str, Any]:
        """What relay says of its link."""
        status = read_status(self.box, "relay") or {}
        links = status.get("links") or [{}]
        return dict(links[0])


@contextmanager
def running(box: Box, stop: threading.Event) -> Iterator[None]:
    """Run keeper and relay of a box in threads."""
    service = open_service(box, CLOCK)
    keeper_stop = threading.Event()
    keeper = threading.Thread(
        target=serve,
        args=(box.keeper_socket, lambda _uid, ask: service.answer("relay", ask), keeper_stop),
        kwargs={"mode": 0o600},
    )
    relay = threading.Thread(target=run, args=(box, stop))
    keeper.start()
    relay.start()
    try:
        yield
    finally:
        stop.set()
        relay.join(PATIENCE_S)
        keeper_stop.set()
        keeper.join(PATIENCE_S)
        assert not relay.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    tick = threading.Event()
    left = int(PATIENCE_S / 0.05)
    while not condition():
        left -= 1
        assert left > 0, "waited too long"
        tick.wait(0.05)


@contextmanager
def two_sites(folder: Path, *, confirmed: bool) -> Iterator[tuple[Site, Site]]:
    port = free_port()
    sites = []
    for number, (device, address) in enumerate([("flers-1", HOSPITAL), ("caen-1", PRACTICE)], 1):
        key = identity(number)
        box = Box(folder / device / "state", folder / device / "run")
        sites.append(Site(box, key, card_of(key, device), address))
    hospital, practice = sites
    for site, other in ((hospital, practice), (practice, hospital)):
        site.lay_out()
        site.configure(other, port)
        if confirmed:
            site.confirm(other)
    stop = threading.Event()
    with running(hospital.box, stop), running(practice.box, stop):
        yield hospital, practice


def put(spool: Spool, data: bytes) -> str:
    incoming = spool.incoming()
    incoming.write(data)
    new = OutgoingObject(
        link=LINK,
        klass=ExamClass.ROUTINE,
        kind=ObjectKind.INSTANCE,
        exam_id="e" * 32,
        instance_key="f" * 32,
        digest="d" * 64,
        content_digest=None,
        dataset_bytes=len(data),
        service="FLERS",
        received_at=CLOCK.now(),
    )
    return spool.accept_outgoing(incoming, new, [])


def test_an_object_goes_from_box_to_box_and_its_receipt_comes_back(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=True) as (hospital, practice):
        receive = Spool(hospital.box.spool, CLOCK, unit="receive")
        deliver = Spool(practice.box.spool, CLOCK, unit="deliver")
        name = put(receive, b"sealed bytes")
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: deliver.has(name))
        keeper = Keeper(hospital.box.keeper_socket)
        wait_until(lambda: keeper.partner_head_number(LINK) == 1)
        keeper.close()
        wait_until(lambda: str(getattr(receive.get(name), "state", "")) == "stored")
        wait_until(lambda: hospital.status().get("outgoing", {}).get("connected") is True)
        wait_until(lambda: hospital.status()["outgoing"]["last_commit_at"] is not None)
        assert hospital.status()["incoming"]["connected"] is True
        for spool in (receive, deliver):
            assert spool.verify().is_sound
            spool.close()


def test_without_confirmation_nothing_leaves_until_there_is_one(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=False) as (hospital, practice):
        receive = Spool(hospital.box.spool, CLOCK, unit="receive")
        name = put(receive, b"sealed bytes")
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: "not confirmed" in hospital.status().get("blocked", ""))
        assert "outgoing" not in hospital.status()

        practice.confirm(hospital)
        ring(practice.box.doorbell("relay"))
        wait_until(lambda: "outgoing" in practice.status())
        assert str(getattr(receive.get(name), "state", "")) == "queued"

        hospital.confirm(practice)
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: str(getattr(receive.get(name), "state", "")) == "stored")
        receive.close()


def test_a_partner_with_other_keys_is_an_alarm_and_cut_off(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=True) as (hospital, practice):
        wait_until(lambda: hospital.status().get("outgoing", {}).get("connected") is True)
        stranger = Site(practice.box, identity(3), card_of(identity(3), "caen-1"), PRACTICE)
        hospital.configure(stranger, free_port(), revision=4)
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: "CHANGED" in hospital.status().get("blocked", ""))
        assert hospital.status()["is_alarm"] is True


def test_a_new_revision_alone_leaves_the_connection_up(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=True) as (hospital, practice):
        wait_until(lambda: hospital.status().get("outgoing", {}).get("connected") is True)
        since = hospital.status()["outgoing"]["since"]
        port = hospital.port()
        hospital.configure(practice, port, revision=4)
        ring(hospital.box.doorbell("relay"))
        seen_at = (read_status(hospital.box, "relay") or {})["at"]
        wait_until(lambda: (read_status(hospital.box, "relay") or {})["at"] > seen_at)
        assert hospital.status()["outgoing"]["since"] == since


def test_another_cap_is_followed_without_dropping_the_connection(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=True) as (hospital, practice):
        wait_until(lambda: hospital.status().get("outgoing", {}).get("connected") is True)
        before = hospital.status()["outgoing"]
        assert before["cap_mbit"] is None
        assert before["congestion_control"]
        hospital.configure(practice, hospital.port(), revision=4, cap_mbit=4)
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: hospital.status()["outgoing"]["cap_mbit"] == 4)
        assert hospital.status()["outgoing"]["since"] == before["since"]


def test_a_broken_configuration_keeps_the_last_good_one(tmp_path: Path) -> None:
    with two_sites(tmp_path, confirmed=True) as (hospital, _):
        wait_until(lambda: hospital.status().get("outgoing", {}).get("connected") is True)
        hospital.box.desired.write_bytes(b"unsigned")
        ring(hospital.box.doorbell("relay"))
        wait_until(lambda: "configuration" in (read_status(hospital.box, "relay") or {})["fault"])
        assert hospital.status()["outgoing"]["connected"] is True


def test_a_keeper_that_cannot_write_is_told_once(tmp_path: Path) -> None:
    """Rings come with every object: they make neither haste nor a flood of the log."""
    box = Box(tmp_path / "state", tmp_path / "run")
    Site(box, identity(1), card_of(identity(1), "flers-1"), HOSPITAL).lay_out()
    asked: list[str] = []

    def refuse(_uid: int, ask: dict[str, Any]) -> dict[str, Any]:
        asked.append(ask["op"])
        return {"error": "not now"}

    spool = Spool(box.spool, CLOCK, unit="relay")
    spool.record("box", [draft("started", CLOCK.now())])
    spool.close()
    keeper_stop, stop = threading.Event(), threading.Event()
    keeper = threading.Thread(target=serve, args=(box.keeper_socket, refuse, keeper_stop))
    relay = threading.Thread(target=run, args=(box, stop))

    def is_asked_again() -> bool:
        for _ in range(20):
            ring(box.doorbell("relay"))
        return asked.count("append") >= 3

    with structlog.testing.capture_logs() as lines:
        keeper.start()
        relay.start()
        try:
            wait_until(is_asked_again)
        finally:
            stop.set()
            relay.join(PATIENCE_S)
            keeper_stop.set()
            keeper.join(PATIENCE_S)
    assert not relay.is_alive()
    assert [line["event"] for line in lines].count("entries wait for the keeper") == 1
