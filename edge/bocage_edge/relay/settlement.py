"""From the partner's ledger to our spool: which entries are verdicts over our objects. Pure."""

from collections.abc import Iterable

from bocage_contract.ledger import Entry
from bocage_edge.spool.types import Settlement, Verdict

SEND_AGAIN = "sealed for a box that was replaced: send the exam again"


def settlements_of(entries: Iterable[Entry]) -> list[Settlement]:
    """Pick the verdicts out of verified entries of the partner's chain, in their order.

    An object that goes to several stations is settled by the entry that says it is `done`; one
    that names no object concerns something else (an association, an exam).
    """
    return [found for entry in entries if (found := _settlement(entry)) is not None]


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
    if entry.kind == "refused":
        return Settlement(name, Verdict.REFUSED, str(entry.body.get("reason", "")))
    return None
