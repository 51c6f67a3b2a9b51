"""Making a WireGuard interface: by the kernel where it can, by wireguard-go otherwise.

wireguard-go lives in a session of its own and outlasts this unit: after a crash of ours the tunnel
goes on, and the next start finds the interface and adopts it. When wireguard-go dies its interface
goes with it, and the next step makes a new one. So the host itself is the only record.

Source: wireguard-go 0.0.20220316, main.go.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from bocage_system.command import Child, CommandError, Host, spawn
from bocage_system.logs import get

START_TIMEOUT_S = 5.0
_LOOK_AGAIN_S = 0.02

# WG_PROCESS_FOREGROUND keeps it from forking, and from its page about kernels that need no help.
_ENVIRONMENT = {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}

log = get("link")


class Devices(Protocol):
    """The act of making WireGuard interfaces."""

    def make(self, name: str) -> None:
        """Make an interface that answers `wg`.

        Raises:
            CommandError: neither the kernel nor wireguard-go could.
        """


class LocalDevices:
    """Makes interfaces in the network namespace we run in, or in a named one."""

    def __init__(self, host: Host, log_dir: Path, *, namespace: str | None = None) -> None:
        """Keep where messages go.

        Args:
            host: where `ip` and `wg` are run.
            log_dir: one log file a wireguard-go; its end of a pipe of ours would die with us.
            namespace: for a caller that is not itself in the namespace.
        """
        self._host = host
        self._log_dir = log_dir
        self._namespace = namespace
        self._children: dict[str, Child] = {}
        self._kernel_can = True

    def make(self, name: str) -> None:
        """Make an interface; see `Devices.make`."""
        self.reap()
        if self._kernel_can:
            try:
                self._host.run(["ip", "link", "add", "dev", name, "type", "wireguard"])
                return
            except CommandError as error:
                if not is_unknown_type(error.stderr):
                    raise
                self._kernel_can = False
                log.info("the kernel has no WireGuard, wireguard-go serves")
        self._start_wireguard_go(name)

    def reap(self) -> None:
        """Forget the wireguard-go processes of ours that ended."""
        self._children = {
            name: child for name, child in self._children.items() if child.poll() is None
        }

    def close(self) -> None:
        """End the wireguard-go processes we started; the unit leaves them to its successor."""
        for name in list(self._children):
            self._end(name)

    def _end(self, name: str) -> None:
        """End the wireguard-go of an interface, should it live: its interface has gone."""
        child = self._children.pop(name, None)
        if child is not None:
            child.kill()
            child.wait(START_TIMEOUT_S)

    def _start_wireguard_go(self, name: str) -> None:
        self._end(name)
        argv = ["wireguard-go", "-f", name]
        with (self._log_dir / f"{name}.log").open("ab") as messages:
            child = spawn(argv, namespace=self._namespace, env=_ENVIRONMENT, stderr=messages)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers(name):
            if child.poll() is not None:
                raise CommandError(argv, child.poll(), "it ended at once; see its log")
            if time.monotonic() > deadline:
                child.kill()
                child.wait()
                raise CommandError(argv, None, f"no interface within {START_TIMEOUT_S:g} s")
            time.sleep(_LOOK_AGAIN_S)
        self._children[name] = child

    def _answers(self, name: str) -> bool:
        try:
            self._host.run(["wg", "show", name, "listen-port"])
        except CommandError:
            return False
        return True


def is_unknown_type(stderr: str) -> bool:
    """Say whether `ip link add` failed for want of the kernel's WireGuard.

    The first message comes from a kernel that has no module, the second from one that knows the
    type but was built without it.
    """
    return "Unknown device type" in stderr or "Operation not supported" in stderr
