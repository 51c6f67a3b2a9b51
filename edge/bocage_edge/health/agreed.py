"""What receive wants somebody to look at of exams and reports that the convention speaks of."""

from __future__ import annotations

from collections import Counter

from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding, warning

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
    ]
