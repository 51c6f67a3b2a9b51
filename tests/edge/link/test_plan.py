"""From the tunnel that is to the one that is wanted, on a modelled host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.link.address import parse_interfaces
from bocage_edge.link.plan import MakeDevice, Step, Tunnel, plan, plan_removals
from bocage_edge.link.tunnels import Seen, apply, read_tunnel
from bocage_edge.link.wg import WgPeer
from tests.fakes.host import FakeHost, encoded, public_of

NAME = "bw0a1b2c3g1"
PRIVATE = encoded("private 1")
CAEN = WgPeer(encoded("caen"), frozenset({"fd00::2/128"}), 25)
VIRE = WgPeer(encoded("vire"), frozenset({"fd00::3/128"}), 0)
WANTED = Tunnel(
    name=NAME,
    public_key=public_of(PRIVATE),
    listen_port=51820,
    addresses=frozenset({"fd00::1/128"}),
    routes=frozenset({"fd00::2/128"}),
    mtu=1280,
    is_up=True,
    wg_peers=frozenset({CAEN}),
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "tunnel.g1.key"
    path.write_text(PRIVATE + "\n")
    return path


def seen(host: FakeHost) -> Seen | None:
    interfaces = {it.name: it for it in parse_interfaces(host.run(["ip", "-j", "address", "show"]))}
    return read_tunnel(host, interfaces.get(NAME))


def bring(
    host: FakeHost, wanted: Tunnel, key_file: Path, endpoints: dict[str, str | None] | None = None
) -> list[Step]:
    """Plan from what the host shows, apply, and give the steps."""
    before = seen(host)
    held = {p.wg_peer.public_key: p.endpoint for p in before.state.wg_peers} if before else {}
    steps = plan(
        wanted,
        before.tunnel if before else None,
        key_file=key_file,
        endpoints=endpoints or {},
        observed_endpoints=held,
    )
    apply(host, host, steps)
    return steps


@pytest.mark.parametrize("has_kernel_wireguard", [True, False])
def test_a_tunnel_comes_from_nothing(key_file: Path, has_kernel_wireguard: bool) -> None:
    host = FakeHost(has_kernel_wireguard=has_kernel_wireguard)
    bring(host, WANTED, key_file, {CAEN.public_key: "192.0.2.1:51820"})
    assert str(host) == (
        "lo mtu 65536 up\n"
        f"{NAME} mtu 1280 up\n"
        "  fd00::1/128\n"
        "  route fd00::2/128\n"
        f"  wg {public_of(PRIVATE)} port 51820\n"
        f"  wg_peer {CAEN.public_key} fd00::2/128 at 192.0.2.1:51820 every 25\n"
    )


def test_a_right_tunnel_is_left_alone(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file)
    assert bring(host, WANTED, key_file) == []


def test_only_the_changed_address_moves(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file)
    moved = replace(WANTED, addresses=frozenset({"fd00::9/128"}))
    assert len(bring(host, moved, key_file)) == 2
    assert host.interfaces[NAME].addresses == ["fd00::9/128"]


def test_another_partner_does_not_touch_the_one_that_stays(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file)
    host.shake_hands(CAEN.public_key, 1_800_000_000, "198.51.100.7:4000")
    steps = bring(host, replace(WANTED, wg_peers=frozenset({CAEN, VIRE})), key_file)
    assert not any(CAEN.public_key in repr(step) for step in steps)
    assert host.interfaces[NAME].wg_peers[CAEN.public_key].handshake_at == 1_800_000_000
    assert host.interfaces[NAME].wg_peers[CAEN.public_key].endpoint == "198.51.100.7:4000"


def test_a_partner_that_is_not_wanted_goes(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file)
    bring(host, replace(WANTED, wg_peers=frozenset()), key_file)
    assert host.interfaces[NAME].wg_peers == {}


def test_an_endpoint_in_force_is_not_set_again(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file, {CAEN.public_key: "192.0.2.1:51820"})
    assert bring(host, WANTED, key_file, {CAEN.public_key: "192.0.2.1:51820"}) == []
    assert len(bring(host, WANTED, key_file, {CAEN.public_key: "192.0.2.9:51820"})) == 1


def test_a_dead_wireguard_go_is_made_anew(key_file: Path) -> None:
    host = FakeHost(has_kernel_wireguard=False)
    bring(host, WANTED, key_file)
    host.kill_wireguard_go(NAME)
    assert bring(host, WANTED, key_file)[0] == MakeDevice(NAME)
    assert bring(host, WANTED, key_file) == []


def test_no_step_holds_the_private_key(key_file: Path) -> None:
    host = FakeHost()
    bring(host, WANTED, key_file)
    assert not any(PRIVATE in word for argv in host.ran for word in argv)


def test_only_our_stale_tunnels_are_removed() -> None:
    host = FakeHost()
    host.plug("wg0", "10.0.0.1/24")
    for name in (NAME, "bwfffffffg2"):
        host.make(name)
    interfaces = parse_interfaces(host.run(["ip", "-j", "address", "show"]))
    apply(host, host, plan_removals([NAME], interfaces))
    assert sorted(host.interfaces) == [NAME, "lo", "wg0"]


def peers_of(addresses: list[str]) -> frozenset[WgPeer]:
    """Give each peer an address of its own, as every configuration does."""
    return frozenset(
        WgPeer(encoded(name), frozenset({f"{address}/128"}), 25 * (index % 2))
        for index, (name, address) in enumerate(
            zip(("caen", "vire", "flers"), addresses, strict=False)
        )
    )


peers = st.lists(st.sampled_from(["fd00::2", "fd00::3", "fd00::4"]), unique=True).map(peers_of)
tunnels = st.builds(
    Tunnel,
    name=st.just(NAME),
    public_key=st.just(public_of(PRIVATE)),
    listen_port=st.sampled_from([51820, 51821]),
    addresses=st.frozensets(st.sampled_from(["fd00::1/128", "fd00::9/128"])),
    routes=st.frozensets(st.sampled_from(["fd00::2/128", "fd00::3/128"])),
    mtu=st.integers(1280, 1420),
    is_up=st.just(True),
    wg_peers=peers,
)


@given(st.lists(tunnels, min_size=1, max_size=4))
def test_a_plan_after_it_was_applied_is_empty(wanted: list[Tunnel]) -> None:
    host = FakeHost()
    with TemporaryDirectory() as folder:
        key_file = Path(folder) / "key"
        key_file.write_text(PRIVATE)
        for tunnel in wanted:
            bring(host, tunnel, key_file)
            after = seen(host)
            assert after is not None and after.tunnel == tunnel
            assert bring(host, tunnel, key_file) == []
