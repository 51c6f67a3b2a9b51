"""Where objects go that had no destination when they came: sought again with every configuration.

Nothing is dropped for want of a place: it is held with a reason, in the ledger as well, and goes
out by itself once the configuration has a destination that can take it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bocage_contract.configuration import Desired
from bocage_contract.destination import NOTHING_NAMED, takers
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import StoredObject
from bocage_system import logs

LOG = logs.get(__name__)


def destinations_of(desired: Desired, carried: StoredObject) -> list[str] | str:
    """Name where an object goes, or say why nowhere."""
    link = desired.link(carried.link)
    if link is None:
        return NOTHING_NAMED
    rule = link.destinations_for(carried.klass)
    found = takers([it for it in desired.destinations if it.name in rule], carried.kind.value)
    return found if isinstance(found, str) else [there.name for there in found]


class Directing:
    """For one thread."""

    def __init__(self, spool: Spool) -> None:
        """Have looked at no configuration yet."""
        self._spool = spool
        self._revision = 0

    def step(self, now: float, desired: Desired | None) -> bool:
        """Seek a destination for what has none: what is new, or all where the revision is.

        Args:
            now: Unix seconds.
            desired: None where there is no usable configuration.

        Returns:
            Whether the ledger has something to take.
        """
        if desired is None:
            return False
        waiting: Iterable[StoredObject] = self._spool.not_directed_yet()
        if desired.revision != self._revision:
            waiting = _all(self._spool.without_destination)
            self._revision = desired.revision
        changed = [self._direct(each, desired, now) for each in waiting]
        return any(changed)

    def _direct(self, carried: StoredObject, desired: Desired, now: float) -> bool:
        found = destinations_of(desired, carried)
        if isinstance(found, str):
            held = _entry("held", carried, now, reason=found)
            return self._spool.hold_without_destination(carried.name, found, [held])
        try:
            self._spool.deliver_to(carried.name, found, [_entry("released", carried, now)])
        except SpoolError as error:
            LOG.warning("object not directed", object=carried.name, reason=str(error))
            return False
        return True


def _all(page: Callable[[str], list[StoredObject]]) -> Iterable[StoredObject]:
    after = ""
    while found := page(after):
        yield from found
        after = found[-1].name


def _entry(kind: str, carried: StoredObject, now: float, **more: str) -> EntryDraft:
    return draft(
        kind, now, object=carried.name, exam_id=carried.exam_id, digest=carried.digest, **more
    )
