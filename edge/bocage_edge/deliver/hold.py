"""Whether a destination is to be left alone for a while. Pure.

A station that cannot be reached, rejects us or is out of resources is held at once. One that ends
the association in the middle of an instance, or does not answer, may choke on that instance only:
the instance waits by itself, and only several in a row hold the station. So neither a station that
is down makes us try every instance in turn, nor one poisoned instance stops its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage_edge.deliver.outcome import Deferred, Outcome, Refused, Scope

STRIKES_TO_HOLD = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How it went with a destination lately.

    Args:
        failures: holds in a row; while there are any, one attempt at a time probes it.
        strikes: instances in a row whose end the station did not tell.
    """

    failures: int = 0
    strikes: int = 0

    @property
    def is_probing(self) -> bool:
        """Whether only one attempt at a time may be made."""
        return self.failures > 0


def after(standing: Standing, outcome: Outcome, *, is_untold: bool) -> tuple[Standing, bool]:
    """Say how a destination stands after an attempt, and whether to hold it now.

    Args:
        is_untold: the association stood, but the station did not tell the end of the instance.
    """
    if is_untold:
        strikes = standing.strikes + 1
        if strikes < STRIKES_TO_HOLD:
            return Standing(standing.failures, strikes), False
        return Standing(standing.failures + 1, 0), True
    if isinstance(outcome, Deferred | Refused) and outcome.scope is not Scope.INSTANCE:
        return Standing(standing.failures + 1, 0), True
    return Standing(), False
