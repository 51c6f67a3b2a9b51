"""What receive wants somebody to look at of exams and reports that the convention speaks of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bocage_contract.convention.versions import governing
from bocage_edge.exam.identity import exam_ref
from bocage_edge.health.facts import Facts, Status
from bocage_edge.health.finding import Finding, warning

# So long somebody may still have to be told; later the watch speaks of it, or nobody has to.
OUTSIDE_TOLD_S = 12 * 3600.0
_SEE = "see: bocage-edge exam list, bocage-edge convention show"
# Other alarms of receive (reports and requests that are held) have probes of their own.
_WORDS = {
    "undecided": "{count} exams have companions only: no image came that decides, send the images",
    "request_missing": "{count} exams came without the request that was agreed on",
    "volume": "the agreed volume is nearly used up, or exceeded",
    "report_format": "{count} reports came in a format nobody agreed on; they travel all the same",
}


def findings(facts: Facts) -> list[Finding]:
    """Say it once for a link and a code."""
    alarms = facts.status("receive").get("alarms") or []
    counted = Counter((str(each.get("link")), each.get("code")) for each in alarms)
    return [
        warning(f"exams {link}", _WORDS[code].format(count=count), _SEE)
        for (link, code), count in counted.items()
        if code in _WORDS
    ] + _outside(alarms, facts)


def _outside(alarms: Iterable[Status], facts: Facts) -> list[Finding]:
    """Name the urgent exams that came while nobody reads, and whom the convention wants told."""
    found: dict[str, list[str]] = {}
    for each in alarms:
        is_recent = facts.now - float(each.get("at") or 0) < OUTSIDE_TOLD_S
        if each.get("code") == "urgent_outside" and is_recent:
            found.setdefault(str(each.get("link")), []).append(exam_ref(str(each["exam_id"])))
    return [
        warning(
            f"exams {link}",
            f"URGENT outside the slots: {', '.join(refs)}",
            f"tell {_whom(link, facts)}",
        )
        for link, refs in found.items()
    ]


def _whom(link: str, facts: Facts) -> str:
    """Name the people of the version in force, with their numbers."""
    configured = next((each for each in facts.links if each.id == link), None)
    versions = [each.convention for each in configured.conventions] if configured else []
    ruling = governing(versions, facts.now)
    people = [f"{each.name} {each.phone}".strip() for each in ruling.urgent.tell] if ruling else []
    return ", ".join(people) or "the practice"
