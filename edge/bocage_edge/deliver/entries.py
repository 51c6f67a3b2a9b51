"""What an attempt leaves in the ledger. Pure.

Bodies hold opaque ids, numbers, and sentences of ours: no UID of an instance, no AE title.
"""

from __future__ import annotations

from bocage_contract.ledger import BodyValue, EntryDraft, draft
from bocage_edge.deliver.attempt import Attempt
from bocage_edge.deliver.outcome import Deferred, Delivered, Refused
from bocage_edge.exam.sop_class import named_sop_class
from bocage_edge.spool.types import Delivery, ObjectKind


def entries_of(
    delivery: Delivery, attempt: Attempt, now: float, *, is_last: bool, commits: bool = False
) -> list[EntryDraft]:
    """List the entries of an attempt that ended for good; none where it is tried again.

    Args:
        now: Unix seconds.
        is_last: the object goes nowhere else any more. The sender keeps it until an entry says so.
        commits: the station is asked to vouch for it; an entry `committed` says what it answers.
    """
    outcome = attempt.outcome
    if isinstance(outcome, Deferred):
        return []
    entries = []
    if attempt.is_opened:
        entries.append(_draft("opened", delivery, now))
    if isinstance(outcome, Delivered):
        if attempt.sent_as != attempt.came_as:
            entries.append(_transcoded(delivery, attempt, now))
        if attempt.coerced:
            entries.append(_coerced(delivery, attempt, now))
        entries.append(_delivered(delivery, attempt, outcome, now, is_last, commits))
        return entries
    if attempt.is_corrupt:
        entries.append(_draft("corrupt", delivery, now, reason=outcome.reason))
    entries.append(_refused(delivery, outcome, now, is_last))
    return entries


def deferral_entries(delivery: Delivery, attempt: Attempt, now: float) -> list[EntryDraft]:
    """List the entries of an attempt that is made again: once, that no key here opens the object.

    The sender may send the exam again, sealed to the keys that are here now.

    Args:
        now: Unix seconds.
    """
    outcome = attempt.outcome
    if isinstance(outcome, Delivered) or not attempt.is_without_key:
        return []
    is_known = delivery.reason == outcome.reason
    return [] if is_known else [_draft("cannot_open", delivery, now, reason=outcome.reason)]


def _delivered(
    delivery: Delivery,
    attempt: Attempt,
    outcome: Delivered,
    now: float,
    is_last: bool,
    commits: bool,
) -> EntryDraft:
    # Said only where it is so: nobody could compare them with the hospital's own.
    unproven = {"identifiers": "unproven"} if attempt.is_unproven else {}
    if attempt.acknowledged:
        how: dict[str, str | int] = {"acknowledged": attempt.acknowledged}
    else:
        how = {
            "sop_class": named_sop_class(attempt.sop_class),
            "transfer_syntax": attempt.sent_as,
            "status": outcome.status,
        }
    return _draft(
        "delivered",
        delivery,
        now,
        destination=delivery.destination,
        tls=False,
        bytes=attempt.sent_bytes,
        done=is_last,
        **how,
        **unproven,
        **({"commits": True} if commits else {}),
    )


def _coerced(delivery: Delivery, attempt: Attempt, now: float) -> EntryDraft:
    what: list[BodyValue] = list(attempt.coerced)
    return _draft("coerced", delivery, now, destination=delivery.destination, what=what)


def _transcoded(delivery: Delivery, attempt: Attempt, now: float) -> EntryDraft:
    body = {"from": attempt.came_as, "to": attempt.sent_as}
    return _draft("transcoded", delivery, now, destination=delivery.destination, **body)


def _refused(delivery: Delivery, outcome: Refused, now: float, is_last: bool) -> EntryDraft:
    return _draft(
        "refused",
        delivery,
        now,
        destination=delivery.destination,
        scope=outcome.scope.value,
        reason=outcome.reason,
        done=is_last,
    )


def _draft(
    kind: str, delivery: Delivery, now: float, **more: BodyValue | list[BodyValue]
) -> EntryDraft:
    carried = delivery.object
    if carried.kind is not ObjectKind.INSTANCE:
        more["document"] = carried.kind.value
    return draft(
        kind, now, object=carried.name, exam_id=carried.exam_id, digest=carried.digest, **more
    )
