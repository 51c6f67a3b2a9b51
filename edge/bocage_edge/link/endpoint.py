"""Where a WireGuard peer is reached, and when to look its name up again.

WireGuard resolves a name once and then follows the partner as it roams; a partner behind a
changing address that is not talking to us is never found again without a new look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from bocage_system.command import CommandError, Host

# WireGuard tries a new handshake every 120 s while data flows; 15 s more means it did not work.
# Source: design, section 7; WireGuard paper, section 6.1 (REKEY_AFTER_TIME).
STALE_HANDSHAKE_S = 135
LOOK_UP_INTERVAL_S = 30
LOOK_UP_TIMEOUT_S = 5.0


class EndpointError(ValueError):
    """An endpoint is not "host:port"."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host name or address, and a UDP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """What was put in force for one WireGuard peer, and when it was looked up."""

    configured: str | None
    looked_up_at: float  # monotonic seconds


def parse_endpoint(text: str) -> Endpoint:
    """Parse "host:port" or "[IPv6 address]:port".

    Raises:
        EndpointError: another shape, or a port outside 1 to 65535.
    """
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdigit() and 1 <= int(port) <= 65535
    if not separator or not host or not is_port:
        raise EndpointError("endpoint is not host:port")
    if not host.isascii() or any(c.isspace() or c == "/" for c in host) or host.startswith("-"):
        raise EndpointError("endpoint's host has a character no host name has")
    return Endpoint(host, int(port))


def is_look_up_due(
    configured: str | None,
    last: LookUp | None,
    *,
    handshake_age_s: float | None,
    in_force: str | None,
    now: float,
) -> bool:
    """Say whether the endpoint must be looked up and put in force now.

    Due when there is none in force, when the configuration names another one than before, and
    when the last handshake is stale; the last two at most every 30 s.

    Args:
        last: None after a start: a peer with a fresh handshake is then left alone.
        handshake_age_s: None: never.
        in_force: the endpoint WireGuard holds.
        now: monotonic seconds.
    """
    if configured is None:
        return False
    if last is not None and last.configured != configured:
        return True
    if last is not None and now - last.looked_up_at < LOOK_UP_INTERVAL_S:
        return False
    if in_force is None or handshake_age_s is None:
        return True
    return handshake_age_s > STALE_HANDSHAKE_S


def handshake_age_s(handshake_at: int | None, now: float) -> float | None:
    """Seconds since the last handshake; None where there was none.

    A handshake that lies ahead of us was made before the clock was put back: its age is unknown
    and counts as stale, so that the endpoint is looked up rather than trusted for ever.
    """
    if handshake_at is None:
        return None
    age = now - handshake_at
    return age if age >= -1.0 else None


def resolve(host: Host, endpoint: Endpoint) -> str | None:
    """Look an endpoint up; None where the name has no address now.

    Returns:
        "address:port", IPv6 addresses in brackets, as `wg` shows it.
    """
    try:
        return format_endpoint(endpoint.host, endpoint.port)
    except ValueError:
        pass  # a name, not an address
    try:
        text = host.run(["getent", "ahosts", endpoint.host], timeout_s=LOOK_UP_TIMEOUT_S)
    except CommandError:
        return None
    address = first_address(text)
    return None if address is None else format_endpoint(address, endpoint.port)


def first_address(text: str) -> str | None:
    """Parse `getent ahosts NAME`: the address the resolver puts first. Source: getent(1)."""
    for line in text.splitlines():
        words = line.split()
        if words:
            return words[0]
    return None


def format_endpoint(address: str, port: int) -> str:
    """Write an address and a port as `wg` does.

    Raises:
        ValueError: not an address.
    """
    parsed = ip_address(address)
    return f"{parsed}:{port}" if parsed.version == 4 else f"[{parsed}]:{port}"
