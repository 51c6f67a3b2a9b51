"""Has the spool room, and does anything lie in it that needs a person."""

from __future__ import annotations

from collections import Counter

from bocage_edge.exam.identity import exam_ref
from bocage_edge.exam.matching import HELD_IN_WORDS
from bocage_edge.health.facts import Facts, SpoolSeen
from bocage_edge.health.finding import Finding, bad, ok, warning
from bocage_edge.spool.types import ObjectState

OLD_S = 3600.0
_SHOWN_EXAMS = 8
_NEEDS_SOMEBODY = (ObjectState.REFUSED, ObjectState.CORRUPT)
_WORKING = (ObjectState.QUEUED, ObjectState.ARRIVED, ObjectState.OPENED)


def findings(facts: Facts) -> list[Finding]:
    """Judge room, age and what needs a person."""
    seen = facts.spool
    if seen.fault:
        return [bad("spool", seen.fault)]
    return [_room(seen), *_ages(facts), *_kept(seen)]


def _room(seen: SpoolSeen) -> Finding:
    objects = sum(corner.objects for corner in seen.backlog)
    size_bytes = sum(corner.size_bytes for corner in seen.backlog)
    text = f"{objects} objects, {size_bytes:,} bytes; {seen.free_bytes >> 20:,} MiB free"
    if seen.free_bytes < seen.reserve_bytes:
        return bad("spool", f"FULL: {text}", "nothing is taken in until objects have left")
    if seen.free_bytes < 4 * seen.reserve_bytes:
        return warning("spool", f"getting full: {text}")
    return ok("spool", text)


def _ages(facts: Facts) -> list[Finding]:
    ages = (each.oldest_accepted_at for each in facts.spool.backlog if each.state in _WORKING)
    oldest = min((at for at in ages if at is not None), default=facts.now)
    age_s = facts.now - oldest
    if age_s < OLD_S:
        return []
    return [warning("backlog", f"the oldest waiting object has been here for {age_s / 3600:.1f} h")]


def _kept(seen: SpoolSeen) -> list[Finding]:
    found = []
    if seen.refused:
        shown = ", ".join(exam_ref(each.exam_id) for each in seen.refused[:_SHOWN_EXAMS])
        more = "" if len(seen.refused) <= _SHOWN_EXAMS else " and others"
        hint = "send these exams again from the modality or the PACS; see: bocage-edge spool again"
        found.append(bad("exams", f"not taken by the partner: {shown}{more}", hint))
    for state in _NEEDS_SOMEBODY:
        count = sum(corner.objects for corner in seen.backlog if corner.state is state)
        if count:
            found.append(bad("spool", f"{count} objects are {state} and kept; they need a person"))
    if seen.unmatched:
        found.append(_unmatched(seen))
    for want in seen.held_for_want:
        hint = "name a destination that can take it in the link's deliver rule; it goes by itself"
        text = f"{want.objects} of kind {want.kind} held: {want.reason}"
        found.append(warning(f"deliver {want.link}", text, hint))
    held = sum(corner.held for corner in seen.backlog)
    held -= len(seen.unmatched) + len(seen.requests)
    held -= sum(want.objects for want in seen.held_for_want)
    if held > 0:
        found.append(
            warning("spool", f"{held} objects are held back: cancelled, changed, or by a person")
        )
    return found


def _unmatched(seen: SpoolSeen) -> Finding:
    reasons = Counter(each.doubt.reason for each in seen.unmatched)
    said = "; ".join(
        f"{count}: {text}"
        for word, text in HELD_IN_WORDS.items()
        if (count := reasons.get(word.value, 0))
    )
    text = f"{len(seen.unmatched)} wait for somebody to say which exam they answer ({said})"
    hint = "bocage-edge reports list, then reports match or reports refuse"
    return bad("reports", text, hint)
