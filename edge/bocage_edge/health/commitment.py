"""Do results of storage commitment reach those who asked, and do our stations vouch for theirs."""

from __future__ import annotations

from bocage_edge.exam.identity import exam_ref
from bocage_edge.health.facts import Facts, Status
from bocage_edge.health.finding import Finding, bad, ok, warning

OLD_S = 86_400.0
_LOST_HINT = (
    "have the other site send these exams again; its box lists them: bocage-edge spool again"
)


def findings(facts: Facts) -> list[Finding]:
    """Judge both sides; nothing is said where nobody asks anybody."""
    asked = facts.status("deliver").get("commitment") or []
    ours = facts.status("deliver").get("vouching") or {}
    return [
        *(_of_caller(each, facts) for each in asked),
        *(_of_station(each, ours, facts) for each in ours.get("stations") or []),
    ]


def _of_caller(said: Status, facts: Facts) -> Finding:
    subject = f"commitment {said.get('caller')}"
    count, age_s = said.get("requests"), _age_s(said, facts)
    if said.get("state") == "waiting":
        text = f"{count} requests wait for their exams, the oldest for {_hours(age_s)}"
        if age_s < OLD_S:
            return ok(subject, text)
        return warning(subject, text, "are all its instances sent, and at the station?")
    text = f"{count} results wait to be told"
    if not facts.unlocked:
        return warning(subject, f"{text}: the box is locked", "bocage-edge unlock")
    reason = said.get("reason")
    if not reason:
        return ok(subject, text)
    return warning(subject, f"{text}: {reason}", "is it on, and does it take N-EVENT-REPORT?")


def _of_station(said: Status, ours: Status, facts: Facts) -> Finding:
    subject = f"commitment {said.get('destination')}"
    count, age_s = said.get("objects"), _age_s(said, facts)
    if said.get("state") == "failed":
        refs = ", ".join(exam_ref(each) for each in ours.get("lost_exams") or [])
        text = f"ALARM: the station says that it has lost {count} instances, of exams {refs}"
        return bad(subject, text, _LOST_HINT)
    text = f"{count} instances not vouched for yet, the oldest for {_hours(age_s)}"
    reason = said.get("reason")
    if reason:
        return warning(subject, f"{text}: {reason}", "does it offer storage commitment to us?")
    return ok(subject, text) if age_s < OLD_S else warning(subject, text)


def _age_s(said: Status, facts: Facts) -> float:
    return max(facts.now - float(said.get("oldest_at") or facts.now), 0.0)


def _hours(age_s: float) -> str:
    return f"{age_s / 3600:.1f} h"
