"""The link unit on this machine's own kernel: two boxes in two namespaces, a cable between them.

lan0 192.168.1.1 [ a ] wan0 192.0.2.1 ---- 192.0.2.2 wan0 [ b ] 192.168.1.1 lan0
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import Card, TunnelKey, seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.fingerprint import fingerprint
from bocage_contract.pins import Pin, Pins, seal_pins
from bocage_edge.link.address import Sides
from bocage_edge.link.clock import ShutDoor
from bocage_edge.link.daemon import LinkUnit, Surroundings
from bocage_edge.link.device import LocalDevices
from bocage_edge.link.keys import make_tunnel_key
from bocage_edge.link.nft import firewall_of, read_listing, ruleset
from bocage_edge.link.wg import read_wg
from bocage_edge.paths import Box
from bocage_edge.status import read_status
from bocage_system.clock import SystemClock
from bocage_system.command import CommandError, LocalHost, spawn
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public, text

pytestmark = pytest.mark.integration

CONSOLE = identity(3)
LINK = "a-b"
RELAY_PORT, OTHER_PORT = 7431, 7432
TIMEOUT_S = 15.0
ADDRESS_A, ADDRESS_B = "fd00::a", "fd00::b"
LAN_ADDRESS = "192.168.1.1"

LISTEN = """
import socket, sys
held = []
for port in map(int, sys.argv[1:]):
    held.append(socket.create_server(("::", port), family=socket.AF_INET6))
print("ready", flush=True)
sys.stdin.read()
"""
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.0).close()
except OSError as error:
    print("closed", error)
else:
    print("open")
"""


@dataclass
class Side:
    """One box in a namespace, with its link unit in this process."""

    namespace: str
    box: Box
    identity: Ed25519PrivateKey
    device: str
    address: str
    card: Card
    host: LocalHost
    devices: LocalDevices
    unit: LinkUnit

    @property
    def link(self) -> dict[str, Any]:
        links = (read_status(self.box, "link") or {}).get("links") or [{}]
        found: dict[str, Any] = links[0]
        return found

    @property
    def faults(self) -> list[str]:
        return list((read_status(self.box, "link") or {}).get("faults", []))

    @property
    def interface(self) -> str:
        return str(self.link["interface"])

    def wireguard_go(self) -> list[int]:
        """Process ids of wireguard-go in the namespace; none where the kernel does it."""
        pids = LocalHost().run(["ip", "netns", "pids", self.namespace]).split()
        return [int(pid) for pid in pids if b"wireguard-go" in _cmdline(pid)]


def _cmdline(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two namespaces with a cable between them, taken away with all that is in them."""
    host = LocalHost()
    names = (f"bocage-link{os.getpid()}a", f"bocage-link{os.getpid()}b")
    try:
        for name in names:
            host.run(["ip", "netns", "add", name])
            host.run(["ip", "-n", name, "link", "set", "dev", "lo", "up"])
        wan = ["ip", "link", "add", "name", "wan0", "netns", names[0], "type", "veth"]
        host.run([*wan, "peer", "name", "wan0", "netns", names[1]])
        for number, name in enumerate(names, 1):
            # A cable that ends in its own namespace stands for the site.
            host.run(["ip", "-n", name, "link", "add", "lan0", "type", "veth", "peer", "site0"])
            for interface in ("lan0", "site0", "wan0"):
                host.run(["ip", "-n", name, "link", "set", "dev", interface, "up"])
            for address, interface in ((LAN_ADDRESS, "lan0"), (f"192.0.2.{number}", "wan0")):
                host.run(["ip", "-n", name, "address", "add", f"{address}/24", "dev", interface])
        yield names
    finally:
        for name in names:
            for pid in host.run(["ip", "netns", "pids", name], ok=(0, 1)).split():
                os.kill(int(pid), signal.SIGKILL)
            host.run(["ip", "netns", "delete", name], ok=(0, 1))


@pytest.fixture
def sides(namespaces: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Both boxes with keys, cards, configurations and confirmed partners."""
    a = make_side(namespaces[0], tmp_path / "a", identity(1), "a-1", ADDRESS_A)
    b = make_side(namespaces[1], tmp_path / "b", identity(2), "b-1", ADDRESS_B)
    configure(a, b, endpoint="192.0.2.2:51820")
    configure(b, a, endpoint=None)
    confirm(a, b)
    confirm(b, a)
    yield a, b
    for side in (a, b):
        side.devices.close()


def make_side(
    namespace: str, folder: Path, key: Ed25519PrivateKey, device: str, address: str
) -> Side:
    box, host = Box(folder / "state", folder / "run"), LocalHost(namespace)
    for path in (box.desired, box.tunnel_key(1), box.pins, box.status("link")):
        path.parent.mkdir(parents=True, exist_ok=True)
    tunnel_key = make_tunnel_key(host, box.tunnel_key(1))
    tunnels = [TunnelKey(generation=1, public_key=tunnel_key)]
    card = card_of(key, device).model_copy(update={"tunnels": tunnels})
    box.card.write_bytes(seal_card(card, key.sign))
    box.keyset.write_bytes(keyset_of(CONSOLE))
    devices = LocalDevices(host, box.run, namespace=namespace)
    unit = new_unit(box, host, devices)
    return Side(namespace, box, key, device, address, card, host, devices, unit)


def new_unit(box: Box, host: LocalHost, devices: LocalDevices) -> LinkUnit:
    return LinkUnit(box, Surroundings(host, devices, SystemClock(), ShutDoor(), lambda: False))


def configure(
    side: Side, partner: Side, *, endpoint: str | None, **changes: object
) -> dict[str, Any]:
    raw = desired_document(side.identity)
    tunnel = {
        "address": side.address,
        "partner_address": partner.address,
        "listen_port": 51820,
        "endpoint": endpoint,
        "keepalive_s": 25 if endpoint else None,
    }
    link = {
        "id": LINK,
        "role": "reading",
        "partner": partner.device,
        "partner_card": json.loads(partner.box.card.read_bytes()),
        "tunnel": tunnel,
        "relay_port": RELAY_PORT,
    }
    raw |= {"device": side.device, "audience": fingerprint(public(side.identity))}
    raw |= {"links": [link], "issued_at": 1_750_000_000, **changes}
    load(side, raw)
    return raw


def load(side: Side, raw: dict[str, Any]) -> None:
    signed = seal_desired(Desired.model_validate(raw), CONSOLE.sign, public(CONSOLE))
    side.box.desired.write_bytes(signed)


def confirm(side: Side, partner: Side) -> None:
    pin = Pin(
        link=LINK,
        device=partner.device,
        identity=text(public(partner.identity)),
        card_serial=1,
        confirmed_at=1_800_000_000,
    )
    signed = seal_pins(Pins(pins=[pin]), side.identity.sign, public(side.identity))
    side.box.pins.write_bytes(signed)


def turn(sides: tuple[Side, Side], is_true: Callable[[], bool]) -> None:
    """Let both units do rounds until something holds."""
    deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
    while True:
        # b only listens: with it up first, a's first word is heard and need not be said again.
        for side in reversed(sides):
            side.unit.step()
        if is_true():
            return
        assert time.monotonic() < deadline, [side.link for side in sides]
        pause.wait(0.1)


def bring_up(sides: tuple[Side, Side]) -> None:
    turn(sides, lambda: all(side.link.get("mtu_is_probed") for side in sides))


def reach(side: Side, address: str, port: int) -> str:
    """Try a TCP connection from a box."""
    return side.host.run([sys.executable, "-c", CONNECT, address, str(port)]).split()[0]


@pytest.fixture
def listening(sides: tuple[Side, Side]) -> Iterator[None]:
    """Something that listens on the relay's port and on another one at b."""
    argv = [sys.executable, "-c", LISTEN, str(RELAY_PORT), str(OTHER_PORT)]
    child = spawn(argv, namespace=sides[1].namespace, stdin=-1, stdout=-1)
    assert child.stdout is not None and child.stdin is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.stdin.close()
        child.wait(5)
        child.stdout.close()


def test_the_tunnel_comes_up_and_finds_its_mtu(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a, b = sides
    assert a.link["up"] and b.link["up"]
    assert a.link["mtu"] == b.link["mtu"] == 1420
    assert b.link["endpoint"] == "192.0.2.1:51820"
    assert a.faults == b.faults == []
    a.host.run(["ping", "-6", "-c", "1", "-W", "2", ADDRESS_B])


def test_a_second_round_changes_nothing(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a = sides[0]
    before = a.host.run(["ip", "address", "show", a.interface])
    listing = a.host.run(["nft", "--stateless", "--handle", "list", "table", "inet", "bocage"])
    a.unit.step()
    assert a.host.run(["ip", "address", "show", a.interface]) == before
    # Handles count up when a table is replaced: the same handles, the same table.
    again = a.host.run(["nft", "--stateless", "--handle", "list", "table", "inet", "bocage"])
    assert again == listing


def test_only_the_relay_passes_the_tunnel(sides: tuple[Side, Side], listening: None) -> None:
    bring_up(sides)
    a = sides[0]
    assert reach(a, ADDRESS_B, RELAY_PORT) == "open"
    assert reach(a, ADDRESS_B, OTHER_PORT) == "closed"


def test_a_compromised_site_gets_no_further(sides: tuple[Side, Side], listening: None) -> None:
    bring_up(sides)
    a, b = sides
    # a's own filter is gone and its routes point where it likes; b's must hold.
    a.host.run(["nft", "delete", "table", "inet", "bocage"])
    a.host.run(["wg", "set", a.interface, "peer", b_key(b), "allowed-ips", "::/0,0.0.0.0/0"])
    a.host.run(["ip", "-6", "route", "replace", "default", "dev", a.interface])
    a.host.run(["ip", "route", "replace", "192.168.1.1/32", "dev", a.interface])
    b.host.run(["ip", "-6", "address", "add", "fd00::99/128", "dev", "lan0", "nodad"])
    assert reach(a, ADDRESS_B, RELAY_PORT) == "open"
    assert reach(a, ADDRESS_B, OTHER_PORT) == "closed"
    assert reach(a, "fd00::99", RELAY_PORT) == "closed"
    assert reach(a, "192.0.2.2", RELAY_PORT) == "closed"
    a.host.run(["ip", "-6", "address", "add", "fd00::66/128", "dev", a.interface, "nodad"])
    a.host.run(
        ["ip", "-6", "route", "replace", f"{ADDRESS_B}/128", "dev", a.interface, "src", "fd00::66"]
    )
    assert reach(a, ADDRESS_B, RELAY_PORT) == "closed"


def b_key(b: Side) -> str:
    key = b.card.tunnel_key(1)
    assert key is not None
    return key


def test_a_handshake_survives_a_change_of_configuration(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a, b = sides
    before = read_wg(a.host, a.interface).wg_peers[0]
    raw = configure(a, b, endpoint="192.0.2.2:51820", revision=4)
    more = {"address": "fd00::1a", "partner_address": "fd00::c", "listen_port": 51821}
    first = raw["links"][0]
    raw["links"].append({**first, "id": "a-c", "tunnel": {**first["tunnel"], **more}})
    raw["destinations"][0]["port"] = 105
    load(a, raw)
    a.unit.step()
    after = read_wg(a.host, a.interface).wg_peers[0]
    assert after.handshake_at == before.handshake_at
    assert len(a.host.run(["wg", "show", "interfaces"]).split()) >= 1
    assert "tcp dport 105 accept" in a.host.run(["nft", "list", "table", "inet", "bocage"])
    a.host.run(["ping", "-6", "-c", "1", "-W", "2", ADDRESS_B])


def test_another_endpoint_is_used_at_once(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a, b = sides
    b.host.run(["ip", "address", "delete", "192.0.2.2/24", "dev", "wan0"])
    b.host.run(["ip", "address", "add", "192.0.2.22/24", "dev", "wan0"])
    configure(a, b, endpoint="192.0.2.22:51820", revision=4)
    turn(sides, lambda: a.link.get("endpoint") == "192.0.2.22:51820")
    a.host.run(["ping", "-6", "-c", "1", "-W", "5", ADDRESS_B])


def test_a_killed_wireguard_go_heals(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a = sides[0]
    served_by = a.wireguard_go()
    if not served_by:
        pytest.skip("the kernel serves WireGuard here: there is nothing to kill")
    for pid in served_by:
        os.kill(pid, signal.SIGKILL)
    turn(sides, lambda: bool(a.link.get("up")) and a.wireguard_go() not in ([], served_by))
    a.host.run(["ping", "-6", "-c", "1", "-W", "5", ADDRESS_B])


def test_a_restarted_unit_adopts_the_tunnel(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a = sides[0]
    before, served_by = read_wg(a.host, a.interface), a.wireguard_go()
    fresh = LocalDevices(a.host, a.box.run, namespace=a.namespace)
    a.unit = new_unit(a.box, a.host, fresh)
    a.unit.step()
    after = read_wg(a.host, a.interface)
    assert a.wireguard_go() == served_by
    assert after.wg_peers[0].handshake_at == before.wg_peers[0].handshake_at
    assert after.wg_peers[0].endpoint == before.wg_peers[0].endpoint


def test_nothing_stays_of_a_link_that_is_gone(sides: tuple[Side, Side]) -> None:
    bring_up(sides)
    a, b = sides
    name = a.interface
    raw = configure(a, b, endpoint=None, revision=4)
    load(a, {**raw, "links": []})
    turn((a, a), lambda: not a.wireguard_go())
    assert name not in a.host.run(["ip", "-br", "link"])
    assert not Path(f"/var/run/wireguard/{name}.sock").exists()


def test_a_narrow_path_is_found(sides: tuple[Side, Side]) -> None:
    # A black hole: fragments and whatever is larger than 1452 bytes never arrive.
    for side in sides:
        side.host.run(["nft", "add", "table", "inet", "hole"])
        hook = "{ type filter hook prerouting priority -500; policy accept; }"
        side.host.run(["nft", "add", "chain", "inet", "hole", "in", hook])
        big = ["iifname", "wan0", "meta", "length", ">", "1452", "drop"]
        side.host.run(["nft", "add", "rule", "inet", "hole", "in", *big])
    bring_up(sides)
    # 1452 - 60 for IPv4, UDP and WireGuard
    assert sides[0].link["mtu"] == 1392


def test_nft_takes_the_whole_text(namespaces: tuple[str, str]) -> None:
    raw = desired_document(identity(1))
    raw["receive"]["address"] = "2001:db8::1"
    raw["receive"]["callers"][0]["addresses"] += ["2001:db8::/64", "10.0.0.0/8"]
    raw["site"]["lan"].append("2001:db8::/64")
    raw["destinations"].append({**raw["destinations"][0], "name": "six", "host": "2001:db8::30"})
    for two_sides in (
        Sides(frozenset({"lan0"}), frozenset({"wan0", "wan1"})),
        Sides(frozenset({"eth0"}), frozenset({"eth0"})),
        Sides(frozenset(), frozenset()),
    ):
        firewall, _ = firewall_of(Desired.model_validate(raw), two_sides)
        LocalHost(namespaces[0]).run(["nft", "-c", "-f", "-"], stdin=ruleset(firewall))


def test_a_text_nft_refuses_leaves_the_old_table(namespaces: tuple[str, str]) -> None:
    host = LocalHost(namespaces[0])
    firewall, _ = firewall_of(
        Desired.model_validate(desired_document(identity(1))),
        Sides(frozenset({"lan0"}), frozenset({"wan0"})),
    )
    good = ruleset(firewall)
    host.run(["nft", "-f", "-"], stdin=good)
    before = read_listing(host)  # without counters: a stray packet may be counted any moment
    assert before is not None
    with pytest.raises(CommandError):
        host.run(["nft", "-f", "-"], stdin=good.replace("counter drop", "counter nonsense"))
    assert read_listing(host) == before
