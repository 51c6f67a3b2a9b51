"""WireGuard as `wg` shows it.

`wg show dump` prints the private key and preshared keys: the parser drops them at once, and no
error of this module repeats a line.
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage_system.command import Host

_NONE = "(none)"


class WgDumpError(Exception):
    """`wg show dump` gave a line of a shape we do not know."""


@dataclass(frozen=True, slots=True)
class WgPeer:
    """What we set on a WireGuard peer, apart from its endpoint, which may roam."""

    public_key: str
    allowed_ips: frozenset[str]
    keepalive_s: int  # 0: none


@dataclass(frozen=True, slots=True)
class WgPeerState:
    """One WireGuard peer as it stands."""

    wg_peer: WgPeer
    endpoint: str | None
    handshake_at: int | None  # Unix seconds; None: never
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class WgState:
    """One WireGuard interface as it stands."""

    public_key: str | None  # None: it has no key yet
    listen_port: int
    wg_peers: tuple[WgPeerState, ...]


def read_wg(host: Host, interface: str) -> WgState:
    """Ask for the state of one WireGuard interface.

    Raises:
        CommandError: it is no WireGuard interface, or nobody answers for it.
        WgDumpError: an unknown shape.
    """
    return parse_dump(host.run(["wg", "show", interface, "dump"]))


def parse_dump(text: str) -> WgState:
    """Parse `wg show <interface> dump`.

    Args:
        text: a line of 4 tab-separated fields, then one of 8 a peer.

    Raises:
        WgDumpError: a line has another shape.

    Source: wg(8), "show".
    """
    lines = text.splitlines()
    if not lines:
        raise WgDumpError("an empty dump")
    try:
        _private, public, port, _mark = lines[0].split("\t")
        listen_port = int(port)
    except ValueError:
        raise WgDumpError(f"interface line with {lines[0].count(chr(9)) + 1} fields") from None
    peers = tuple(_parse_wg_peer(line) for line in lines[1:])
    return WgState(None if public == _NONE else public, listen_port, peers)


def _parse_wg_peer(line: str) -> WgPeerState:
    try:
        key, _psk, endpoint, allowed, handshake, rx, tx, keepalive = line.split("\t")
        return WgPeerState(
            wg_peer=WgPeer(
                public_key=key,
                allowed_ips=frozenset() if allowed == _NONE else frozenset(allowed.split(",")),
                keepalive_s=0 if keepalive == "off" else int(keepalive),
            ),
            endpoint=None if endpoint == _NONE else endpoint,
            handshake_at=int(handshake) or None,
            rx_bytes=int(rx),
            tx_bytes=int(tx),
        )
    except ValueError:
        # The line may hold a preshared key: it must not reach a log.
        raise WgDumpError(f"peer line with {line.count(chr(9)) + 1} fields") from None
