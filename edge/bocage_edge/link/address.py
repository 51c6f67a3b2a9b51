"""Interfaces and addresses of the host: which one faces the site, which one the world.

Pure: parses the JSON of `ip -j` and decides. A tunnel's interface name is derived here too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
)
from typing import Any

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network

TUNNEL_NAME = re.compile(r"bw[0-9a-f]{7}g[0-9]{1,5}")
INTERFACE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,15}")
LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class HostInterface:
    """One network interface as `ip -j address show` tells it."""

    name: str
    addresses: frozenset[IpInterface]
    mtu: int
    is_up: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """Names of the interfaces that face the site and the world; one cable may be both."""

    lan: frozenset[str]
    wan: frozenset[str]


def parse_interfaces(text: str) -> list[HostInterface]:
    """Parse `ip -j address show`.

    Raises:
        ValueError: not JSON, or an entry of another shape.

    Source: ip-address(8).
    """
    try:
        return [_parse_interface(entry) for entry in json.loads(text or "[]")]
    except (KeyError, TypeError) as error:
        raise ValueError(f"ip address: an entry without {error}") from None


def _parse_interface(entry: dict[str, Any]) -> HostInterface:
    return HostInterface(
        name=entry["ifname"],
        addresses=frozenset(
            ip_interface(f"{info['local']}/{info['prefixlen']}")
            for info in entry["addr_info"]
            if "local" in info
        ),
        mtu=entry["mtu"],
        is_up="UP" in entry["flags"],
    )


def parse_default_devices(text: str) -> frozenset[str]:
    """Parse `ip -j route show default`: the interfaces that hold a default route."""
    return frozenset(route["dev"] for route in json.loads(text or "[]") if "dev" in route)


def parse_device_routes(text: str) -> frozenset[str]:
    """Parse `ip -j -6 route show dev NAME`: destinations with their prefix, our own routes only.

    The kernel adds a route for each address; those are left out, as is link-local.
    """
    routes = json.loads(text or "[]")
    return frozenset(
        _with_prefix(route["dst"])
        for route in routes
        if route.get("protocol") != "kernel" and route["dst"] != "default"
    )


def _with_prefix(destination: str) -> str:
    if "/" in destination:
        return destination
    address = ip_address(destination)
    return f"{address}/{address.max_prefixlen}"


def parse_outer_mtu(text: str) -> int | None:
    """Parse `ip -j route get ADDRESS`: the path MTU the kernel has learnt, if any."""
    for route in json.loads(text or "[]"):
        for metric in route.get("metrics", []):
            if "mtu" in metric:
                return int(metric["mtu"])
    return None


def sides(
    interfaces: Sequence[HostInterface], receive_address: str, default_devices: Collection[str]
) -> Sides:
    """Tell the site's interface from the world's.

    The site's is the one that holds the address we receive DICOM on. The world's are those with a
    default route; without one, every other interface that has an address. A box on a single cable
    has the same interface on both sides.
    """
    wanted = ip_address(receive_address)
    usable = [
        found for found in interfaces if found.name != LOOPBACK and not is_tunnel_name(found.name)
    ]
    lan = frozenset(
        found.name for found in usable if any(wanted == held.ip for held in found.addresses)
    )
    wan = frozenset(found.name for found in usable if found.name in default_devices)
    if not wan:
        addressed = (found for found in usable if any(not a.is_link_local for a in found.addresses))
        wan = frozenset(found.name for found in addressed) - lan
    return Sides(lan, wan)


def tunnel_name(audience: str, link: str, generation: int) -> str:
    """Name the WireGuard interface of one key generation of one link.

    wireguard-go's control socket is machine-wide by this name, so it holds a hash of the box's own
    identity: two boxes in two namespaces of one machine cannot meet.

    Args:
        audience: fingerprint of the box's identity key.
        generation: at least 1, at most 99999, so that the name fits 15 characters.
    """
    if not 1 <= generation <= 99999:
        raise ValueError("tunnel generation is outside 1 to 99999")
    digest = hashlib.sha256(f"{audience}\n{link}".encode()).hexdigest()
    return f"bw{digest[:7]}g{generation}"


def is_tunnel_name(name: str) -> bool:
    """Say whether an interface name is one `tunnel_name` gives."""
    return TUNNEL_NAME.fullmatch(name) is not None
