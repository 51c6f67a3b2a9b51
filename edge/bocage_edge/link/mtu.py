"""The path MTU of a tunnel: tried from above with echo requests the partner answers, then set.

The path outside is not asked: many sites drop ICMP, and both WireGuards let an outer packet be
fragmented, so what counts is which inner size arrives. Only the partner's box answers inside the
tunnel, so nobody on the way can lie about it. A tunnel starts at 1280, which every IPv6 path
carries, and is raised to the first size of the ladder that is answered.

Source: RFC 8899 (probing needs no ICMP errors), RFC 8200 section 5; docs/adr/0007.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bocage_edge.link.plan import HIGHEST_MTU, LOWEST_MTU
from bocage_system.command import CommandError, Host

# 1500 outside; PPPoE (1492); then steps for tunnels under the tunnel, down to what IPv6 promises.
LADDER = (HIGHEST_MTU, 1412, 1392, 1372, 1340, 1310)
ECHO_HEADER_BYTES = 40 + 8  # IPv6 and ICMPv6

PROBE_AGAIN_S = 600.0
ECHOES = 3
ECHO_INTERVAL_S = 0.2
ECHO_WAIT_S = 1


@dataclass(frozen=True, slots=True)
class MtuState:
    """How far the search of one tunnel has come."""

    mtu: int = LOWEST_MTU
    found_at: float | None = None  # monotonic seconds; None: never looked to the end
    rung: int = 0  # next size of the ladder to try


def is_probe_due(state: MtuState, *, is_connected: bool, now: float) -> bool:
    """Say whether to try a size now: only while the partner answers, and again every ten minutes.

    Args:
        now: monotonic seconds.
    """
    if not is_connected:
        return False
    return state.rung > 0 or state.found_at is None or now - state.found_at >= PROBE_AGAIN_S


def size_to_try(state: MtuState) -> int:
    """Give the inner packet size to try next, in bytes."""
    return LADDER[state.rung]


def after_probe(state: MtuState, *, answered: bool, now: float) -> MtuState:
    """Take the outcome of one try into account.

    A size that was answered ends the search. When none of the ladder was, 1280 stays.
    """
    if answered:
        return MtuState(size_to_try(state), found_at=now)
    if state.rung + 1 < len(LADDER):
        return replace(state, rung=state.rung + 1)
    return MtuState(LOWEST_MTU, found_at=now)


def after_new_path(state: MtuState) -> MtuState:
    """Begin the search anew; what was found serves until it ends."""
    return replace(state, found_at=None, rung=0)


def probe(host: Host, interface: str, partner_address: str, size_bytes: int) -> bool:
    """Send echo requests of one size through the tunnel; say whether any was answered.

    The interface must carry the size already: the caller sets it before.

    Source: ping(8): `-M do` forbids fragments on the way.
    """
    try:
        host.run(
            [
                *("ping", "-6", "-n", "-q", "-M", "do", "-I", interface),
                *("-c", str(ECHOES), "-i", str(ECHO_INTERVAL_S), "-W", str(ECHO_WAIT_S)),
                *("-s", str(size_bytes - ECHO_HEADER_BYTES), partner_address),
            ],
            timeout_s=ECHOES * ECHO_INTERVAL_S + ECHO_WAIT_S + 5,
        )
    except CommandError:
        return False
    return True
