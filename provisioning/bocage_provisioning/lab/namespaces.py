"""Making and taking away the laboratory's namespaces, with everything that lives in them.

Taking away is idempotent and starts from what the machine shows, so it also cleans up after a run
that was killed: processes in the namespaces, wireguard-go and its socket, mounts of names.

Source: ip-netns(8).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.topology import PREFIX, Topology, plan_namespaces
from bocage_system.command import CommandError, Host

WIREGUARD_SOCKETS = Path("/var/run/wireguard")
TUNNEL_SOCKET = re.compile(r"bw[0-9a-f]{7}g[0-9]{1,5}\.sock")
KILL_TIMEOUT_S = 5.0
_YOUNG_S = 1.0
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
        raise LabError(str(error), "the laboratory needs root and network namespaces") from error


def remove(host: Host, topology: Topology) -> None:
    """Take the laboratory's namespaces away, whatever is left of them.

    Raises:
        LabError: a process would not die.
    """
    ours = {*topology.namespaces, *topology.second_namespaces}
    there = [name for name in present(host) if name in ours]
    _kill_all(host, there)
    for namespace in there:
        # Another clean-up may be at work beside us; gone is gone.
        with contextlib.suppress(CommandError):
            host.run(["ip", "netns", "delete", namespace])
    _remove_dead_sockets()


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


def _remove_dead_sockets() -> None:
    """Remove the control sockets that killed wireguard-go processes of any box left behind.

    A socket nobody listens at has no owner; one just made may not be listened at yet.
    """
    for path in WIREGUARD_SOCKETS.glob("bw*.sock"):
        with contextlib.suppress(FileNotFoundError):
            is_young = time.time() - path.stat().st_mtime < _YOUNG_S
            if TUNNEL_SOCKET.fullmatch(path.name) and not is_young and not _is_served(path):
                path.unlink()


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def _kill_all(host: Host, namespaces: list[str]) -> None:
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while alive := pids(host, namespaces):
        if time.monotonic() > deadline:
            raise LabError(f"processes {alive} of the laboratory do not die")
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_S)
