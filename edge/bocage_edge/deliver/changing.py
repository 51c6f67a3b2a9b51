"""Which of several contents of one instance a station is given, as the convention says.

    both     each, in the order in which they came
    newest   what came last; one that has not been delivered when a newer one comes is given up
    ask      the first; a later one waits until a person lets it go or gives it up

The sender's alarm and both ledgers speak of it in any case (`changed_content`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from bocage_contract.configuration import Link
from bocage_edge.spool.contents import CHANGED, LET_GO, OtherContents, held, superseded
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, StoredObject
from bocage_system import logs

LOG = logs.get(__name__)


class Fate(Enum):
    """What becomes of an object that is due."""

    DELIVER = "deliver"
    GIVE_UP = "give up"
    HOLD = "hold"


def fate_of(rule: str, others: OtherContents, *, is_let_go: bool) -> Fate:
    """Say what becomes of one content of an instance.

    Args:
        rule: of the convention's `changed_content`.
        is_let_go: a person has decided that it is delivered.
    """
    if is_let_go:
        return Fate.DELIVER
    if rule == "newest" and others.newer:
        return Fate.GIVE_UP
    if rule == "ask" and others.older:
        return Fate.HOLD
    return Fate.DELIVER


class Changing:
    """Asks before an object is given to a lane."""

    def __init__(self, spool: Spool) -> None:
        """Use the spool."""
        self._spool = spool

    def may_go(self, carried: StoredObject, links: Mapping[str, Link], now: float) -> bool:
        """Say whether an object is to be delivered; if not, it is held or given up from now on.

        Args:
            links: by id, those at whose reading end the box stands.
            now: Unix seconds.

        Raises:
            SpoolError: the index failed.
        """
        link = links.get(carried.link)
        rule = "both" if link is None else self._rule(link, carried)
        if rule == "both":
            return True
        others = self._spool.other_contents(carried)
        fate = fate_of(rule, others, is_let_go=carried.reason == LET_GO)
        if fate is Fate.HOLD:
            self._spool.hold([carried.name], CHANGED, [held(carried, now)])
            LOG.warning("held: its content changed", object=carried.name)
        elif fate is Fate.GIVE_UP:
            self._give_up(carried, now)
        return fate is Fate.DELIVER

    def _give_up(self, carried: StoredObject, now: float) -> None:
        LOG.info("a newer content is delivered instead", object=carried.name)
        try:
            self._spool.supersede(carried.name, [superseded(carried, now)])
        except OSError as error:
            # Given up; only its file is still there, and a sweep takes it.
            LOG.warning("object file not removed", object=carried.name, errno=error.errno)

    def _rule(self, link: Link, carried: StoredObject) -> str:
        exam = self._spool.exam(Direction.IN, carried.link, carried.exam_id)
        return link.changed_content_rule(0 if exam is None else exam.version)
