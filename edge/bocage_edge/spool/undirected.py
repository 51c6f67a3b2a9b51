"""Objects from the partner that no configured destination can take: held, until one can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.rows import NOT_DIRECTED, OBJECT_COLUMNS, WITHOUT_DESTINATION, object_of
from bocage_edge.spool.types import ObjectKind, StoredObject

# At a time; the others come with the next step.
MAX_GIVEN = 256


@dataclass(frozen=True, slots=True)
class HeldForWant:
    """How many objects of a link wait for a destination, for one reason."""

    link: str
    kind: ObjectKind
    reason: str
    objects: int


class Undirected(SpoolCore):
    """What deliver asks and writes of them."""

    def not_directed_yet(self) -> list[StoredObject]:
        """List objects for which nobody has sought a destination; at most 256."""
        return self._held("o.held = ?", NOT_DIRECTED)

    def without_destination(self, after: str = "") -> list[StoredObject]:
        """List objects that wait for a destination, by name; at most 256.

        Args:
            after: only names behind this one.
        """
        return self._held("o.held LIKE ? AND o.name > ?", f"{WITHOUT_DESTINATION}%", after)

    def hold_without_destination(
        self, name: str, reason: str, entries: Sequence[EntryDraft]
    ) -> bool:
        """Say why an object has no destination.

        Args:
            reason: begins with "no destination".

        Returns:
            Whether that is news; only then the entries are recorded.
        """
        if not reason.startswith(WITHOUT_DESTINATION) or reason == NOT_DIRECTED:
            raise ValueError("the reason does not say that there is no destination")
        with self._index.writing() as db:
            db.execute(
                "UPDATE object SET held = ? WHERE name = ? AND held LIKE ? AND held != ?",
                (reason, name, f"{WITHOUT_DESTINATION}%", reason),
            )
            is_news = db.changes() == 1
            if is_news:
                self._insert_entries_of(db, name, entries)
        return is_news

    def held_for_want(self) -> list[HeldForWant]:
        """Count the objects that wait for a destination, by link, kind and reason."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT link, kind, held, count(*) FROM object"
                " WHERE held LIKE ? AND held IS NOT NULL AND direction = 'in'"
                " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                (f"{WITHOUT_DESTINATION}%",),
            )
            return [
                HeldForWant(link, ObjectKind(kind), held, count) for link, kind, held, count in rows
            ]

    def _held(self, where: str, *values: str) -> list[StoredObject]:
        with self._index.reading() as db:
            rows = db.execute(
                f"SELECT {OBJECT_COLUMNS} FROM object o WHERE {where}"  # noqa: S608 - constants
                " AND o.held IS NOT NULL AND o.direction = 'in'"
                " AND o.state IN ('arrived', 'opened') ORDER BY o.name LIMIT ?",
                (*values, MAX_GIVEN),
            )
            return [object_of(row) for row in rows]
