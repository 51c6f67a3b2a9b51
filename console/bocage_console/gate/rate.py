"""How often an address may try: a bucket for each, filled by time. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

_REMEMBERED = 10_000


@dataclass(slots=True)
class Limiter:
    """So many tries at once, and so many a minute after them.

    Args:
        burst: tries that are free.
        per_minute: tries that come back each minute.
    """

    burst: int
    per_minute: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def may_try(self, who: str, now: float) -> bool:
        """Count one try; False: too many.

        Args:
            now: seconds of a clock that only goes forward.
        """
        left, at = self._left.pop(who, (float(self.burst), now))
        left = min(float(self.burst), left + (now - at) * self.per_minute / 60)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, now)
        while len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return allowed
