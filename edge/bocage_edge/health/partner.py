"""Has every partner been confirmed, and are its keys still the confirmed ones."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok
from bocage_edge.partner import Confirmed, partner_of


def findings(facts: Facts) -> list[Finding]:
    """Judge every link's partner."""
    if facts.in_force is None:
        return []
    found = []
    for link in facts.links:
        subject = f"partner {link.partner}"
        state = partner_of(link, facts.in_force.pins)
        if isinstance(state, Confirmed):
            found.append(ok(subject, "confirmed by its six words"))
        elif state.changed:
            found.append(bad(subject, f"ALARM: {state.reason}", "nothing leaves until then"))
        else:
            found.append(bad(subject, state.reason))
    return found
