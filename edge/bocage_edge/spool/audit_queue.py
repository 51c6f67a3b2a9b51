"""What the site's audit repository is still to be told, in its order; see `audit/`.

How far the ledger has been read, what is under way and what waits are committed together, so that
nothing is told twice by us and nothing is left out, whatever is killed when.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bocage_edge.spool.core import SpoolCore

SUBJECT_KEPT_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class WaitingAudit:
    """One message to be; `id` never comes twice."""

    id: int
    body: str


class AuditQueue(SpoolCore):
    """What deliver keeps for the audit repository."""

    def audit_positions(self) -> dict[str, int]:
        """Say how far each chain of the ledger has been read."""
        with self._index.reading() as db:
            return dict(db.execute("SELECT chain, n FROM audit_position"))

    def audit_under_way(self) -> list[str]:
        """List the transfers that are not over."""
        with self._index.reading() as db:
            return [body for (body,) in db.execute("SELECT body FROM audit_under_way ORDER BY key")]

    def note_audit(
        self,
        positions: Mapping[str, int],
        under_way: Mapping[str, str],
        over: Collection[str] = (),
        waiting: Sequence[str] = (),
    ) -> None:
        """Commit what reading on has brought, all of it or none.

        Args:
            under_way: what is to be kept of transfers, by key.
            over: keys of transfers to be forgotten.
            waiting: messages to be, in their order.
        """
        with self._index.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO audit_position (chain, n) VALUES (?, ?)",
                list(positions.items()),
            )
            db.executemany(
                "INSERT OR REPLACE INTO audit_under_way (key, body) VALUES (?, ?)",
                list(under_way.items()),
            )
            db.executemany("DELETE FROM audit_under_way WHERE key = ?", [(key,) for key in over])
            db.executemany(
                "INSERT INTO audit_waiting (at, body) VALUES (?, ?)",
                [(self._clock.now(), body) for body in waiting],
            )

    def stop_audit(self) -> None:
        """Forget how far the ledger was read: nobody is to be told. What waits stays."""
        with self._index.writing() as db:
            db.execute("DELETE FROM audit_position")
            db.execute("DELETE FROM audit_under_way")

    def waiting_audits(self, limit: int) -> list[WaitingAudit]:
        """List the oldest messages that wait."""
        with self._index.reading() as db:
            rows = db.execute("SELECT id, body FROM audit_waiting ORDER BY id LIMIT ?", (limit,))
            return [WaitingAudit(*row) for row in rows]

    def forget_audits(self, up_to: int) -> None:
        """Remove the messages up to an id: the repository has them."""
        with self._index.writing() as db:
            db.execute("DELETE FROM audit_waiting WHERE id <= ?", (up_to,))
            db.execute(
                "DELETE FROM audit_subject WHERE at < ?", (self._clock.now() - SUBJECT_KEPT_S,)
            )

    def audit_backlog(self) -> tuple[int, float | None]:
        """Say how many messages wait, and since when the oldest (Unix seconds).

        Ids leave from the front only, so the number needs no walk over all of them.
        """
        with self._index.reading() as db:
            first, last = db.execute(
                "SELECT (SELECT min(id) FROM audit_waiting), (SELECT max(id) FROM audit_waiting)"
            ).fetchone() or (None, None)
            if first is None or last is None:
                return 0, None
            row = db.execute("SELECT at FROM audit_waiting WHERE id = ?", (first,)).fetchone()
        return last - first + 1, None if row is None else row[0]

    def keep_audit_subject(self, link: str, exam_id: str, sealed: bytes) -> None:
        """Keep who an exam is of, sealed to this box; what is there stays."""
        with self._index.writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO audit_subject (link, exam_id, sealed, at)"
                " VALUES (?, ?, ?, ?)",
                (link, exam_id, sealed, self._clock.now()),
            )

    def audit_subject(self, link: str, exam_id: str) -> bytes | None:
        """Give who an exam is of, sealed to this box: as it was accepted, or as it was opened."""
        with self._index.reading() as db:
            for table in ("particulars", "audit_subject"):
                row = db.execute(
                    f"SELECT sealed FROM {table} WHERE link = ? AND exam_id = ?",  # noqa: S608
                    (link, exam_id),
                ).fetchone()
                if row is not None:
                    return bytes(row[0])
        return None
