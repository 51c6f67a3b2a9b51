"""BBR for the stream's sockets: relay asks for it, but has no power to load or to allow it.

A kernel without it is no fault: the stream then goes with the default and says so.
Source: Linux Documentation/networking/ip-sysctl, tcp_allowed_congestion_control.
"""

from __future__ import annotations

from bocage_system.command import Host

ALGORITHM, MODULE = "bbr", "tcp_bbr"
AVAILABLE = "net.ipv4.tcp_available_congestion_control"
ALLOWED = "net.ipv4.tcp_allowed_congestion_control"


def read_congestion(host: Host) -> tuple[list[str], list[str]]:
    """Ask which algorithms the kernel has loaded, and which of them every user may choose."""
    available, allowed = host.run(["sysctl", "-n", AVAILABLE, ALLOWED]).splitlines()
    return available.split(), allowed.split()


def plan_congestion(available: list[str], allowed: list[str]) -> list[tuple[str, ...]]:
    """List the commands after which every user may choose BBR; none if they may."""
    steps: list[tuple[str, ...]] = []
    if ALGORITHM not in available:
        steps.append(("modprobe", "-q", MODULE))
    if ALGORITHM not in allowed:
        steps.append(("sysctl", "-q", "-w", f"{ALLOWED}={' '.join([*allowed, ALGORITHM])}"))
    return steps
