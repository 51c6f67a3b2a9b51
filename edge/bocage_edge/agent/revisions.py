"""What became of revisions, told once each. Pure but for its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bocage_contract.fleet.events import Event, EventKind, Measure, Outcome, Why


@dataclass(slots=True)
class Revisions:
    """What the link unit said last time.

    A restart forgets it, and the first look tells nothing: what stands then is in `reported`.
    """

    trial: int | None = None
    confirmed: int | None = None
    returned: int | None = None
    refused: int | None = None

    def look(self, said: Mapping[str, Any], now: float) -> list[Event]:
        """Take in what the link unit says of the configuration; give what is new.

        Args:
            said: `configuration` of its status; empty: it has said nothing yet.
            now: Unix seconds.
        """
        if not said:
            return []
        trial = int((said.get("trial") or {}).get("revision") or 0)
        confirmed = int(said.get("confirmed") or 0)
        returned = int((said.get("returned") or {}).get("revision") or 0)
        refused = int(said.get("refused_count") or 0)
        events = []
        if self.confirmed is not None:
            if trial and trial != self.trial:
                events.append(_event(Outcome.TRIAL, trial, None, now))
            if returned != self.returned:
                why = Why((said.get("returned") or {}).get("why", Why.OTHER.value))
                events.append(_event(Outcome.RETURNED, returned, why, now))
            if confirmed > self.confirmed:
                events.append(_event(Outcome.CONFIRMED, confirmed, None, now))
            if self.refused is not None and refused > self.refused:
                events.append(_refused(said, now))
        self.trial, self.confirmed, self.returned = trial, confirmed, returned
        self.refused = refused
        return events


def _event(outcome: Outcome, revision: int, why: Why | None, now: float) -> Event:
    return Event(
        seq=1,  # given by the outbox
        at=int(now * 1000),
        kind=EventKind.CONFIGURATION,
        outcome=outcome,
        why=why,
        numbers={Measure.REVISION: revision},
    )


def _refused(said: Mapping[str, Any], now: float) -> Event:
    word = str(said.get("refused") or "")
    return Event(
        seq=1,
        at=int(now * 1000),
        kind=EventKind.REFUSED_DOCUMENT,
        outcome=Outcome.REFUSED,
        why=Why(word) if word in set(Why) else Why.OTHER,
    )
