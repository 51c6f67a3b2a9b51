"""The laboratory on paper: five namespaces, three cables, who has which address. Pure.

    hospital LAN  modality 192.168.1.20, PACS 192.168.1.30
        |
    hospital box  192.168.1.1 | 192.0.2.1
        |
    wan           192.0.2.254 | 198.51.100.254
        |
    practice box  198.51.100.1 | 192.168.1.1
        |
    practice LAN  station 192.168.1.40

    second hospital   the same again, 203.0.113.1, where a test asks for it

All sites use the same LAN range on purpose: nothing is ever forwarded between them, so it must not
matter. The line's rate and delay are those of `wan.c`, which relays the WireGuard packets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "bocage-"
LAB_NAME = re.compile(r"[a-z0-9]{1,12}")

LAN = "192.168.1.0/24"
BOX_LAN_ADDRESS = "192.168.1.1"
MODALITY_ADDRESS = "192.168.1.20"
PACS_ADDRESS = "192.168.1.30"
STRANGER_ADDRESS = "192.168.1.66"  # stands in the hospital, is in no configuration
STATION_ADDRESS = "192.168.1.40"
HOSPITAL_WAN_ADDRESS, HOSPITAL_GATEWAY = "192.0.2.1", "192.0.2.254"
PRACTICE_WAN_ADDRESS, PRACTICE_GATEWAY = "198.51.100.1", "198.51.100.254"

WIREGUARD_PORT = 51820
LINE_FAR_PORT = 51821  # where the practice sees the hospital come from
# A second hospital of the same practice has a tunnel of its own there.
SECOND_WAN_ADDRESS, SECOND_GATEWAY = "203.0.113.1", "203.0.113.254"
SECOND_WIREGUARD_PORT, SECOND_LINE_FAR_PORT = 51822, 51823
SECOND_TUNNEL_ADDRESS = "fd6b:0c4a:9e00:2::1"
PRACTICE_SECOND_TUNNEL_ADDRESS = "fd6b:0c4a:9e00:2::2"
HOSPITAL_TUNNEL_ADDRESS = "fd6b:0c4a:9e00:1::1"
PRACTICE_TUNNEL_ADDRESS = "fd6b:0c4a:9e00:1::2"


@dataclass(frozen=True, slots=True)
class Cable:
    """A veth pair: (namespace, interface, addresses) at each end."""

    a: End
    b: End


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable.

    Args:
        addresses: CIDR; the first is the one programs call from.
        gateway: of the default route, if it leaves here.
    """

    namespace: str
    interface: str
    addresses: tuple[str, ...]
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The line between the sites, each way.

    Args:
        rate_mbit: 0: no limit.
        delay_ms: one way.
        queue_ms: a packet that would wait longer for its turn is lost.
    """

    rate_mbit: float = 20
    delay_ms: float = 20
    loss_pct: float = 0
    queue_ms: float = 100


@dataclass(frozen=True, slots=True)
class Topology:
    """The names of one laboratory on this machine."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a name that does not fit into namespaces and paths.

        Raises:
            ValueError: other characters, or longer than 12.
        """
        if not LAB_NAME.fullmatch(self.name):
            raise ValueError("a laboratory's name has 1 to 12 lower-case letters or digits")

    @property
    def hospital_lan(self) -> str:
        """Namespace of the modality and the PACS."""
        return f"{PREFIX}{self.name}-hlan"

    @property
    def hospital_box(self) -> str:
        """Namespace of the hospital's box."""
        return f"{PREFIX}{self.name}-hbox"

    @property
    def wan(self) -> str:
        """Namespace of the line between the sites."""
        return f"{PREFIX}{self.name}-wan"

    @property
    def practice_box(self) -> str:
        """Namespace of the practice's box."""
        return f"{PREFIX}{self.name}-pbox"

    @property
    def practice_lan(self) -> str:
        """Namespace of the reading station."""
        return f"{PREFIX}{self.name}-plan"

    @property
    def second_box(self) -> str:
        """Namespace of the second hospital's box."""
        return f"{PREFIX}{self.name}-sbox"

    @property
    def second_lan(self) -> str:
        """Namespace of the second hospital's modality and PACS."""
        return f"{PREFIX}{self.name}-slan"

    @property
    def second_namespaces(self) -> tuple[str, ...]:
        """Those of the second hospital."""
        return (self.second_lan, self.second_box)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All of them but the second hospital's."""
        return (
            self.hospital_lan,
            self.hospital_box,
            self.wan,
            self.practice_box,
            self.practice_lan,
        )

    @property
    def cables(self) -> tuple[Cable, ...]:
        """All cables with their addresses."""
        at_hospital = tuple(
            f"{address}/24" for address in (MODALITY_ADDRESS, PACS_ADDRESS, STRANGER_ADDRESS)
        )
        return (
            Cable(
                End(self.hospital_lan, "lan0", at_hospital),
                End(self.hospital_box, "lan0", (f"{BOX_LAN_ADDRESS}/24",)),
            ),
            Cable(
                End(self.practice_lan, "lan0", (f"{STATION_ADDRESS}/24",)),
                End(self.practice_box, "lan0", (f"{BOX_LAN_ADDRESS}/24",)),
            ),
            Cable(
                End(self.hospital_box, "wan0", (f"{HOSPITAL_WAN_ADDRESS}/24",), HOSPITAL_GATEWAY),
                End(self.wan, "hospital", (f"{HOSPITAL_GATEWAY}/24",)),
            ),
            Cable(
                End(self.practice_box, "wan0", (f"{PRACTICE_WAN_ADDRESS}/24",), PRACTICE_GATEWAY),
                End(self.wan, "practice", (f"{PRACTICE_GATEWAY}/24",)),
            ),
        )

    @property
    def second_cables(self) -> tuple[Cable, ...]:
        """The cables of the second hospital."""
        at_hospital = tuple(f"{address}/24" for address in (MODALITY_ADDRESS, PACS_ADDRESS))
        return (
            Cable(
                End(self.second_lan, "lan0", at_hospital),
                End(self.second_box, "lan0", (f"{BOX_LAN_ADDRESS}/24",)),
            ),
            Cable(
                End(self.second_box, "wan0", (f"{SECOND_WAN_ADDRESS}/24",), SECOND_GATEWAY),
                End(self.wan, "second", (f"{SECOND_GATEWAY}/24",)),
            ),
        )


def plan_namespaces(topology: Topology) -> list[tuple[str, ...]]:
    """List the commands that make the namespaces and lay the cables, on a clean machine."""
    return _plan(topology.namespaces, topology.cables)


def plan_second(topology: Topology) -> list[tuple[str, ...]]:
    """List the commands that put a second hospital beside the first, once that is there."""
    return _plan(topology.second_namespaces, topology.second_cables)


def _plan(namespaces: tuple[str, ...], cables: tuple[Cable, ...]) -> list[tuple[str, ...]]:
    steps: list[tuple[str, ...]] = [("ip", "netns", "add", namespace) for namespace in namespaces]
    steps += [("ip", "-n", namespace, "link", "set", "dev", "lo", "up") for namespace in namespaces]
    for cable in cables:
        steps.append(
            (
                *("ip", "link", "add", "name", cable.a.interface, "netns", cable.a.namespace),
                *("type", "veth", "peer", "name", cable.b.interface, "netns", cable.b.namespace),
            )
        )
        steps += _plan_end(cable.a)
        steps += _plan_end(cable.b)
    # A route needs its interface up and its neighbour there: all cables first.
    steps += [
        ("ip", "-n", end.namespace, "route", "add", "default", "via", end.gateway)
        for cable in cables
        for end in (cable.a, cable.b)
        if end.gateway is not None
    ]
    return steps


def _plan_end(end: End) -> list[tuple[str, ...]]:
    ip = ("ip", "-n", end.namespace)
    addresses = [
        (*ip, "address", "add", address, "dev", end.interface) for address in end.addresses
    ]
    return [*addresses, (*ip, "link", "set", "dev", end.interface, "up")]


def line_argv(program: str, line: Line) -> list[str]:
    """Write the arguments of `wan.c` for the line between hospital and practice."""
    return _argv(program, line, HOSPITAL_GATEWAY, (WIREGUARD_PORT, LINE_FAR_PORT))


def second_line_argv(program: str, line: Line) -> list[str]:
    """Write the arguments of `wan.c` for the line between the second hospital and the practice."""
    return _argv(program, line, SECOND_GATEWAY, (SECOND_WIREGUARD_PORT, SECOND_LINE_FAR_PORT))


def _argv(program: str, line: Line, gateway: str, ports: tuple[int, int]) -> list[str]:
    return [
        program,
        *(gateway, str(ports[0])),
        *(PRACTICE_GATEWAY, str(ports[1])),
        *(PRACTICE_WAN_ADDRESS, str(ports[0])),
        *(f"{value:g}" for value in (line.rate_mbit, line.delay_ms, line.loss_pct, line.queue_ms)),
    ]
