"""Does the site's audit repository get its messages, and how many wait."""

from __future__ import annotations

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, bad, ok, warning

SUBJECT = "audit"
FULL_SHARE = 0.8  # of the queue, from where a person must look
UNREACHABLE_S = 600.0
_HINT = "is the audit repository on, and is its certificate the one in the configuration?"


def findings(facts: Facts) -> list[Finding]:
    """Judge the queue; of a site without a repository nothing is said."""
    if facts.in_force is None or facts.in_force.desired.audit is None:
        return []
    said = facts.status("deliver").get("audit")
    if not said:
        return [warning(SUBJECT, "deliver has said nothing of it yet")]
    found = [*_room(said), *_fault(said), *_reach(said, facts.now)]
    return found or [ok(SUBJECT, f"{said.get('waiting', 0)} messages wait")]


def _room(said: dict[str, object]) -> list[Finding]:
    waiting, limit = _number(said.get("waiting")), _number(said.get("limit"))
    if said.get("full"):
        text = f"FULL: {waiting:.0f} messages wait; what comes stays in the ledger meanwhile"
        return [bad(SUBJECT, text, _HINT)]
    if limit and waiting >= FULL_SHARE * limit:
        return [bad(SUBJECT, f"{waiting:.0f} of {limit:.0f} messages wait", _HINT)]
    return []


def _fault(said: dict[str, object]) -> list[Finding]:
    fault = said.get("fault")
    return [warning(SUBJECT, f"messages wait: {fault}")] if fault else []


def _reach(said: dict[str, object], now: float) -> list[Finding]:
    waiting = f"{_number(said.get('waiting')):.0f} messages wait{_age(said, now)}"
    if said.get("locked"):
        return [
            warning(
                SUBJECT,
                f"LOCKED: whose exam it was is sealed; {waiting}",
                "type the paper code: bocage-edge unlock",
            )
        ]
    since = said.get("unreachable_since")
    if not isinstance(since, int | float):
        return []
    minutes = max(0.0, now - since) / 60
    text = f"repository not reached for {minutes:.0f} min ({said.get('reason')}); {waiting}"
    is_long = now - since >= UNREACHABLE_S
    return [bad(SUBJECT, text, _HINT) if is_long else warning(SUBJECT, text, _HINT)]


def _age(said: dict[str, object], now: float) -> str:
    oldest = said.get("oldest_at")
    if not isinstance(oldest, int | float):
        return ""
    return f", the oldest for {max(0.0, now - oldest) / 3600:.1f} h"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
