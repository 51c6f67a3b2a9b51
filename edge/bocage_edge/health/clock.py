"""Can the box's clock be believed."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning


def findings(facts: Facts) -> list[Finding]:
    """Judge the clock by what the link unit says of it."""
    said = facts.status("link").get("clock") or {}
    match said.get("state"):
        case None:
            return [warning("clock", "nothing is known of it")]
        case "attested":
            return [ok("clock", "agrees with a time server or a partner")]
        case "plausible":
            return [warning("clock", "plausible, but nobody vouches for it", "reach a time server")]
        case state:
            return [bad("clock", f"is {state}", "set it, or let it reach a time server")]
