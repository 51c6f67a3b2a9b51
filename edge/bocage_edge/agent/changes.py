"""What began and what ended between two looks at a box. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bocage_contract.fleet.events import Event, EventKind, Measure
from bocage_contract.fleet.health import Code, Condition
from bocage_contract.fleet.wording import WORDINGS
from bocage_edge.agent.conditions import Found

Key = tuple[Code, str | None, str | None]


@dataclass(slots=True)
class Standing:
    """The conditions that hold, since when, and which of them were told.

    A condition is told once it has held for its delay (`fleet/wording`), so that a tunnel that is
    down for two seconds is nobody's business; one that was never told does not end either.
    """

    _since: dict[Key, float] = field(default_factory=dict)
    _told: dict[Key, Found] = field(default_factory=dict)

    def look(self, found: Iterable[Found], now: float) -> list[Event]:
        """Take in what holds now; give what is to be told.

        Args:
            now: Unix seconds.
        """
        holding = {each.key: each for each in found}
        self._since = {key: self._since.get(key, now) for key in holding}
        events = []
        for key in [key for key in self._told if key not in holding]:
            events.append(_event(EventKind.CONDITION_ENDED, self._told.pop(key), now))
        for key, each in holding.items():
            if key in self._told:
                self._told[key] = each
            elif now - self._since[key] >= WORDINGS[each.code].delay_s:
                self._told[key] = each
                events.append(_event(EventKind.CONDITION_BEGAN, each, now))
        return events

    def conditions(self) -> list[Condition]:
        """Give what holds and was told."""
        return [
            Condition(
                code=each.code,
                severity=WORDINGS[each.code].severity,
                since=int(self._since[key]),
                link=each.link,
                destination=each.destination,
                number=each.number,
            )
            for key, each in self._told.items()
        ]


def _event(kind: EventKind, found: Found, now: float) -> Event:
    return Event(
        seq=1,  # given by the outbox
        at=int(now * 1000),
        kind=kind,
        code=found.code,
        severity=WORDINGS[found.code].severity,
        link=found.link,
        destination=found.destination,
        numbers={} if found.number is None else {Measure.COUNT: found.number},
    )
