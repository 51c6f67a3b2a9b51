"""Which interface faces the site, and what `ip` prints."""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path

import pytest

from bocage_edge.link.address import (
    HostInterface,
    Sides,
    is_tunnel_name,
    parse_default_devices,
    parse_device_routes,
    parse_interfaces,
    sides,
    tunnel_name,
)

DATA = Path(__file__).with_name("data")
LAN = HostInterface("lan0", frozenset({ip_interface("192.168.1.1/24")}), 1500, True)
WAN = HostInterface("wan0", frozenset({ip_interface("192.0.2.1/24")}), 1500, True)
BARE = HostInterface("eth7", frozenset(), 1500, False)
TUNNEL = HostInterface("bw0a1b2c3g1", frozenset({ip_interface("fd00::1/128")}), 1280, True)


def test_recorded_interfaces_are_read() -> None:
    found = {it.name: it for it in parse_interfaces((DATA / "ip-address.json").read_text())}
    assert found["bw0a1b2c3g1"] == TUNNEL
    assert ip_interface("192.168.1.1/24") in found["lan0"].addresses
    assert found["lo"].mtu == 65536


def test_recorded_routes_are_read_without_the_kernels_own() -> None:
    assert parse_device_routes((DATA / "ip-6-route-dev.json").read_text()) == {"fd00::2/128"}
    assert parse_default_devices((DATA / "ip-route-default.json").read_text()) == {"wan0"}


@pytest.mark.parametrize("text", ["[]", "", "\n"])
def test_no_route_is_no_fault(text: str) -> None:
    assert parse_default_devices(text.strip()) == frozenset()
    assert parse_device_routes(text.strip()) == frozenset()


def test_an_interface_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="without 'addr_info'"):
        parse_interfaces('[{"ifname": "lan0", "mtu": 1500, "flags": []}]')


@pytest.mark.parametrize(
    ("interfaces", "default", "expected"),
    [
        ([LAN, WAN, BARE, TUNNEL], {"wan0"}, Sides(frozenset({"lan0"}), frozenset({"wan0"}))),
        # no default route: whatever else has an address
        ([LAN, WAN, BARE, TUNNEL], set(), Sides(frozenset({"lan0"}), frozenset({"wan0"}))),
        # a box on one cable
        ([LAN, BARE], {"lan0"}, Sides(frozenset({"lan0"}), frozenset({"lan0"}))),
        # the LAN's address is not there (yet)
        ([WAN], {"wan0"}, Sides(frozenset(), frozenset({"wan0"}))),
        # a tunnel is never the world's side, whatever routes it has
        ([LAN, TUNNEL], {"bw0a1b2c3g1"}, Sides(frozenset({"lan0"}), frozenset())),
    ],
)
def test_sides_are_told_by_address(
    interfaces: list[HostInterface], default: set[str], expected: Sides
) -> None:
    assert sides(interfaces, "192.168.1.1", default) == expected


def test_tunnel_names_fit_and_differ_by_box_link_and_generation() -> None:
    names = [
        tunnel_name("a" * 64, "flers-caen", 1),
        tunnel_name("b" * 64, "flers-caen", 1),
        tunnel_name("a" * 64, "flers-vire", 1),
        tunnel_name("a" * 64, "flers-caen", 99999),
    ]
    assert len(set(names)) == 4
    assert all(len(name) <= 15 and is_tunnel_name(name) for name in names)


@pytest.mark.parametrize("generation", [0, -1, 100_000])
def test_a_generation_that_does_not_fit_the_name_is_refused(generation: int) -> None:
    with pytest.raises(ValueError, match="generation"):
        tunnel_name("a" * 64, "flers-caen", generation)


@pytest.mark.parametrize("name", ["bw0", "wg0", "bw0a1b2c3g", "xbw0a1b2c3g1", "bw0a1b2c3g1x"])
def test_other_interfaces_are_not_ours(name: str) -> None:
    assert not is_tunnel_name(name)
