"""When to dial again. Pure.

Source: the stream must be back within ten seconds of the link's return (docs/relay-protocol.md
section 8): the longest wait and the longest connection attempt together stay below that.
"""

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 2.0
CONNECT_TIMEOUT_S = 4.0
HANDSHAKE_TIMEOUT_S = 8.0
# A partner that lied is not worth a call every two seconds.
HOSTILE_DELAY_S = 30.0
# Where an operator must do something first; a ring of the bell cuts the wait short.
BLOCKED_DELAY_S = 30.0


def redial_delay_s(failures: int, jitter: float) -> float:
    """Seconds to wait after a connection ended: 0.25, 0.5, 1 ... at most 2, less up to a quarter.

    Args:
        failures: connections in a row that brought nothing forward, at least 1.
        jitter: in [0, 1]; drawn by the caller, so that two boxes don't call in step.
    """
    doubled = FIRST_DELAY_S * 2 ** min(failures - 1, 8)
    return float(min(doubled, LONGEST_DELAY_S) * (1 - 0.25 * jitter))
