"""From the tunnel that is to the tunnel that is wanted: the commands in between.

Pure. A right tunnel gives no command; a changed peer leaves the other peers' sessions alone,
because every step names just what it changes (`wg set`, never a whole new configuration).

The endpoint of a WireGuard peer is not part of the comparison: WireGuard moves it by itself when
the partner roams. `endpoint.py` says when ours is put in force again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bocage_edge.link.address import HostInterface, is_tunnel_name
from bocage_edge.link.wg import WgPeer, WgState

LOWEST_MTU = 1280  # RFC 8200 section 5: every IPv6 link carries this
HIGHEST_MTU = 1420  # 1500 less 40 (IPv6), 8 (UDP) and 32 (WireGuard)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One WireGuard interface: wanted, or as it stands."""

    name: str
    public_key: str | None
    listen_port: int
    addresses: frozenset[str]  # CIDR
    routes: frozenset[str]  # CIDR
    mtu: int
    is_up: bool
    wg_peers: frozenset[WgPeer]


@dataclass(frozen=True, slots=True)
class MakeDevice:
    """Make a WireGuard interface, by the kernel or by wireguard-go."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """Run a program. No secret is ever in an argument list."""

    argv: tuple[str, ...]


Step = MakeDevice | Command


def plan(
    desired: Tunnel,
    observed: Tunnel | None,
    *,
    key_file: Path,
    endpoints: Mapping[str, str | None],
    observed_endpoints: Mapping[str, str | None],
) -> list[Step]:
    """List the steps from the observed tunnel to the desired one; none if it is already.

    Args:
        key_file: holds the private key of `desired.public_key`.
        endpoints: public key -> "address:port" to put in force now; absent: leave as it is.
        observed_endpoints: public key -> the endpoint in force.
    """
    steps: list[Step] = []
    if observed is None:
        steps.append(MakeDevice(desired.name))
        # Without this the interface gets a link-local address of its own; we use none.
        steps.append(_command("ip", "link", "set", "dev", desired.name, "addrgenmode", "none"))
        observed = _blank(desired.name)
    steps += _plan_key(desired, observed, key_file)
    steps += _plan_wg_peers_gone(desired, observed)
    steps += _plan_wg_peers(desired, observed, endpoints, observed_endpoints)
    steps += _plan_addresses(desired, observed)
    steps += _plan_interface(desired, observed)
    return steps


def _blank(name: str) -> Tunnel:
    return Tunnel(name, None, 0, frozenset(), frozenset(), 0, False, frozenset())


def _command(*argv: str) -> Command:
    return Command(argv)


def _plan_key(desired: Tunnel, observed: Tunnel, key_file: Path) -> list[Step]:
    words: list[str] = []
    if observed.public_key != desired.public_key:
        words += ["private-key", str(key_file)]
    if observed.listen_port != desired.listen_port:
        words += ["listen-port", str(desired.listen_port)]
    return [_command("wg", "set", desired.name, *words)] if words else []


def _plan_wg_peers_gone(desired: Tunnel, observed: Tunnel) -> list[Step]:
    wanted = {peer.public_key for peer in desired.wg_peers}
    gone = sorted(peer.public_key for peer in observed.wg_peers if peer.public_key not in wanted)
    return [_command("wg", "set", desired.name, "peer", key, "remove") for key in gone]


def _plan_wg_peers(
    desired: Tunnel,
    observed: Tunnel,
    endpoints: Mapping[str, str | None],
    observed_endpoints: Mapping[str, str | None],
) -> list[Step]:
    """Set what differs of each peer, in one command a peer.

    A new peer gets its endpoint together with its keepalive: the keepalive starts a handshake at
    once, and without an endpoint the next one is tried 5 s later (seen in wireguard-go's log).
    """
    steps: list[Step] = []
    for peer in sorted(desired.wg_peers, key=lambda peer: peer.public_key):
        words: list[str] = []
        endpoint = endpoints.get(peer.public_key)
        if endpoint is not None and endpoint != observed_endpoints.get(peer.public_key):
            words += ["endpoint", endpoint]
        if peer not in observed.wg_peers:
            words += ["persistent-keepalive", str(peer.keepalive_s) if peer.keepalive_s else "off"]
            words += ["allowed-ips", ",".join(sorted(peer.allowed_ips))]
        if words:
            steps.append(_command("wg", "set", desired.name, "peer", peer.public_key, *words))
    return steps


def _plan_addresses(desired: Tunnel, observed: Tunnel) -> list[Step]:
    steps: list[Step] = []
    for cidr in sorted(observed.addresses - desired.addresses):
        steps.append(_command("ip", "-6", "address", "delete", cidr, "dev", desired.name))
    for cidr in sorted(desired.addresses - observed.addresses):
        steps.append(_command("ip", "-6", "address", "add", cidr, "dev", desired.name, "nodad"))
    return steps


def _plan_interface(desired: Tunnel, observed: Tunnel) -> list[Step]:
    steps: list[Step] = []
    if observed.mtu != desired.mtu:
        steps.append(_command("ip", "link", "set", "dev", desired.name, "mtu", str(desired.mtu)))
    if not observed.is_up:
        steps.append(_command("ip", "link", "set", "dev", desired.name, "up"))
    for cidr in sorted(observed.routes - desired.routes):
        steps.append(_command("ip", "-6", "route", "delete", cidr, "dev", desired.name))
    for cidr in sorted(desired.routes - observed.routes):
        steps.append(_command("ip", "-6", "route", "replace", cidr, "dev", desired.name))
    return steps


def plan_removals(desired_names: Sequence[str], interfaces: Sequence[HostInterface]) -> list[Step]:
    """List the steps that take away tunnels of ours nobody wants any more.

    Deleting the interface also ends the wireguard-go that serves it.
    """
    stale = {found.name for found in interfaces if is_tunnel_name(found.name)} - set(desired_names)
    return [_command("ip", "link", "delete", "dev", name) for name in sorted(stale)]


def observed_tunnel(interface: HostInterface, state: WgState, routes: frozenset[str]) -> Tunnel:
    """Put together what `ip` and `wg` say of one tunnel."""
    return Tunnel(
        name=interface.name,
        public_key=state.public_key,
        listen_port=state.listen_port,
        addresses=frozenset(str(held) for held in interface.addresses if not held.ip.is_link_local),
        routes=routes,
        mtu=interface.mtu,
        is_up=interface.is_up,
        wg_peers=frozenset(peer.wg_peer for peer in state.wg_peers),
    )
