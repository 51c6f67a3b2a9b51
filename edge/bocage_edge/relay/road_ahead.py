"""How the line will stand: windows and caps to come, as stretches in which nothing changes. Pure.

Between two minutes at which some wall clock shows an hour that a window or a cap names, or midnight
(when another version may govern), nothing changes; so the stretches are found without looking at
every minute.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bocage_contract.capacity import CapWindow, mbit_at
from bocage_contract.convention.calendar import DAY, instant, time_of
from bocage_contract.convention.model import Convention
from bocage_edge.exam.arrival import Stretch
from bocage_edge.relay.windows import agreed_caps, is_open_at

# Nobody waits longer for a slot; behind it the last stretch is taken to go on.
LOOK_AHEAD_DAYS = 9
_BYTES_S_A_MBIT = 1_000_000 / 8
_MIDNIGHT = "00:00"


@dataclass(frozen=True, slots=True)
class Rules:
    """What bounds the line of one link.

    Args:
        versions: of the agreement: windows and agreed caps.
        caps: the link's own, by the clock of `timezone`.
    """

    versions: Sequence[Convention]
    caps: Sequence[CapWindow]
    timezone: str


def stretches(rules: Rules, goodput_bytes_s: float, now: float) -> Iterator[Stretch]:
    """Give the stretches from now on.

    A cap above the measured speed does not make the line faster: how fast it would be, nobody has
    measured.

    Args:
        goodput_bytes_s: measured lately.
    """
    last = _stretch(rules, goodput_bytes_s, now)
    yield last
    for at in _changes(rules, now):
        following = _stretch(rules, goodput_bytes_s, at)
        if (following.bytes_s, following.is_open) != (last.bytes_s, last.is_open):
            yield following
            last = following


def _stretch(rules: Rules, goodput_bytes_s: float, at: float) -> Stretch:
    agreed, zone = agreed_caps(rules.versions, at)
    caps = [mbit_at(rules.caps, rules.timezone, at), mbit_at(agreed, zone, at)]
    speeds = [mbit * _BYTES_S_A_MBIT for mbit in caps if mbit is not None]
    return Stretch(at, min([goodput_bytes_s, *speeds]), is_open_at(rules.versions, at))


def _changes(rules: Rules, now: float) -> Iterator[float]:
    """Give instants after now at which something may change, in order."""
    clocks = [(ZoneInfo(rules.timezone), _times_of_caps(rules.caps))]
    clocks += [(ZoneInfo(each.timezone), _times_of(each)) for each in rules.versions]
    first = datetime.datetime.fromtimestamp(now, datetime.UTC).date() - DAY
    found: set[int] = set()
    for number in range(LOOK_AHEAD_DAYS + 2):
        for zone, times in clocks:
            for time in times:
                found |= _showings(first + number * DAY, time_of(time), zone)
    yield from (float(at) for at in sorted(found) if at > now)


def _showings(day: datetime.date, time: datetime.time, zone: ZoneInfo) -> set[int]:
    """Give the instants at which a clock may show a time: two where it goes back over it."""
    wall = datetime.datetime.combine(day, time, zone)
    return {
        instant(day, time, zone),
        int(wall.timestamp()),
        int(wall.replace(fold=1).timestamp()),
    }


def _times_of(convention: Convention) -> set[str]:
    windows = convention.transfer.routine
    times = _times_of_caps(convention.transfer.cap_mbit)
    if windows != "always":
        times |= {time for each in windows for time in (each.start, each.end)}
    return times


def _times_of_caps(caps: Sequence[CapWindow]) -> set[str]:
    # The hours around a change of the clocks as well: a wall clock jumps there.
    return {_MIDNIGHT, "01:00", "02:00", "03:00"} | {
        time for each in caps for time in (each.start, each.end)
    }
