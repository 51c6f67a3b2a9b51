"""Does every station that we deliver to answer, and does it take what we send."""

from __future__ import annotations

from bocage_edge.health.facts import Facts, StationSeen
from bocage_edge.health.finding import Finding, bad, ok, warning
from bocage_edge.spool.types import DeliveryState

_ADVICE = {
    "dicom": "is it on, and does it know our AE title?",
    "hl7": "is it on, and does it listen for HL7 (MLLP) on this port?",
}


def findings(facts: Facts) -> list[Finding]:
    """Judge every destination."""
    labels = {seen.name: _label(seen) for seen in facts.stations}
    found = [
        ok(labels[seen.name], f"answers, {seen.took_ms} ms")
        if seen.is_there
        else bad(labels[seen.name], seen.reason, _ADVICE[seen.kind])
        for seen in facts.stations
    ]
    for corner in facts.spool.deliveries:
        if corner.state is DeliveryState.REFUSED:
            label = labels.get(corner.destination, f"AE {corner.destination}")
            found.append(warning(label, f"refused {corner.deliveries} for good"))
    return found


def _label(seen: StationSeen) -> str:
    return f"{'HL7' if seen.kind == 'hl7' else 'AE'} {seen.name}"
