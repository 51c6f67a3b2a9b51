"""When work stood still, read from what the ledgers say: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which something waited and nothing was done; Unix seconds."""

    begin: float
    end: float

    def since_blow(self, blows: Iterable[float]) -> float:
        """Seconds from the last blow in it, or its beginning, to its end."""
        inside = (blow for blow in blows if self.begin <= blow < self.end)
        return self.end - max([self.begin, *inside])


def pauses(ready: Mapping[str, float], done: Mapping[str, float]) -> Sequence[Pause]:
    """List the times between two things done in which at least one waited.

    Args:
        ready: when each thing could have been done.
        done: when it was; a thing that is missing here waits for ever.
    """
    ends = sorted({*done.values()})
    found = []
    previous = -math.inf
    for end in ends:
        waiting = [at for name, at in ready.items() if at < end and done.get(name, math.inf) >= end]
        if waiting:
            found.append(Pause(max(previous, min(waiting)), end))
        previous = end
    return found
