"""What is known of each destination since the start, and how it is told in the unit's status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bocage_contract.destination import Destination
from bocage_edge.deliver.echo import EchoResult
from bocage_edge.deliver.hold import Standing
from bocage_edge.spool.types import DeliveryBacklog, DeliveryState, DestinationPause


@dataclass(slots=True)
class Station:
    """One destination, as deliver has seen it; times are Unix seconds."""

    standing: Standing = field(default_factory=Standing)
    last_success_at: float | None = None
    last_refusal: str | None = None
    asked_at: float | None = None
    echo: EchoResult | None = None
    configured: Destination | None = None
    is_resting: bool = False
    is_to_be_asked: bool = False
    asked_revision: int = 0
    rests_until: float = 0.0


def said_of_all(
    stations: Mapping[str, Station],
    destinations: Mapping[str, Destination],
    backlog: Iterable[DeliveryBacklog],
    pauses: Iterable[DestinationPause],
    now: float,
) -> dict[str, dict[str, Any]]:
    """Tell of every destination that is configured, or that something waits for."""
    counts = {(each.destination, each.state): each.deliveries for each in backlog}
    resting = {pause.destination: pause for pause in pauses if pause.due_at > now}
    names = {*destinations, *(name for name, _ in counts)}
    return {
        name: {
            "is_configured": name in destinations,
            "due": counts.get((name, DeliveryState.DUE), 0),
            "refused": counts.get((name, DeliveryState.REFUSED), 0),
            "held_until": resting[name].due_at if name in resting else None,
            "held_reason": resting[name].reason if name in resting else None,
            **_said_of(stations.get(name, Station())),
        }
        for name in sorted(names)
    }


def _said_of(station: Station) -> dict[str, Any]:
    echo = station.echo
    return {
        "last_success_at": station.last_success_at,
        "last_refusal": station.last_refusal,
        "echo_at": station.asked_at if echo else None,
        "echo_ok": echo.is_there if echo else None,
        "echo_reason": echo.reason if echo else None,
        "echo_ms": echo.took_ms if echo else None,
        "echo_revision": station.asked_revision if echo else None,
    }
