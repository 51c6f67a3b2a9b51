"""Are the box's processes alive: each says so every few seconds."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning
from bocage_edge.units import AGENT, KEEPER, UNITS

STALE_S = 20.0


def findings(facts: Facts) -> list[Finding]:
    """Judge every unit by the age of its last word, the keeper by its answer."""
    keeper = (
        bad("keeper", facts.keeper_fault, "look: journalctl -u bocage-keeper")
        if facts.keeper_fault
        else ok("keeper", "answers; the ledger is whole")
    )
    others = [unit for unit in UNITS if unit is not KEEPER]
    if not _has_console(facts):
        others.remove(AGENT)
    return [keeper, *(_judge(facts, unit.name) for unit in others)]


def _has_console(facts: Facts) -> bool:
    """Whether the box is to speak with one; an agent that runs all the same is judged as well."""
    in_force = facts.in_force
    configured = in_force is not None and in_force.desired.console is not None
    return configured or facts.statuses.get(AGENT.name) is not None


def _judge(facts: Facts, unit: str) -> Finding:
    status = facts.statuses.get(unit)
    hint = f"look: journalctl -u bocage-{unit}"
    if status is None:
        return bad(unit, "has not said anything since the start", hint)
    age_s = facts.now - float(status.get("at", 0))
    if age_s > STALE_S:
        return bad(unit, f"was last heard of {age_s:.0f} s ago", hint)
    faults = _faults(status.get("faults")) + _faults(status.get("fault"))
    return warning(unit, "; ".join(faults), hint) if faults else ok(unit, "runs")


def _faults(said: object) -> list[str]:
    if isinstance(said, dict):
        return [f"{name}: {text}" for name, text in said.items() if text]
    if isinstance(said, list):
        return [str(text) for text in said if text]
    return [str(said)] if said else []
