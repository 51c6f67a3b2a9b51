"""How the report of an exam stands, by everything that was sent of it. Pure.

    preliminary   a report that says it is not the last word; meets no due time
    final         the report; the due time is met once it is delivered
    addendum      adds to a report; the one it adds to goes on counting
    replacement   stands in a report's place; the due time stays met since the first
    deletion      takes back every report of the exam that was sent before: it is due again

Each of them travels. Only a final one meets the due time: an addendum or a replacement belongs to
one that came before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ReportState(StrEnum):
    """What a report is; the words are those of the ledger, in the order of how much they tell."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    ADDENDUM = "addendum"
    REPLACEMENT = "replacement"
    DELETION = "deletion"


# Of a report that came before: what comes after is no first one.
FINAL_ONCE = frozenset({ReportState.FINAL, ReportState.ADDENDUM, ReportState.REPLACEMENT})
_RANKS = {state.value: rank for rank, state in enumerate(ReportState, 1)}


@dataclass(frozen=True, slots=True)
class ReportSeen:
    """One report of an exam; its times are all of one unit and clock.

    Args:
        state: a word that a later release knows counts for nothing.
        at: when the ledger was told that it is one.
        delivered_at: at the hospital; None: not yet.
    """

    state: str
    at: float
    delivered_at: float | None


@dataclass(frozen=True, slots=True)
class ReportStanding:
    """How it stands.

    Args:
        state: what tells most of those that hold; empty: none was sent.
        met_at: when the first final one that holds was delivered; None: it is still due.
    """

    state: str = ""
    met_at: float | None = None


def standing_of(seen: Iterable[ReportSeen]) -> ReportStanding:
    """Say how the report of one exam stands.

    Args:
        seen: in any order.
    """
    known = [each for each in seen if each.state in _RANKS]
    taken_back = max(
        (each.at for each in known if each.state == ReportState.DELETION), default=None
    )
    holding = [each for each in known if taken_back is None or each.at > taken_back]
    if not holding:
        return ReportStanding(ReportState.DELETION if known else "")
    delivered = [
        each.delivered_at
        for each in holding
        if each.state == ReportState.FINAL and each.delivered_at is not None
    ]
    best = max(holding, key=lambda each: _RANKS[each.state])
    return ReportStanding(best.state, min(delivered, default=None))
