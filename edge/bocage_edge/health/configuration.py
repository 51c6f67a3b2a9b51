"""Is there a configuration, and does every unit work by it."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning

_BY_REVISION = ("link", "receive", "deliver")


def findings(facts: Facts) -> list[Finding]:
    """Judge the configuration and who is behind it."""
    if facts.in_force is None:
        return [bad("configuration", facts.fault, "load one: bocage-edge config load FILE")]
    revision = facts.in_force.desired.revision
    behind = [
        f"{unit} works by {status['revision']}"
        for unit in _BY_REVISION
        if (status := facts.status(unit)).get("revision") not in (None, revision)
    ]
    if behind:
        return [warning("configuration", f"revision {revision}; {'; '.join(behind)}")]
    return [ok("configuration", f"revision {revision}, signed, for this box")]
