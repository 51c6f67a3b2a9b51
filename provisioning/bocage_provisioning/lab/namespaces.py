"""Making and taking away the laboratory's namespaces, with everything that lives in them.

Taking away is idempotent and starts from what the machine shows, so it also cleans up after a run
that was killed: processes in the namespaces, wireguard-go and its socket, mounts of names.

Source: ip-netns(8).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.topology import PREFIX, Topology, plan_namespaces
from bocage_system.command import CommandError, Host

WIREGUARD_SOCKETS = Path("/var/run/wireguard")
KILL_TIMEOUT_S = 5.0
_LOOK_AGAIN_S = 0.02


def make(host: Host, topology: Topology) -> None:
    """Make the namespaces on a machine that has none of this name.

    Raises:
        LabError: the machine does not let us.
    """
    try:
        for argv in plan_namespaces(topology):
            host.run(argv)
    except CommandError as error:
        raise LabError(
            str(error), "the laboratory needs root and network namespaces"
        ) from error


def remove(host: Host, topology: Topology) -> None:
    """Take the laboratory's namespaces away, whatever is left of them.

    Raises:
        LabError: a process would not die.
    """
    there = [name for name in present(host) if name in topology.namespaces]
    for namespace in there:
        _remove_sockets(host, namespace)
    _kill_all(host, there)
    for namespace in there:
        # Another clean-up may be at work beside us; gone is gone.
        with contextlib.suppress(CommandError):
            host.run(["ip", "netns", "delete", namespace])


def present(host: Host) -> list[str]:
    """Name the laboratory namespaces of any name this machine has."""
    listed = json.loads(host.run(["ip", "-j", "netns", "list"]) or "[]")
    return [entry["name"] for entry in listed if entry["name"].startswith(PREFIX)]


def pids(host: Host, namespaces: Iterable[str]) -> list[int]:
    """List the processes in some namespaces."""
    found: list[int] = []
    for namespace in namespaces:
        with contextlib.suppress(CommandError):
            found += [int(pid) for pid in host.run(["ip", "netns", "pids", namespace]).split()]
    return [pid for pid in found if pid != os.getpid()]


def _remove_sockets(host: Host, namespace: str) -> None:
    """Remove the control sockets of wireguard-go, which a killed one leaves behind."""
    try:
        links = json.loads(host.run(["ip", "-n", namespace, "-j", "link", "show"]) or "[]")
    except CommandError:
        return
    for link in links:
        (WIREGUARD_SOCKETS / f"{link['ifname']}.sock").unlink(missing_ok=True)


def _kill_all(host: Host, namespaces: list[str]) -> None:
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while alive := pids(host, namespaces):
        if time.monotonic() > deadline:
            raise LabError(f"processes {alive} of the laboratory do not die")
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_S)
