"""IP forwarding: never on. Asked every round, switched off where somebody switched it on.

The packet filter's forward chain drops as well; this is the second lock on the same door.
"""

from __future__ import annotations

from bocage_system.command import Host

SWITCHES = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def read_forwarding(host: Host) -> dict[str, int]:
    """Ask for the kernel's forwarding switches. Source: ip-sysctl of the kernel."""
    return parse_forwarding(host.run(["sysctl", "-n", *SWITCHES]))


def parse_forwarding(text: str) -> dict[str, int]:
    """Parse `sysctl -n` of the two switches: a number a line.

    Raises:
        ValueError: another shape.
    """
    return dict(zip(SWITCHES, (int(line) for line in text.split()), strict=True))


def plan_forwarding(observed: dict[str, int]) -> list[tuple[str, ...]]:
    """List the commands that switch forwarding off; none if it is."""
    return [
        ("sysctl", "-q", "-w", f"{name}=0") for name, value in sorted(observed.items()) if value
    ]
