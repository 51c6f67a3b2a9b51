"""A host that behaves: a model of what `ip`, `wg`, `nft` and their friends do, which prints itself.

It refuses what the real tools refuse (an interface twice, an address that is not there) and fails
on every command it does not know, so a test asserts the state a plan leaves, not its commands.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path

from bocage_system.command import Argv, CommandError


@dataclass
class FakePeer:
    """One WireGuard peer."""

    allowed: list[str] = field(default_factory=list)
    endpoint: str | None = None
    keepalive: str = "off"
    handshake_at: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0


@dataclass
class FakeInterface:
    """One interface; `private` is None where it is no WireGuard."""

    mtu: int = 1500
    is_up: bool = False
    addresses: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    is_wireguard: bool = False
    private: str | None = None
    port: int = 0
    wg_peers: dict[str, FakePeer] = field(default_factory=dict)
    has_link_local: bool = True


class FakeHost:
    """A `Host` and a `Devices` in one; `str(host)` is its state as text."""

    def __init__(self, *, has_kernel_wireguard: bool = True) -> None:
        self.has_kernel_wireguard = has_kernel_wireguard
        self.interfaces: dict[str, FakeInterface] = {"lo": FakeInterface(65536, True)}
        self.default_device: str | None = None
        self.tables: dict[str, str] = {}
        self.switches = {"net.ipv4.ip_forward": 0, "net.ipv6.conf.all.forwarding": 0}
        self.has_bbr = True
        self.texts = {
            "net.ipv4.tcp_available_congestion_control": "reno cubic",
            "net.ipv4.tcp_allowed_congestion_control": "reno cubic",
        }
        self.names: dict[str, str] = {}
        self.answers_up_to_bytes = 1420
        self.keys_made = 0
        self.ran: list[list[str]] = []
        self._programs: dict[str, Callable[[list[str], str | None], str]] = {
            "ip": self._ip,
            "wg": self._wg,
            "nft": self._nft,
            "sysctl": self._sysctl,
            "modprobe": self._modprobe,
            "getent": self._getent,
            "ping": self._ping,
        }

    # --- what code under test sees ---

    def run(
        self,
        argv: Argv,
        *,
        stdin: str | None = None,
        timeout_s: float = 30.0,
        ok: Container[int] = (0,),
    ) -> str:
        """Run a modelled program; see `Host.run`."""
        words = [os.fspath(word) for word in argv]
        self.ran.append(words)
        program = self._programs.get(words[0])
        if program is None:
            raise AssertionError(f"the fake host has no program {words[0]}")
        return program(words, stdin)

    def make(self, name: str) -> None:
        """Make a WireGuard interface; see `Devices.make`."""
        if self.has_kernel_wireguard:
            self.run(["ip", "link", "add", "dev", name, "type", "wireguard"])
        else:
            self._add(["wireguard-go", "-f", name], name)

    # --- what a test does to it ---

    def plug(self, name: str, *addresses: str, is_default: bool = False) -> None:
        """Plug a cable in."""
        self.interfaces[name] = FakeInterface(1500, True, list(addresses))
        if is_default:
            self.default_device = name

    def shake_hands(self, public_key: str, at: int, endpoint: str | None = None) -> None:
        """Let a peer complete a handshake, from another endpoint if one is given."""
        for interface in self.interfaces.values():
            if public_key in interface.wg_peers:
                peer = interface.wg_peers[public_key]
                peer.handshake_at = at
                peer.endpoint = endpoint or peer.endpoint

    def kill_wireguard_go(self, name: str) -> None:
        """Kill the process behind an interface: the interface goes with it."""
        del self.interfaces[name]

    def __str__(self) -> str:
        lines = [line for name in self.interfaces for line in self._describe(name)]
        lines += [f"table inet {name}" for name in sorted(self.tables)]
        lines += [f"{name} = {value}" for name, value in sorted(self.switches.items()) if value]
        return "\n".join(lines) + "\n"

    def _describe(self, name: str) -> list[str]:
        it = self.interfaces[name]
        lines = [f"{name} mtu {it.mtu} {'up' if it.is_up else 'down'}"]
        lines += [f"  {address}" for address in it.addresses]
        lines += [f"  route {route}" for route in it.routes]
        if it.is_wireguard:
            lines.append(f"  wg {public_of(it.private)} port {it.port}")
        for key, peer in sorted(it.wg_peers.items()):
            allowed = ",".join(peer.allowed)
            lines.append(f"  wg_peer {key} {allowed} at {peer.endpoint} every {peer.keepalive}")
        return lines

    # --- the programs ---

    def _ip(self, words: list[str], _stdin: str | None) -> str:
        match words[1:]:
            case ["-j", "address", "show"]:
                return json.dumps([self._address_json(name) for name in self.interfaces])
            case ["-j", "route", "show", "default"]:
                device = self.default_device
                return json.dumps([{"dst": "default", "dev": device}] if device else [])
            case ["-j", "-6", "route", "show", "dev", name]:
                return json.dumps(self._routes_json(self._find(words, name)))
            case ["link", *_]:
                self._ip_link(words)
            case ["-6", _, _, cidr, "dev", name, *_]:
                self._ip_6(words, self._find(words, name), cidr)
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")
        return ""

    def _ip_link(self, words: list[str]) -> None:
        match words[2:]:
            case ["add", "dev", name, "type", "wireguard"]:
                if not self.has_kernel_wireguard:
                    raise CommandError(words, 2, "Error: Unknown device type.")
                self._add(words, name)
            case ["delete", "dev", name]:
                self._find(words, name)
                del self.interfaces[name]
            case ["set", "dev", name, "addrgenmode", "none"]:
                self._find(words, name).has_link_local = False
            case ["set", "dev", name, "mtu", size]:
                self._find(words, name).mtu = int(size)
            case ["set", "dev", name, "up"]:
                self._find(words, name).is_up = True
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _ip_6(self, words: list[str], it: FakeInterface, cidr: str) -> None:
        match [words[2], words[3], *words[7:]]:
            case ["address", "add", "nodad"]:
                self._append(words, it.addresses, cidr)
            case ["address", "delete"]:
                self._delete(words, it.addresses, cidr)
            case ["route", "replace"]:
                self._replace_route(words, it, cidr)
            case ["route", "delete"]:
                self._delete(words, it.routes, cidr)
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _wg(self, words: list[str], stdin: str | None) -> str:
        match words[1:]:
            case ["genkey"]:
                self.keys_made += 1
                return encoded(f"private {self.keys_made}") + "\n"
            case ["pubkey"]:
                return f"{public_of((stdin or '').strip())}\n"
            case ["show", name, "dump"]:
                return self._dump(self._find_wg(words, name))
            case ["set", name, "peer", key, "remove"]:
                self._find_wg(words, name).wg_peers.pop(key, None)
            case ["set", name, "peer", key, *rest]:
                self._set_peer(words, self._find_wg(words, name), key, rest)
            case ["set", name, *rest]:
                self._set_interface(words, self._find_wg(words, name), rest)
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")
        return ""

    def _nft(self, words: list[str], stdin: str | None) -> str:
        match words[1:]:
            case ["--stateless", "list", "table", "inet", name]:
                if name not in self.tables:
                    raise CommandError(words, 1, "Error: No such file or directory")
                return self.tables[name]
            case ["-f", "-"]:
                first, second, rest = (stdin or "").split("\n", 2)
                name = first.removeprefix("table inet ")
                assert second == f"delete table inet {name}"  # in one transaction, never a flush
                assert rest.startswith(f"table inet {name} {{")
                self.tables[name] = rest
                return ""
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _sysctl(self, words: list[str], _stdin: str | None) -> str:
        match words[1:]:
            case ["-n", *names]:
                known: dict[str, int | str] = {**self.switches, **self.texts}
                return "".join(f"{known[name]}\n" for name in names)
            case ["-q", "-w", setting]:
                name, _, value = setting.partition("=")
                if name in self.texts:
                    self.texts[name] = value
                    return ""
                assert name in self.switches
                self.switches[name] = int(value)
                return ""
            case _:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _modprobe(self, words: list[str], _stdin: str | None) -> str:
        assert words[1:] == ["-q", "tcp_bbr"]
        if not self.has_bbr:
            raise CommandError(words, 1, "")
        self.texts["net.ipv4.tcp_available_congestion_control"] += " bbr"
        return ""

    def _getent(self, words: list[str], _stdin: str | None) -> str:
        assert words[1] == "ahosts"
        address = self.names.get(words[2])
        if address is None:
            raise CommandError(words, 2, "")
        return "".join(f"{address:15} {kind}\n" for kind in ("STREAM", "DGRAM", "RAW"))

    def _ping(self, words: list[str], _stdin: str | None) -> str:
        size = int(words[words.index("-s") + 1]) + 48
        interface = self._find(words, words[words.index("-I") + 1])
        if size > interface.mtu:
            raise CommandError(words, 1, f"ping: local error: message too long, mtu: {size}")
        if size > self.answers_up_to_bytes:
            raise CommandError(words, 1, "")
        return "3 packets transmitted, 3 received, 0% packet loss\n"

    # --- their parts ---

    def _find(self, words: list[str], name: str) -> FakeInterface:
        if name not in self.interfaces:
            raise CommandError(words, 1, f'Cannot find device "{name}"')
        return self.interfaces[name]

    def _find_wg(self, words: list[str], name: str) -> FakeInterface:
        found = self.interfaces.get(name)
        if found is None or not found.is_wireguard:
            raise CommandError(words, 1, "Unable to access interface: No such device")
        return found

    def _add(self, words: list[str], name: str) -> None:
        if name in self.interfaces:
            raise CommandError(words, 2, "RTNETLINK answers: File exists")
        self.interfaces[name] = FakeInterface(1420, is_wireguard=True, port=38175)

    def _append(self, words: list[str], held: list[str], cidr: str) -> None:
        if cidr in held:
            raise CommandError(words, 2, "RTNETLINK answers: File exists")
        held.append(cidr)

    def _delete(self, words: list[str], held: list[str], cidr: str) -> None:
        if cidr not in held:
            raise CommandError(words, 2, "RTNETLINK answers: Cannot assign requested address")
        held.remove(cidr)

    def _replace_route(self, words: list[str], it: FakeInterface, cidr: str) -> None:
        if not it.is_up:
            raise CommandError(words, 2, "Error: Device for nexthop is not up.")
        if cidr not in it.routes:
            it.routes.append(cidr)

    def _address_json(self, name: str) -> dict[str, object]:
        it = self.interfaces[name]
        addresses = [*it.addresses]
        if it.is_wireguard and it.has_link_local and it.is_up:
            addresses.append("fe80::1/64")
        split = [address.partition("/") for address in addresses]
        return {
            "ifname": name,
            "mtu": it.mtu,
            "flags": ["UP"] if it.is_up else [],
            "addr_info": [{"local": ip, "prefixlen": int(prefix)} for ip, _, prefix in split],
        }

    def _routes_json(self, it: FakeInterface) -> list[dict[str, object]]:
        routes: list[dict[str, object]] = [
            {"dst": cidr.removesuffix("/128"), "protocol": "kernel"} for cidr in it.addresses
        ]
        # Without "protocol", as `ip` prints a route of protocol boot.
        routes += [{"dst": cidr.removesuffix("/128")} for cidr in it.routes]
        return routes

    def _set_interface(self, words: list[str], it: FakeInterface, rest: list[str]) -> None:
        while rest:
            option, value, *rest = rest
            if option == "private-key":
                it.private = Path(value).read_text().strip()
            elif option == "listen-port":
                it.port = int(value)
            else:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _set_peer(self, words: list[str], it: FakeInterface, key: str, rest: list[str]) -> None:
        peer = it.wg_peers.setdefault(key, FakePeer())
        while rest:
            option, value, *rest = rest
            if option == "allowed-ips":
                # An allowed IP belongs to one peer: another that had it loses it.
                for other in it.wg_peers.values():
                    other.allowed = [ip for ip in other.allowed if ip not in value.split(",")]
                peer.allowed = value.split(",")
            elif option == "persistent-keepalive":
                peer.keepalive = value
            elif option == "endpoint":
                peer.endpoint = value
            else:
                raise AssertionError(f"the fake host does not know: {' '.join(words)}")

    def _dump(self, it: FakeInterface) -> str:
        public = public_of(it.private) if it.private else "(none)"
        lines = [f"{it.private or '(none)'}\t{public}\t{it.port}\toff"]
        for key, peer in it.wg_peers.items():
            fields = (
                *(key, "(none)", peer.endpoint or "(none)", ",".join(peer.allowed) or "(none)"),
                *(str(peer.handshake_at), str(peer.rx_bytes), str(peer.tx_bytes), peer.keepalive),
            )
            lines.append("\t".join(fields))
        return "\n".join(lines) + "\n"


def encoded(text: str) -> str:
    """Make a key-shaped text out of any text."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def public_of(private: str | None) -> str:
    """Give the public key a modelled private key has."""
    return encoded(f"public of {private}")
