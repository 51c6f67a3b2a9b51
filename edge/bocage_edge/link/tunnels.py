"""One tunnel a link: what the configuration wants of it, one round of making it so, its status.

`wanted_of` is pure. A partner that is not confirmed on this box has no WireGuard peer: the
interface stands ready and nobody can talk through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from bocage_contract.configuration import Link
from bocage_edge.link import mtu
from bocage_edge.link.address import HostInterface, parse_device_routes, tunnel_name
from bocage_edge.link.device import Devices
from bocage_edge.link.endpoint import (
    LookUp,
    handshake_age_s,
    is_look_up_due,
    parse_endpoint,
    resolve,
)
from bocage_edge.link.mtu import MtuState
from bocage_edge.link.plan import (
    HIGHEST_MTU,
    LOWEST_MTU,
    MakeDevice,
    Step,
    Tunnel,
    observed_tunnel,
    plan,
)
from bocage_edge.link.wg import WgPeer, WgPeerState, WgState, read_wg
from bocage_edge.partner import Confirmed, Unconfirmed
from bocage_system.command import CommandError, Host
from bocage_system.logs import get

UNIQUE_LOCAL = IPv6Network("fc00::/7")  # RFC 4193
# WireGuard throws a session away after 180 s. Source: WireGuard paper, section 6.1.
SESSION_LIFE_S = 180

log = get("link")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The tunnel of one link as the configuration wants it; its MTU is found by probing.

    Args:
        partner_key: the WireGuard peer's public key; None: there must be no peer.
        endpoint: "host:port", or None where the partner calls us.
        heard_from: "address:port" of a partner that calls us, when it was heard last.
        reason: why there is no peer, for an operator.
    """

    link: str
    tunnel: Tunnel
    key_file: Path
    partner_address: str
    partner_key: str | None
    endpoint: str | None
    reason: str | None
    heard_from: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One tunnel as the host has it."""

    tunnel: Tunnel
    state: WgState

    def wg_peer(self, public_key: str | None) -> WgPeerState | None:
        """Find a peer by its key."""
        peers = self.state.wg_peers
        return next((peer for peer in peers if peer.wg_peer.public_key == public_key), None)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one round leaves to the next; nothing of it is needed after a crash."""

    mtu: MtuState
    look_up: LookUp | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one round on one tunnel."""

    memory: Memory
    status: dict[str, Any]
    is_settled: bool  # False: come back soon


def wanted_of(
    link: Link,
    audience: str,
    partner: Confirmed | Unconfirmed,
    own_key: str,
    key_file: Path,
) -> Wanted:
    """Derive the tunnel of a link from the configuration.

    Args:
        own_key: public key of our generation.

    Raises:
        ValueError: a tunnel address is no unique local IPv6 address.
    """
    tunnel = link.tunnel
    address, there = _unique_local(tunnel.address), _unique_local(tunnel.partner_address)
    partner_key, reason = _partner_key(link, partner)
    peer = WgPeer(partner_key, frozenset({f"{there}/128"}), tunnel.keepalive_s or 0)
    return Wanted(
        link=link.id,
        tunnel=Tunnel(
            name=tunnel_name(audience, link.id, tunnel.generation),
            public_key=own_key,
            listen_port=tunnel.listen_port,
            addresses=frozenset({f"{address}/128"}),
            routes=frozenset({f"{there}/128"}),
            mtu=LOWEST_MTU,
            is_up=True,
            wg_peers=frozenset({peer} if partner_key else ()),
        ),
        key_file=key_file,
        partner_address=str(there),
        partner_key=partner_key or None,
        endpoint=tunnel.endpoint,
        reason=reason,
    )


def _partner_key(link: Link, partner: Confirmed | Unconfirmed) -> tuple[str, str | None]:
    if isinstance(partner, Unconfirmed):
        return "", partner.reason
    generation = link.tunnel.partner_generation
    key = partner.card.tunnel_key(generation)
    if key is None:
        return "", f"link {link.id}: the partner's card has no tunnel key {generation}"
    return key, None


def _unique_local(text: str) -> IPv6Address:
    address = ip_address(text)
    if not isinstance(address, IPv6Address) or address not in UNIQUE_LOCAL:
        raise ValueError("a tunnel address is not a unique local IPv6 address (fc00::/7)")
    return address


def read_tunnel(host: Host, interface: HostInterface | None) -> Seen | None:
    """Ask for one tunnel; None where there is none.

    An interface whose WireGuard does not answer any more is of no use: it is taken away, so that
    the plan makes a new one.
    """
    if interface is None:
        return None
    name = interface.name
    try:
        state = read_wg(host, name)
    except CommandError:
        log.warning("tunnel does not answer, made anew", interface=name)
        host.run(["ip", "link", "delete", "dev", name])
        return None
    routes = parse_device_routes(host.run(["ip", "-j", "-6", "route", "show", "dev", name]))
    return Seen(observed_tunnel(interface, state, routes), state)


def apply(host: Host, devices: Devices, steps: list[Step]) -> None:
    """Carry steps out in order.

    Raises:
        CommandError: a step failed; those after it were not tried, the next plan has them again.
    """
    for step in steps:
        if isinstance(step, MakeDevice):
            devices.make(step.name)
        else:
            host.run(step.argv)


class TunnelRound:
    """One round on one tunnel: look, plan, apply, try the path MTU, say how it stands."""

    def __init__(self, host: Host, devices: Devices, *, now: float, ticks: float) -> None:
        """Fix the moment.

        Args:
            now: Unix seconds, against which handshakes are aged.
            ticks: monotonic seconds, for everything else.
        """
        self._host = host
        self._devices = devices
        self._now = now
        self._ticks = ticks

    def run(self, wanted: Wanted, interface: HostInterface | None, memory: Memory | None) -> Round:
        """Do the round.

        Raises:
            CommandError, WgDumpError: the host would not; the next round tries again.
        """
        seen = read_tunnel(self._host, interface)
        memory = memory or Memory(_adopted_mtu(seen))
        endpoint, memory = self._endpoint_due(wanted, seen, memory)
        tunnel = replace(wanted.tunnel, mtu=memory.mtu.mtu)
        self._apply(wanted, tunnel, seen, {} if endpoint is None else endpoint)
        if self._is_probe_due(wanted, seen, memory):
            memory = replace(memory, mtu=self._probe(wanted, memory.mtu))
        peer = seen.wg_peer(wanted.partner_key) if seen else None
        settled = self._is_connected(peer) and memory.mtu.rung == 0
        return Round(memory, self._status(wanted, peer, memory.mtu), settled or bool(wanted.reason))

    def _endpoint_due(
        self, wanted: Wanted, seen: Seen | None, memory: Memory
    ) -> tuple[Mapping[str, str | None] | None, Memory]:
        """Look the partner's endpoint up where that is due; remember it where it calls us."""
        if wanted.partner_key is None:
            return None, memory
        peer = seen.wg_peer(wanted.partner_key) if seen else None
        in_force = peer.endpoint if peer else None
        if wanted.endpoint is None:
            return (None if in_force else {wanted.partner_key: wanted.heard_from}), memory
        age_s = handshake_age_s(peer.handshake_at, self._now) if peer else None
        if not is_look_up_due(
            wanted.endpoint,
            memory.look_up if peer else None,
            handshake_age_s=age_s,
            in_force=in_force,
            now=self._ticks,
        ):
            look_up = memory.look_up or LookUp(wanted.endpoint, self._ticks)
            return None, replace(memory, look_up=look_up)
        found = resolve(self._host, parse_endpoint(wanted.endpoint))
        if found is None:
            log.warning("endpoint has no address now", link=wanted.link)
        look_up = LookUp(wanted.endpoint, self._ticks)
        path = memory.mtu if found in (None, in_force) else mtu.after_new_path(memory.mtu)
        return {wanted.partner_key: found}, Memory(path, look_up)

    def _apply(
        self,
        wanted: Wanted,
        tunnel: Tunnel,
        seen: Seen | None,
        endpoints: Mapping[str, str | None],
    ) -> None:
        in_force = {
            peer.wg_peer.public_key: peer.endpoint for peer in (seen.state.wg_peers if seen else ())
        }
        steps = plan(
            tunnel,
            seen.tunnel if seen else None,
            key_file=wanted.key_file,
            endpoints=endpoints,
            observed_endpoints=in_force,
        )
        if steps:
            log.info("tunnel changes", link=wanted.link, interface=tunnel.name, steps=len(steps))
        apply(self._host, self._devices, steps)

    def _is_connected(self, peer: WgPeerState | None) -> bool:
        age_s = handshake_age_s(peer.handshake_at, self._now) if peer else None
        return age_s is not None and age_s < SESSION_LIFE_S

    def _is_probe_due(self, wanted: Wanted, seen: Seen | None, memory: Memory) -> bool:
        peer = seen.wg_peer(wanted.partner_key) if seen else None
        return mtu.is_probe_due(memory.mtu, is_connected=self._is_connected(peer), now=self._ticks)

    def _probe(self, wanted: Wanted, state: MtuState) -> MtuState:
        """Try one size of the ladder, and leave the interface with the best size known."""
        name, size = wanted.tunnel.name, mtu.size_to_try(state)
        self._set_mtu(name, size)
        answered = mtu.probe(self._host, name, wanted.partner_address, size)
        found = mtu.after_probe(state, answered=answered, now=self._ticks)
        self._set_mtu(name, found.mtu)
        return found

    def _set_mtu(self, name: str, size_bytes: int) -> None:
        self._host.run(["ip", "link", "set", "dev", name, "mtu", str(size_bytes)])

    def _status(self, wanted: Wanted, peer: WgPeerState | None, path: MtuState) -> dict[str, Any]:
        age_s = handshake_age_s(peer.handshake_at, self._now) if peer else None
        return {
            "link": wanted.link,
            "interface": wanted.tunnel.name,
            "up": self._is_connected(peer),
            "partner_confirmed": wanted.partner_key is not None,
            "reason": wanted.reason,
            "handshake_age_s": None if age_s is None else max(round(age_s), 0),
            "endpoint": peer.endpoint if peer else None,
            "rx_bytes": peer.rx_bytes if peer else 0,
            "tx_bytes": peer.tx_bytes if peer else 0,
            "mtu": path.mtu,
            "mtu_is_probed": path.found_at is not None,
        }


def _adopted_mtu(seen: Seen | None) -> MtuState:
    """Start from the size an adopted tunnel has, where it is one we could have set."""
    if seen is not None and LOWEST_MTU <= seen.tunnel.mtu <= HIGHEST_MTU:
        return MtuState(seen.tunnel.mtu)
    return MtuState()
