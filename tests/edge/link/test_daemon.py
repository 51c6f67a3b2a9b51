"""The link unit's rounds, on a modelled host: configuration in, text of the host out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.pins import Pin, Pins, seal_pins
from bocage_edge.link.address import tunnel_name
from bocage_edge.link.clock import ClockDoor, OpenDoor, ShutDoor
from bocage_edge.link.congestion import plan_congestion
from bocage_edge.link.daemon import SETTLED_S, UNSETTLED_S, LinkUnit, Surroundings
from bocage_edge.link.keys import make_tunnel_key
from bocage_edge.paths import Box
from bocage_edge.status import read_status
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public, text
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

OWN, PARTNER, CONSOLE = identity(1), identity(2), identity(3)
LINK = "flers-caen"
PARTNER_KEY = text(bytes([7]) * 32)


@dataclass
class RecordingDoor:
    """A clock door that notes what it was asked for."""

    is_open: bool = True
    asked: list[float] = field(default_factory=list)

    def put(self, at: float) -> None:
        self.asked.append(at)


class Bench:
    """A box in a folder, a modelled host, and the unit between them."""

    def __init__(self, folder: Path) -> None:
        self.box = Box(folder / "state", folder / "run")
        for path in (
            self.box.desired.parent,
            self.box.link_dir,
            self.box.pins.parent,
            self.box.status("link").parent,
        ):
            path.mkdir(parents=True)
        self.host = FakeHost()
        self.host.plug("lan0", "192.168.1.1/24")
        self.host.plug("wan0", "192.0.2.1/24", is_default=True)
        self.host.names["caen.example"] = "198.51.100.1"
        self.clock = FakeClock()
        self.door = RecordingDoor()
        self.is_time_attested = False
        self.box.card.write_bytes(seal_card(card_of(OWN), OWN.sign))
        self.box.keyset.write_bytes(keyset_of(CONSOLE))
        self.own_key = make_tunnel_key(self.host, self.box.tunnel_key(1))
        self.unit = self.new_unit()

    def new_unit(self) -> LinkUnit:
        """Start the unit anew, as after a crash."""
        around = Surroundings(
            self.host, self.host, self.clock, self.door, lambda: self.is_time_attested
        )
        self.unit = LinkUnit(self.box, around)
        return self.unit

    def power_cut(self) -> None:
        """Lose what lies in memory."""
        for path in self.box.run.rglob("*"):
            if path.is_file():
                path.unlink()
        self.new_unit()

    def configure(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Desired:
        raw = desired_document(OWN)
        partner_card = seal_card(card_of(PARTNER, "caen-1"), PARTNER.sign)
        raw["links"][0]["partner_card"] = json.loads(partner_card)
        change(raw)
        desired = Desired.model_validate(raw)
        self.box.desired.write_bytes(seal_desired(desired, CONSOLE.sign, public(CONSOLE)))
        return desired

    def confirm(self) -> None:
        pin = Pin(
            link=LINK,
            device="caen-1",
            identity=text(public(PARTNER)),
            card_serial=1,
            confirmed_at=1_800_000_000,
        )
        self.box.pins.write_bytes(seal_pins(Pins(pins=[pin]), OWN.sign, public(OWN)))

    def step(self) -> float:
        return self.unit.step()

    @property
    def status(self) -> dict[str, Any]:
        status = read_status(self.box, "link")
        assert status is not None
        return status

    @property
    def link(self) -> dict[str, Any]:
        link = self.status["links"][0]
        assert isinstance(link, dict)
        return link


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def name() -> str:
    return tunnel_name(desired_document(OWN)["audience"], LINK, 1)


def test_a_confirmed_partner_gets_its_tunnel(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    assert str(bench.host) == (
        "lo mtu 65536 up\n"
        "lan0 mtu 1500 up\n"
        "  192.168.1.1/24\n"
        "wan0 mtu 1500 up\n"
        "  192.0.2.1/24\n"
        f"{name} mtu 1280 up\n"
        "  fd00::1/128\n"
        "  route fd00::2/128\n"
        f"  wg {bench.own_key} port 51820\n"
        f"  wg_peer {PARTNER_KEY} fd00::2/128 at 198.51.100.1:51820 every 25\n"
        "table inet bocage\n"
    )


def test_a_second_round_changes_nothing(bench: Bench) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.clock.advance(1)
    before = str(bench.host)
    bench.host.ran.clear()
    bench.step()
    assert str(bench.host) == before
    assert not [argv for argv in bench.host.ran if "set" in argv or "-f" in argv or "add" in argv]


def test_an_unconfirmed_partner_gets_no_wg_peer(bench: Bench) -> None:
    bench.configure()
    assert bench.step() == SETTLED_S
    assert "wg_peer" not in str(bench.host)
    assert not bench.link["partner_confirmed"]
    assert "pair confirm" in bench.link["reason"]


def test_a_partner_whose_keys_changed_loses_its_wg_peer(bench: Bench) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    impostor = identity(9)
    card = json.loads(seal_card(card_of(impostor, "caen-1"), impostor.sign))

    def change(raw: dict[str, Any]) -> None:
        raw["links"][0]["partner_card"] = card
        raw["revision"] = 4

    bench.configure(change)
    bench.step()
    assert "wg_peer" not in str(bench.host)
    assert "CHANGED" in bench.link["reason"]


def test_after_a_handshake_the_link_is_up_and_its_mtu_is_found(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    assert bench.step() == UNSETTLED_S
    assert not bench.link["up"]
    bench.host.answers_up_to_bytes = 1400
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()))
    waits = []
    while not bench.link["mtu_is_probed"]:
        bench.clock.advance(1)
        waits.append(bench.step())
    assert waits[-1] == SETTLED_S and set(waits[:-1]) == {UNSETTLED_S}
    assert bench.link["up"] and bench.link["mtu"] == 1392
    assert bench.host.interfaces[name].mtu == 1392


def test_a_name_is_looked_up_again_when_the_handshake_is_stale(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()))
    bench.host.names["caen.example"] = "198.51.100.77"
    bench.clock.advance(100)
    bench.step()
    peer = bench.host.interfaces[name].wg_peers[PARTNER_KEY]
    assert peer.endpoint == "198.51.100.1:51820"
    bench.clock.advance(36)
    bench.step()
    assert peer.endpoint == "198.51.100.77:51820"


def test_a_dead_name_service_leaves_the_endpoint_in_force(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.host.names.clear()
    bench.clock.advance(500)
    bench.step()
    peer = bench.host.interfaces[name].wg_peers[PARTNER_KEY]
    assert peer.endpoint == "198.51.100.1:51820"


def test_a_partner_that_roamed_is_not_called_back(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()), "203.0.113.5:4000")
    for _ in range(3):
        bench.clock.advance(30)
        bench.step()
    assert bench.host.interfaces[name].wg_peers[PARTNER_KEY].endpoint == "203.0.113.5:4000"


def test_a_restarted_unit_adopts_what_stands(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()), "203.0.113.5:4000")
    bench.clock.advance(1)
    bench.step()
    before = str(bench.host)
    bench.new_unit()
    bench.clock.advance(1)
    bench.step()
    assert str(bench.host) == before
    assert bench.link["mtu"] == 1420


def test_a_dead_wireguard_go_is_replaced_in_the_next_round(bench: Bench, name: str) -> None:
    bench.host.has_kernel_wireguard = False
    bench.configure()
    bench.confirm()
    bench.step()
    before = str(bench.host)
    bench.host.kill_wireguard_go(name)
    bench.clock.advance(3)
    bench.step()
    assert str(bench.host) == before


def test_a_partner_that_calls_us_is_called_where_it_was_after_the_tunnel_died(
    bench: Bench, name: str
) -> None:
    """Else nobody begins a handshake until the partner finds its session dead."""
    bench.host.has_kernel_wireguard = False
    bench.configure(lambda raw: raw["links"][0]["tunnel"].update(endpoint=None))
    bench.confirm()
    bench.step()
    assert bench.host.interfaces[name].wg_peers[PARTNER_KEY].endpoint is None
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()), "203.0.113.5:4000")
    bench.clock.advance(3)
    bench.step()
    bench.host.kill_wireguard_go(name)
    bench.power_cut()
    bench.step()
    assert bench.host.interfaces[name].wg_peers[PARTNER_KEY].endpoint == "203.0.113.5:4000"
    bench.host.shake_hands(PARTNER_KEY, int(bench.clock.now()), "203.0.113.9:4000")
    bench.clock.advance(3)
    bench.step()
    assert bench.host.interfaces[name].wg_peers[PARTNER_KEY].endpoint == "203.0.113.9:4000"


def test_a_link_that_is_gone_takes_its_tunnel_with_it(bench: Bench, name: str) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    bench.configure(lambda raw: raw.update(links=[], revision=4))
    bench.step()
    assert name not in bench.host.interfaces


def test_a_filter_somebody_changed_is_put_back(bench: Bench) -> None:
    bench.configure()
    bench.step()
    ours = bench.host.tables["bocage"]
    bench.host.tables["bocage"] = ours.replace("policy drop", "policy accept")
    bench.step()
    assert bench.host.tables["bocage"] == ours
    del bench.host.tables["bocage"]
    bench.step()
    assert bench.host.tables["bocage"] == ours


def test_other_peoples_tables_are_left_alone(bench: Bench) -> None:
    bench.host.tables["docker"] = "theirs"
    bench.configure()
    bench.step()
    assert bench.host.tables["docker"] == "theirs"


def test_forwarding_is_switched_off_and_told(bench: Bench) -> None:
    bench.configure()
    bench.host.switches["net.ipv4.ip_forward"] = 1
    bench.step()
    assert bench.status["forwarding"] is True
    assert bench.host.switches["net.ipv4.ip_forward"] == 0
    bench.step()
    assert bench.status["forwarding"] is False
    assert bench.status["faults"] == []


@pytest.mark.parametrize(("has_bbr", "allowed"), [(True, "reno cubic bbr"), (False, "reno cubic")])
def test_every_user_may_choose_bbr_where_the_kernel_has_it(
    bench: Bench, *, has_bbr: bool, allowed: str
) -> None:
    bench.configure()
    bench.host.has_bbr = has_bbr
    bench.step()
    assert bench.host.texts["net.ipv4.tcp_allowed_congestion_control"] == allowed
    assert bench.status["faults"] == []


@pytest.mark.parametrize(
    ("available", "allowed", "programs"),
    [
        ("reno bbr", "reno bbr", []),
        ("reno bbr", "reno", ["sysctl"]),
        ("reno", "reno bbr", ["modprobe"]),
    ],
)
def test_only_what_is_missing_for_bbr_is_done(
    available: str, allowed: str, programs: list[str]
) -> None:
    steps = plan_congestion(available.split(), allowed.split())
    assert [step[0] for step in steps] == programs


def test_without_a_configuration_nothing_is_touched(bench: Bench) -> None:
    before = str(bench.host)
    bench.step()
    assert str(bench.host) == before
    assert "no configuration" in bench.status["faults"][0]


def test_a_broken_configuration_leaves_the_last_one_in_force(bench: Bench) -> None:
    bench.configure()
    bench.confirm()
    bench.step()
    before = str(bench.host)
    bench.box.desired.write_bytes(b"{}")
    bench.clock.advance(3)
    bench.step()
    assert str(bench.host) == before
    assert bench.status["faults"]


def test_a_fault_does_not_keep_the_unit_in_haste_for_ever(bench: Bench) -> None:
    waits = []
    for _ in range(100):
        waits.append(bench.step())
        bench.clock.advance(waits[-1])
    assert waits[0] == UNSETTLED_S and waits[-1] == SETTLED_S


def test_a_lan_address_nobody_holds_is_a_fault(bench: Bench) -> None:
    bench.configure()
    del bench.host.interfaces["lan0"]
    bench.step()
    assert bench.status["faults"] == ["no interface holds the address 192.168.1.1"]
    assert "11112" not in bench.host.tables["bocage"]


def test_a_missing_key_is_a_fault_of_its_link_only(bench: Bench) -> None:
    bench.configure()
    bench.box.tunnel_key(1).unlink()
    bench.step()
    assert not bench.link["up"]
    assert bench.status["firewall"] is True
    assert LINK in bench.status["faults"][0]


def test_a_tunnel_address_of_the_world_is_refused(bench: Bench) -> None:
    bench.configure(lambda raw: raw["links"][0]["tunnel"].update(address="2001:db8::1"))
    bench.confirm()
    bench.step()
    assert "unique local" in bench.status["faults"][0]
    assert "2001:db8::1/128" not in str(bench.host)


def test_a_clock_below_the_floor_is_lifted_to_it(bench: Bench) -> None:
    bench.configure()
    bench.step()
    bench.clock.jump(-1_000_000)
    bench.step()
    assert bench.door.asked == [1_800_000_000]
    assert bench.status["clock"]["state"] == "below floor"


def test_attested_time_is_saved_once_a_minute(bench: Bench) -> None:
    bench.configure()
    bench.step()
    assert not bench.box.clock_floor.exists()
    bench.is_time_attested = True
    start = int(bench.clock.now())
    saved = []
    for _ in range(5):
        bench.clock.advance(30)
        bench.step()
        saved.append(int(bench.box.clock_floor.read_text()) - start)
    assert saved == [30, 30, 90, 90, 150]


def test_a_clock_the_power_cut_put_back_is_lifted_with_a_margin(bench: Bench) -> None:
    bench.configure()
    bench.is_time_attested = True
    bench.step()
    saved = int(bench.box.clock_floor.read_text())
    bench.power_cut()
    bench.is_time_attested = False
    bench.clock.jump(30)
    bench.step()
    assert bench.door.asked == [saved + 120]


def test_a_restart_of_the_unit_does_not_lift_the_clock(bench: Bench) -> None:
    bench.configure()
    bench.is_time_attested = True
    bench.step()
    bench.is_time_attested = False
    for _ in range(5):
        bench.new_unit()
        bench.clock.advance(10)
        bench.step()
    assert bench.door.asked == []


def test_a_clock_beyond_the_ceiling_is_never_saved(bench: Bench) -> None:
    bench.configure()
    bench.is_time_attested = True
    bench.clock.jump(30 * 365 * 86400)
    bench.step()
    assert not bench.box.clock_floor.exists()
    assert bench.status["faults"] == ["the clock is beyond ceiling"]


@pytest.mark.parametrize("door", [OpenDoor(), ShutDoor()])
def test_both_doors_fit(door: ClockDoor) -> None:
    assert door.is_open is isinstance(door, OpenDoor)
