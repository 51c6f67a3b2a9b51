"""A console for a test: its folder, its commands, its processes on loopback or in a namespace."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import Child, LocalHost, spawn

READY_S = 30.0


class Console:
    """See the module. Every command is one an operator types."""

    def __init__(
        self, root: Path, address: str = "127.0.0.1", namespace: str | None = None
    ) -> None:
        """Set the console up, with three roots of which two sign."""
        self.root, self.address, self.namespace = root, address, namespace
        self.state = root / "console"
        self._host = LocalHost(namespace)
        self._children: list[Child] = []
        self.gate_port, self.broker_port = free_ports(2)
        self.run("setup")
        self.keyset()

    @property
    def gate(self) -> str:
        """HOST:PORT of the gate."""
        return f"{self.address}:{self.gate_port}"

    @property
    def broker(self) -> str:
        """HOST:PORT of the broker."""
        return f"{self.address}:{self.broker_port}"

    def run(self, *words: str) -> str:
        """Type a command; gives what it printed."""
        return self._host.run([*self._program(), *words], timeout_s=60)

    def file(self, name: str, value: dict[str, Any]) -> str:
        """Write a JSON file and give its path."""
        path = self.root / name
        path.write_text(json.dumps(value))
        return str(path)

    def keyset(self) -> None:
        """Hold the ceremony of the roots."""
        keys = [str(self.root / f"root{n}.key") for n in (1, 2, 3)]
        roots = [self.run("root", "key", key).strip() for key in keys]
        signing = self.run("root", "key", str(self.state / "signer" / "signing.key")).strip()
        out = str(self.root / "keyset.json")
        named = [word for each in roots for word in ("--root", each)]
        signs = ("--configuration", signing, "--command", signing)
        self.run("root", "draft", "--version", "1", *named, *signs, "--key", keys[0], "--out", out)
        self.run("root", "sign", out, "--key", keys[1])
        self.run("root", "install", out)

    def start(self, *names: str) -> None:
        """Start processes: broker, gate, ingest, signer."""
        at = ("--address", self.address, "--name", self.address)
        words: dict[str, Sequence[str]] = {
            "broker": (*at, "--port", str(self.broker_port), "--user", "root"),
            "gate": (*at, "--port", str(self.gate_port), "--broker", self.broker),
            "ingest": ("--broker", self.broker),
            "signer": (),
        }
        for name in names:
            log = (self.root / f"{name}.log").open("ab")
            argv = [*self._program(), name, *words[name]]
            self._children.append(spawn(argv, namespace=self.namespace, stderr=log))
            log.close()
        for name, port in (("gate", self.gate_port), ("broker", self.broker_port)):
            if name in names:
                wait_until(lambda port=port: self._answers(port), READY_S, f"{name}'s port")  # type: ignore[misc]

    def enrol(self, device: str) -> Path:
        """Make a code; gives the enrolment file that goes onto a card."""
        file = self.root / f"{device}.enrolment.json"
        self.run("enrol", "code", device, "--console", self.gate, "--no-qr", "--file", str(file))
        return file

    def devices(self) -> dict[str, dict[str, Any]]:
        """What the console says of each box."""
        rows = json.loads(self.run("device", "list", "--json"))
        return {row["device"]: row for row in rows}

    def close(self) -> None:
        """End every process."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(10)
            except TimeoutError:
                child.kill_group()
                child.wait(10)

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "bocage_console", "--state", str(self.state)]

    def _answers(self, port: int) -> bool:
        code = f"import socket; socket.create_connection(({self.address!r}, {port}), 1)"
        try:
            self._host.run([sys.executable, "-c", code])
        except Exception:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
