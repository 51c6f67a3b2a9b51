"""When to try again. Pure: the hour and the dice come in from outside.

An instance waits by its own attempts, a destination by its own: a station that is down is tried by
one probing attempt at a time, not by every instance in turn, and the others follow once it answers.
"""

from __future__ import annotations

from bocage_edge.spool.types import Delivery

# Of one instance: what failed with it will hardly go at once.
FIRST_DELAY_S = 30
LONGEST_DELAY_S = 3600

# Of an instance that was under way when this process died: at once, then rarer each time.
FIRST_CUT_DELAY_S = 2

# Of a destination: a station that restarts is back within a minute, and exams wait for it.
FIRST_HOLD_S = 5
LONGEST_HOLD_S = 300

# No block of a sealed object opens to more.
MAX_WEIGHT_BYTES = 64 * 1024 * 1024
# A sealed object is smaller than what it opens to; seldom by more than this factor.
LIKELY_RATIO = 8


def retry_delay_s(attempts: int, jitter: float) -> float:
    """Seconds to wait after a deferred attempt: 30, 60, 120 … at most 3600, ±10 %.

    Args:
        attempts: made so far, at least 1.
        jitter: in [-1, 1]; drawn by the caller, so a test can fix it.
    """
    return _doubled(FIRST_DELAY_S, LONGEST_DELAY_S, attempts, jitter)


def cut_delay_s(cuts: int) -> float:
    """Seconds to wait after attempts that ended with our own process: 0, 2, 4, 8 ... at most 3600.

    Somebody stopped us, or the power went: then the instance goes on at once. Or it is what ended
    us: then it does so ever more rarely, and its neighbours pass in between.

    Args:
        cuts: in a row, at least 1.
    """
    return 0.0 if cuts == 1 else _doubled(FIRST_CUT_DELAY_S, LONGEST_DELAY_S, cuts - 1, 0.0)


def hold_s(failures: int, jitter: float) -> float:
    """Seconds to leave a destination alone: 5, 10, 20 … at most 300, ±10 %.

    Args:
        failures: of the destination in a row, at least 1.
        jitter: in [-1, 1].
    """
    return _doubled(FIRST_HOLD_S, LONGEST_HOLD_S, failures, jitter)


def _doubled(first_s: float, longest_s: float, count: int, jitter: float) -> float:
    doubled = first_s * 2 ** min(count - 1, 16)
    return float(min(doubled, longest_s)) * (1 + 0.1 * jitter)


def weight_of(delivery: Delivery) -> int:
    """Guess the most memory that sending an object takes: one block of it, at most 64 MiB."""
    carried = delivery.object
    likely = carried.dataset_bytes or carried.size_bytes * LIKELY_RATIO
    return min(likely, MAX_WEIGHT_BYTES)
