"""The packet filter of a box: one table of ours, written whole, replaced in one transaction.

Pure, apart from `read_listing` and `apply_ruleset`. Default deny in, out and forward. Everything
that goes into the text is an address object, a number or a name checked against a closed set, so
nothing needs quoting. Other people's tables are never touched; a packet must pass theirs as well.

Source: nft(8); design, section 7.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bocage_contract.configuration import Desired
from bocage_contract.destination import DicomDestination
from bocage_contract.reach import host_and_port
from bocage_edge.link.address import (
    INTERFACE_NAME,
    IpAddress,
    IpNetwork,
    Sides,
    tunnel_name,
)
from bocage_system.command import CommandError, Host

TABLE = "bocage"
DNS_PORT = 53
NTP_PORT = 123
DHCP_SERVER_PORT, DHCP_CLIENT_PORT = 67, 68  # RFC 2131 section 4.1
NO_SUCH_TABLE = "No such file or directory"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of ours on the site's side, and who may call it."""

    address: IpAddress
    port: int
    callers: frozenset[IpNetwork]


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An AE of the site, or its audit repository, that we call."""

    address: IpAddress
    port: int


@dataclass(frozen=True, slots=True)
class TunnelRule:
    """What may pass one tunnel: the relay's port between its two addresses."""

    interface: str
    address: IpAddress
    partner_address: IpAddress
    relay_port: int
    listen_port: int


@dataclass(frozen=True, slots=True)
class Door:
    """One of the console's; by name it may be anywhere."""

    address: IpAddress | None
    port: int


@dataclass(frozen=True, slots=True)
class Firewall:
    """Everything that may pass."""

    sides: Sides
    listeners: tuple[Listener, ...]
    targets: tuple[Target, ...]
    tunnels: tuple[TunnelRule, ...]
    console: tuple[Door, ...] = ()


def firewall_of(desired: Desired, sides: Sides) -> tuple[Firewall, list[str]]:
    """Derive the packet filter from the configuration.

    Returns:
        The filter, and a sentence for each destination that stays closed because it lies outside
        the site's networks.
    """
    inside = [ip_network(cidr) for cidr in desired.site.lan]
    faults: list[str] = []
    targets: set[Target] = set()
    for destination in desired.destinations:
        address = ip_address(destination.host)
        if _is_inside(address, inside):
            targets.add(Target(address, destination.port))
        else:
            faults.append(f"destination {destination.name} lies outside the site's networks")
    if desired.audit is not None:
        address = ip_address(desired.audit.host)
        if _is_inside(address, inside):
            targets.add(Target(address, desired.audit.port))
        else:
            faults.append("the audit repository lies outside the site's networks")
    for caller in desired.receive.callers:
        if caller.commitment is None:
            continue
        address = ip_address(caller.commitment.host)
        if _is_inside(address, inside):
            targets.add(Target(address, caller.commitment.port))
        else:
            faults.append(f"commitment of {caller.aet} lies outside the site's networks")
    tunnels = tuple(
        TunnelRule(
            interface=tunnel_name(desired.audience, link.id, link.tunnel.generation),
            address=ip_address(link.tunnel.address),
            partner_address=ip_address(link.tunnel.partner_address),
            relay_port=link.relay_port,
            listen_port=link.tunnel.listen_port,
        )
        for link in desired.links
    )
    ordered = sorted(targets, key=lambda there: (there.address.version, there))
    doors = tuple(dict.fromkeys(_doors(desired)))
    return Firewall(sides, _listeners(desired), tuple(ordered), tunnels, doors), faults


def _doors(desired: Desired) -> list[Door]:
    """Give the console's doors, where the box has a console."""
    if desired.console is None:
        return []
    return [_door(each) for each in (desired.console.broker, desired.console.gate)]


def _door(endpoint: str) -> Door:
    host, port = host_and_port(endpoint)
    try:
        return Door(ip_address(host), port)
    except ValueError:
        return Door(None, port)


def _listeners(desired: Desired) -> tuple[Listener, ...]:
    """Give the DICOM port, and the HL7 port where there is one, each to its own callers.

    A station that is asked for storage commitment calls the DICOM port with the result.
    """
    receive = desired.receive
    dicom = [cidr for caller in receive.callers for cidr in caller.addresses]
    dicom += [
        there.host
        for there in desired.destinations
        if isinstance(there, DicomDestination) and there.commitment
    ]
    listeners = [Listener(ip_address(receive.address), receive.port, _networks(dicom))]
    if receive.hl7 is not None:
        senders = (cidr for sender in receive.hl7.senders for cidr in sender.addresses)
        address = ip_address(receive.hl7.address or receive.address)
        listeners.append(Listener(address, receive.hl7.port, _networks(senders)))
    return tuple(listeners)


def _networks(cidrs: Iterable[str]) -> frozenset[IpNetwork]:
    return frozenset(ip_network(cidr) for cidr in cidrs)


def _is_inside(address: IpAddress, networks: Iterable[IpNetwork]) -> bool:
    return any(address in network for network in networks)


def ruleset(firewall: Firewall) -> str:
    """Write the whole transaction: our table goes and comes anew, or nothing changes.

    `table` before `delete table` makes sure that there is one to delete.
    """
    chains = [
        _chain(
            "input", [*_common("i"), *_lan_in(firewall), *_wan_in(firewall), *_tunnels_in(firewall)]
        ),
        _chain(
            "output",
            [*_common("o"), *_lan_out(firewall), *_wan_out(firewall), *_tunnels_out(firewall)],
        ),
        _chain("forward", []),
    ]
    body = "\n".join(chains)
    return f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{body}\n}}\n"


def _chain(hook: str, rules: list[str]) -> str:
    lines = [
        f"  chain {hook} {{",
        f"    type filter hook {hook} priority filter; policy drop;",
        *(f"    {rule}" for rule in rules),
        # Counted where it ends, so that a person sees that something knocks.
        "    counter drop",
        "  }",
    ]
    return "\n".join(lines)


def _common(direction: str) -> list[str]:
    """Loopback, answers to what was let through, and IPv6's neighbour discovery.

    ICMP errors, "packet too big" among them, come as `related`.
    """
    return [
        f'{direction}ifname "lo" accept',
        "ct state established,related accept",
        "ct state invalid drop",
        # RFC 4861 section 7.1: a hop limit of 255 proves that no router passed it on.
        "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit,"
        " nd-neighbor-advert } ip6 hoplimit 255 accept",
    ]


def _lan_in(firewall: Firewall) -> list[str]:
    lan = _names(firewall.sides.lan)
    rules = []
    for listener in firewall.listeners if lan else ():
        for family, callers in _by_family(listener.callers):
            if family == _family(listener.address):
                rules.append(
                    f"iifname {lan} {family} saddr {callers} {family} daddr {listener.address}"
                    f" tcp dport {_port(listener.port)} accept"
                )
    return rules


def _lan_out(firewall: Firewall) -> list[str]:
    lan = _names(firewall.sides.lan)
    return [
        f"oifname {lan} {_family(there.address)} daddr {there.address}"
        f" tcp dport {_port(there.port)} accept"
        for there in (firewall.targets if lan else ())
    ]


def _wan_in(firewall: Firewall) -> list[str]:
    wan = _names(firewall.sides.wan)
    if not wan:
        return []
    # From anywhere: a partner behind NAT has no address we could name; WireGuard tells it by key.
    return [f"iifname {wan} udp dport {_ports(firewall)} accept"] if firewall.tunnels else []


def _wan_out(firewall: Firewall) -> list[str]:
    wan = _names(firewall.sides.wan)
    if not wan:
        return []
    rules = [f"oifname {wan} udp sport {_ports(firewall)} accept"] if firewall.tunnels else []
    doors = firewall.console
    return [
        *rules,
        f"oifname {wan} meta l4proto {{ tcp, udp }} th dport {DNS_PORT} accept",
        f"oifname {wan} udp dport {NTP_PORT} accept",
        f"oifname {wan} udp sport {DHCP_CLIENT_PORT} udp dport {DHCP_SERVER_PORT} accept",
        *(f"oifname {wan} {_to(each)}tcp dport {_port(each.port)} accept" for each in doors),
    ]


def _to(door: Door) -> str:
    return "" if door.address is None else f"{_family(door.address)} daddr {door.address} "


def _tunnels_in(firewall: Firewall) -> list[str]:
    rules = []
    for tunnel in firewall.tunnels:
        ends = f"ip6 saddr {tunnel.partner_address} ip6 daddr {tunnel.address}"
        rules += _tunnel_rules(f'iifname "{_name(tunnel.interface)}" {ends}', tunnel)
    return rules


def _tunnels_out(firewall: Firewall) -> list[str]:
    rules = []
    for tunnel in firewall.tunnels:
        ends = f"ip6 saddr {tunnel.address} ip6 daddr {tunnel.partner_address}"
        rules += _tunnel_rules(f'oifname "{_name(tunnel.interface)}" {ends}', tunnel)
    return rules


def _tunnel_rules(match: str, tunnel: TunnelRule) -> list[str]:
    return [
        f"{match} tcp dport {_port(tunnel.relay_port)} accept",
        # The path MTU is found by echo requests of falling size.
        f"{match} icmpv6 type echo-request limit rate 20/second accept",
    ]


def _ports(firewall: Firewall) -> str:
    return _set(str(_port(tunnel.listen_port)) for tunnel in firewall.tunnels)


def _names(names: Collection[str]) -> str:
    return _set(f'"{_name(name)}"' for name in names) if names else ""


def _name(name: str) -> str:
    if not INTERFACE_NAME.fullmatch(name):
        raise ValueError("an interface name has a character outside the closed set")
    return name


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise ValueError("a port is outside 1 to 65535")
    return port


def _by_family(networks: Collection[IpNetwork]) -> list[tuple[str, str]]:
    """Give ("ip", set) and ("ip6", set), without networks that lie inside another."""
    found = []
    for version, family in ((4, "ip"), (6, "ip6")):
        mine = [network for network in networks if network.version == version]
        widest = [n for n in mine if not any(n != m and n.subnet_of(m) for m in mine)]  # type: ignore[arg-type]
        if widest:
            found.append((family, _set(str(network) for network in widest)))
    return found


def _family(address: IpAddress) -> str:
    return "ip" if address.version == 4 else "ip6"


def _set(elements: Iterable[str]) -> str:
    return "{ " + ", ".join(sorted(set(elements))) + " }"


def read_listing(host: Host) -> str | None:
    """Ask for our table as it stands, without counters; None where there is none.

    Raises:
        CommandError: nft is missing, or we may not ask.
    """
    try:
        return host.run(["nft", "--stateless", "list", "table", "inet", TABLE])
    except CommandError as error:
        if NO_SUCH_TABLE in error.stderr:
            return None
        raise


def apply_ruleset(host: Host, text: str) -> str | None:
    """Put a transaction of `ruleset` in force and give the listing it became.

    Raises:
        CommandError: nft refused it; the old table is still in force.
    """
    host.run(["nft", "-f", "-"], stdin=text)
    return read_listing(host)
