"""Is the box unlocked: a locked one takes everything in, and delivers nothing."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok


def findings(facts: Facts) -> list[Finding]:
    """Judge the lock."""
    if facts.unlocked:
        return [ok("lock", "unlocked until the power goes")]
    return [
        bad(
            "lock",
            "LOCKED: it receives, seals and relays, but deliveries wait",
            "type the paper code: bocage-edge unlock",
        )
    ]
