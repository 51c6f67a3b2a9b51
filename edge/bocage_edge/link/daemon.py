"""The link unit's loop: every few seconds the host is compared with the configuration.

A fault in one part (a tunnel, the packet filter, the clock) is reported and tried again in the next
round; the others go on. Tunnels and filter outlast this process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bocage_contract.configuration import Desired, Link
from bocage_edge.boot import boot_id
from bocage_edge.configuration import InForce, load
from bocage_edge.errors import ConfigError
from bocage_edge.link.address import (
    HostInterface,
    parse_default_devices,
    parse_interfaces,
    sides,
    tunnel_name,
)
from bocage_edge.link.clock import ClockDoor, clock_door, is_kernel_clock_synchronised
from bocage_edge.link.clock_watch import ClockWatch
from bocage_edge.link.congestion import plan_congestion, read_congestion
from bocage_edge.link.device import Devices, LocalDevices
from bocage_edge.link.forwarding import plan_forwarding, read_forwarding
from bocage_edge.link.keys import read_public_key
from bocage_edge.link.nft import apply_ruleset, firewall_of, read_listing, ruleset
from bocage_edge.link.plan import plan_removals
from bocage_edge.link.proving import Proving
from bocage_edge.link.tunnels import Memory, TunnelRound, Wanted, apply, wanted_of
from bocage_edge.link.wg import WgDumpError
from bocage_edge.link.whereabouts import Whereabouts
from bocage_edge.partner import partner_of
from bocage_edge.paths import Box
from bocage_edge.status import statuses_of, write_status
from bocage_edge.units import UNITS
from bocage_system.clock import Clock, SystemClock
from bocage_system.command import CommandError, Host, LocalHost
from bocage_system.daemon import notify_ready, notify_watchdog
from bocage_system.kick import Kick, ring
from bocage_system.logs import get

UNIT = "link"
BOOT_MARK = "clock.seen"
SETTLED_S = 3.0
STOP_LOOK_S = 0.5
UNSETTLED_S = 0.5
# A partner that is away for hours is not worth two rounds a second.
LONGEST_HASTE_S = 30.0

log = get("link")

# What the host may refuse; the next round tries again.
HostFault = (CommandError, WgDumpError, OSError)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the unit acts on; a test gives a model of each."""

    host: Host
    devices: Devices
    clock: Clock
    door: ClockDoor
    is_time_attested: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class FilterInForce:
    """The packet filter we wrote, and how nft lists it; another listing: somebody changed it."""

    text: str
    listing: str | None


class LinkUnit:
    """Everything one link unit knows between two rounds."""

    def __init__(self, box: Box, around: Surroundings) -> None:
        """Start with empty hands: what matters is read from the host."""
        self._box = box
        self._around = around
        self._in_force: InForce | None = None
        self._filter: FilterInForce | None = None
        self._memories: dict[str, Memory] = {}
        self._public_keys: dict[int, str] = {}
        self._faults: list[str] = []
        self._told: list[str] = []
        self._unsettled_since: float | None = None
        self._asked_for_bbr = False
        self._whereabouts = Whereabouts(box.whereabouts)
        self._proving = Proving(box, boot_id(box), lambda: statuses_of(box))
        self._clock_watch = ClockWatch(
            box.clock_floor,
            box.run / BOOT_MARK,
            door=around.door,
            is_time_attested=around.is_time_attested,
        )

    def step(self) -> float:
        """Do one round and give the seconds to the next."""
        self._faults = []
        now, ticks = self._around.clock.now(), self._around.clock.monotonic()
        self._prove(now)
        self._load()
        status: dict[str, Any] = {"clock": self._clock_round(now, ticks)}
        status["configuration"] = self._proving.status()
        settled = True
        if self._in_force is not None:
            links, settled = self._network_round(self._in_force, now, ticks)
            status |= {
                "revision": self._in_force.desired.revision,
                "links": links,
                "firewall": self._filter is not None and self._filter.listing is not None,
                "forwarding": self._forwarding_round(),
            }
            self._allow_bbr_once()
        write_status(self._box, UNIT, now, status | {"faults": self._faults})
        self._tell_faults()
        return self._wait_s(settled and not self._faults, ticks)

    def _wait_s(self, is_settled: bool, ticks: float) -> float:
        """Come back soon while something is under way, but not for ever."""
        if is_settled:
            self._unsettled_since = None
            return SETTLED_S
        if self._unsettled_since is None:
            self._unsettled_since = ticks
        return UNSETTLED_S if ticks - self._unsettled_since < LONGEST_HASTE_S else SETTLED_S

    def _tell_faults(self) -> None:
        """Log faults when they change, not every round."""
        if self._faults != self._told:
            log.warning("faults", faults=self._faults)
            self._told = list(self._faults)

    def _prove(self, now: float) -> None:
        """Take up what the console sent, and let the units know where what is in force changed."""
        try:
            changed = self._proving.step(now)
        except (OSError, ConfigError) as error:
            self._fault(f"configuration: {error}")
            return
        for unit in UNITS if changed else ():
            ring(self._box.doorbell(unit.name))

    def _load(self) -> None:
        """Read the configuration anew; a broken one leaves the last good one in force."""
        try:
            self._in_force = load(self._box)
        except ConfigError as error:
            self._fault(str(error))

    def _network_round(
        self, in_force: InForce, now: float, ticks: float
    ) -> tuple[list[dict[str, Any]], bool]:
        """Filter first, then the tunnels it lets through."""
        host = self._around.host
        try:
            interfaces = parse_interfaces(host.run(["ip", "-j", "address", "show"]))
            self._filter_round(in_force.desired, interfaces)
            self._remove_stale(in_force, interfaces)
        except HostFault as error:
            self._fault(str(error))
            return [], False
        by_name = {found.name: found for found in interfaces}
        rounds = TunnelRound(host, self._around.devices, now=now, ticks=ticks)
        statuses, settled = [], True
        for link in in_force.desired.links:
            status, is_settled = self._tunnel_round(in_force, link, by_name, rounds)
            statuses.append(status)
            settled = settled and is_settled
        return statuses, settled

    def _filter_round(self, desired: Desired, interfaces: list[HostInterface]) -> None:
        host = self._around.host
        default_devices = parse_default_devices(host.run(["ip", "-j", "route", "show", "default"]))
        two_sides = sides(interfaces, desired.receive.address, default_devices)
        if not two_sides.lan:
            self._fault(f"no interface holds the address {desired.receive.address}")
        firewall, faults = firewall_of(desired, two_sides)
        for fault in faults:
            self._fault(fault)
        text = ruleset(firewall)
        wanted = FilterInForce(text, read_listing(host))
        if self._filter is None or wanted != self._filter or wanted.listing is None:
            self._filter = FilterInForce(text, apply_ruleset(host, text))
            log.info("packet filter replaced")

    def _remove_stale(self, in_force: InForce, interfaces: list[HostInterface]) -> None:
        audience = in_force.desired.audience
        names = [
            tunnel_name(audience, link.id, link.tunnel.generation)
            for link in in_force.desired.links
        ]
        apply(self._around.host, self._around.devices, plan_removals(names, interfaces))

    def _tunnel_round(
        self,
        in_force: InForce,
        link: Link,
        interfaces: dict[str, HostInterface],
        rounds: TunnelRound,
    ) -> tuple[dict[str, Any], bool]:
        try:
            wanted = self._wanted(in_force, link)
            name = wanted.tunnel.name
            done = rounds.run(wanted, interfaces.get(name), self._memories.get(name))
        except (*HostFault, ValueError) as error:
            self._fault(f"link {link.id}: {error}")
            return {"link": link.id, "up": False, "reason": str(error)}, False
        self._memories[name] = done.memory
        self._note_whereabouts(link, done.status)
        return done.status, done.is_settled

    def _note_whereabouts(self, link: Link, status: dict[str, Any]) -> None:
        if link.tunnel.endpoint is not None or not status["up"] or status["endpoint"] is None:
            return
        try:
            self._whereabouts.note(link.id, status["endpoint"])
        except OSError as error:
            self._fault(f"link {link.id}: {error}")

    def _wanted(self, in_force: InForce, link: Link) -> Wanted:
        generation = link.tunnel.generation
        key_file = self._box.tunnel_key(generation)
        if generation not in self._public_keys:
            self._public_keys[generation] = read_public_key(self._around.host, key_file)
        partner = partner_of(link, in_force.pins)
        own_key = self._public_keys[generation]
        wanted = wanted_of(link, in_force.desired.audience, partner, own_key, key_file)
        return replace(wanted, heard_from=self._whereabouts.of(link.id))

    def _forwarding_round(self) -> bool:
        """Switch IP forwarding off where it is on; say whether it was."""
        host = self._around.host
        try:
            observed = read_forwarding(host)
            for argv in plan_forwarding(observed):
                host.run(argv)
        except HostFault as error:
            self._fault(str(error))
            return True
        if any(observed.values()):
            self._fault("IP forwarding was on; it has been switched off")
        return any(observed.values())

    def _allow_bbr_once(self) -> None:
        """Let relay choose BBR, where this kernel has it; the stream goes without it as well."""
        if self._asked_for_bbr:
            return
        self._asked_for_bbr = True
        host = self._around.host
        try:
            for argv in plan_congestion(*read_congestion(host)):
                host.run(argv)
        except (*HostFault, ValueError) as error:
            log.info("the stream goes without BBR", reason=str(error))

    def _clock_round(self, now: float, ticks: float) -> dict[str, Any]:
        desired = self._in_force.desired if self._in_force else None
        issued_at = desired.issued_at if desired else 0
        status, faults = self._clock_watch.step(issued_at=issued_at, now=now, ticks=ticks)
        for fault in faults:
            self._fault(fault)
        return status

    def _fault(self, text: str) -> None:
        self._faults.append(text)


def run(box: Box, stop: threading.Event) -> None:
    """Keep the host as the configuration wants it until `stop`; tunnels and filter stay."""
    logs = box.run / "wireguard"
    logs.mkdir(mode=0o750, exist_ok=True)
    host = LocalHost()
    around = Surroundings(
        host,
        LocalDevices(host, logs),
        SystemClock(),
        clock_door(),
        is_kernel_clock_synchronised,
    )
    unit = LinkUnit(box, around)
    with Kick(box.doorbell(UNIT)) as bell:
        notify_ready()
        while not stop.is_set():
            wait_s = unit.step()
            notify_watchdog()
            _wait(bell, stop, wait_s)


def _wait(bell: Kick, stop: threading.Event, wait_s: float) -> None:
    """Wait for the bell, the time or `stop`, which does not wake a wait for the bell."""
    while wait_s > 0 and not stop.is_set() and not bell.wait(min(wait_s, STOP_LOOK_S)):
        wait_s -= STOP_LOOK_S
