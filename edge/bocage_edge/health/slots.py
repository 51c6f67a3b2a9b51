"""Will every slot have its exams, is every urgent one through, is every report there in time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bocage_edge.exam.watch import REPORT_OVERDUE, SLOT_MISSED, URGENT_WAITING
from bocage_edge.health.facts import Facts, Status
from bocage_edge.health.finding import Finding, bad, ok, warning


def findings(facts: Facts) -> list[Finding]:
    """Judge every link by the alarms that stand; of one without slots nothing is said."""
    return [
        finding
        for link in facts.links
        if link.conventions or _says_something(facts.link_status("relay", link.id))
        for finding in _of_link(facts, link.id)
    ]


def _says_something(status: Status) -> bool:
    return bool(status.get("alarms") or status.get("slots"))


def _of_link(facts: Facts, link: str) -> list[Finding]:
    alarms = facts.link_status("relay", link).get("alarms") or []
    found = [_finding(f"exams {link}", alarm, facts) for alarm in alarms]
    if not found:
        found = [_expected(link, slot, facts) for slot in _expected_slots(facts, link)]
    opens_at = (facts.link_status("relay", link).get("outgoing") or {}).get("window_opens_at")
    if opens_at is None:
        return found or [ok(f"exams {link}", "none is late")]
    text = f"routine exams wait for the window until {_time(opens_at, facts)}"
    return [*found, ok(f"exams {link}", text)]


def _expected_slots(facts: Facts, link: str) -> list[Status]:
    slots = facts.link_status("relay", link).get("slots") or []
    return [each for each in slots if each.get("estimate_at") is not None]


def _expected(link: str, slot: Status, facts: Facts) -> Finding:
    return ok(
        f"exams {link}",
        f"{slot.get('exams')} exams to be there by {_time(slot.get('arrive_by'), facts)}"
        f" are expected at {_time(slot.get('estimate_at'), facts)}",
    )


def _finding(subject: str, alarm: Status, facts: Facts) -> Finding:
    match alarm.get("code"):
        case code if code == SLOT_MISSED:
            at = alarm.get("estimate_at")
            when = "nobody can say when" if at is None else f"expected at {_time(at, facts)}"
            return bad(
                subject,
                f"SLOT of {_time(alarm.get('slot_from'), facts)} will be missed:"
                f" {alarm.get('exams')} exams, {alarm.get('instances')} instances,"
                f" {alarm.get('bytes')} bytes are not there; {when}",
                "tell the practice, and look at the tunnel",
            )
        case code if code == URGENT_WAITING:
            return bad(
                subject,
                f"URGENT exam {alarm.get('exam_ref')} has waited for {alarm.get('waiting_s')} s",
                "telephone the practice",
            )
        case code if code == REPORT_OVERDUE:
            due = _time(alarm.get("report_due"), facts)
            return warning(
                subject,
                f"the report of exam {alarm.get('exam_ref')} was due at {due}",
                "telephone the practice",
            )
        case code:
            return warning(subject, f"alarm {code}")


def _time(at: object, facts: Facts) -> str:
    if not isinstance(at, int | float) or facts.in_force is None:
        return "an unknown time"
    zone = ZoneInfo(facts.in_force.desired.site.timezone)
    return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M")
