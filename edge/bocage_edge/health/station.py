"""Does every AE that we deliver to answer a C-ECHO, and does it take what we send."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning
from bocage_edge.spool.types import DeliveryState


def findings(facts: Facts) -> list[Finding]:
    """Judge every destination."""
    found = [
        ok(f"AE {seen.name}", f"answers, {seen.took_ms} ms")
        if seen.is_there
        else bad(f"AE {seen.name}", seen.reason, "is it on, and does it know our AE title?")
        for seen in facts.stations
    ]
    for corner in facts.spool.deliveries:
        if corner.state is DeliveryState.REFUSED:
            found.append(
                warning(f"AE {corner.destination}", f"refused {corner.deliveries} for good")
            )
    return found
