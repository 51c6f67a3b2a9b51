"""From the partner's ledger to our spool: which entries are verdicts over our objects. Pure."""

import re
from collections.abc import Iterable

from bocage_contract.ledger import Entry
from bocage_edge.spool.contents import SUPERSEDED, SUPERSEDED_SCOPE
from bocage_edge.spool.station_commitments import FarCommitment
from bocage_edge.spool.types import OBJECT_NAME_PATTERN, Settlement, Verdict

_NAME = re.compile(OBJECT_NAME_PATTERN)
_LABEL = re.compile(r"[a-z0-9_-]{1,32}")
SEND_AGAIN = "sealed for a box that was replaced: send the exam again"


def settlements_of(entries: Iterable[Entry]) -> list[Settlement]:
    """Pick the verdicts out of verified entries of the partner's chain, in their order.

    An object that goes to several stations is settled by the entry that says it is `done`; one
    that names no object concerns something else (an association, an exam).
    """
    return [found for entry in entries if (found := _settlement(entry)) is not None]


def commitments_of(entries: Iterable[Entry]) -> list[FarCommitment]:
    """Pick out what the partner's stations are asked to vouch for, and what they have answered.

    A body that breaks the form is passed over.
    """
    return [found for entry in entries if (found := _commitment(entry)) is not None]


def _commitment(entry: Entry) -> FarCommitment | None:
    name, destination = entry.body.get("object"), entry.body.get("destination")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    if not isinstance(destination, str) or not _LABEL.fullmatch(destination):
        return None
    if entry.kind == "delivered" and entry.body.get("commits") is True:
        return FarCommitment(name, destination, None)
    ok = entry.body.get("ok")
    if entry.kind == "committed" and isinstance(ok, bool):
        return FarCommitment(name, destination, ok)
    if entry.kind == "committed" and entry.body.get("answered") is False:
        return FarCommitment(name, destination, None, is_withdrawn=True)
    return None


def _settlement(entry: Entry) -> Settlement | None:
    name = entry.body.get("object")
    if not isinstance(name, str) or entry.body.get("done", True) is not True:
        return None
    if entry.kind == "delivered":
        return Settlement(name, Verdict.DELIVERED)
    if entry.kind == "cannot_open":
        # Its box was replaced. Once the exam was sent again, or the old recovery key typed there,
        # a later entry says `delivered`.
        return Settlement(name, Verdict.REFUSED, SEND_AGAIN)
    if entry.kind == "refused" and entry.body.get("scope") == SUPERSEDED_SCOPE:
        return Settlement(name, Verdict.REFUSED, SUPERSEDED)
    if entry.kind == "refused":
        return Settlement(name, Verdict.REFUSED, str(entry.body.get("reason", "")))
    return None
