"""The keyed hashes an exam is known by; see `exam/names`.

Written by receive where an exam starts, by deliver where its first instance is opened; read by
receive, for the report or the request that looks for its exam.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from bocage_contract.exam_class import ExamClass
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.types import Direction

# Of one exam, whatever its instances say: a data set cannot fill the index.
MAX_NAMES = 64
MAX_FOUND = 32
Name = tuple[str, str]  # kind, hash of 32 hex digits


class ExamNames(SpoolCore):
    """The names of exams on the links."""

    def add_exam_names(self, link: str, exam_id: str, names: Sequence[Name]) -> None:
        """Add what an exam is known by; what is there stays.

        Raises:
            SpoolError: the index failed; nothing was added.
        """
        with self._index.writing() as db:
            add_names(db, link, exam_id, names)

    def exam_names(self, link: str, exam_id: str) -> list[Name]:
        """List what an exam is known by."""
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT kind, hash FROM exam_name WHERE link = ? AND exam_id = ? ORDER BY 1, 2",
                (link, exam_id),
            )
            return [(kind, hashed) for kind, hashed in rows]

    def exams_named(self, link: str, names: Sequence[Name]) -> list[str]:
        """List the exams of a link that bear any of these names; at most 32 for each name."""
        found: dict[str, None] = {}
        with self._index.reading() as db:
            for kind, hashed in names:
                rows = db.execute(
                    "SELECT exam_id FROM exam_name WHERE link = ? AND kind = ? AND hash = ?"
                    " LIMIT ?",
                    (link, kind, hashed, MAX_FOUND),
                )
                found.update((exam_id, None) for (exam_id,) in rows)
        return list(found)

    def is_exam(self, direction: Direction, link: str, exam_id: str) -> bool:
        """Say whether anything of an exam has gone out or come in; a report of it is none of it.

        For 13 months after the last of it.
        """
        with self._index.reading() as db:
            row = db.execute(
                "SELECT 1 FROM object WHERE link = ? AND exam_id = ? AND direction = ?"
                " AND klass != ? LIMIT 1",
                (link, exam_id, direction, ExamClass.REPORT.rank),
            ).fetchone()
        return row is not None


def add_names(db: apsw.Connection, link: str, exam_id: str, names: Sequence[Name]) -> None:
    """Add what an exam is known by, within the caller's transaction; what is there stays."""
    if not names:
        return
    (held,) = db.execute(
        "SELECT count(*) FROM exam_name WHERE link = ? AND exam_id = ?", (link, exam_id)
    ).fetchone() or (0,)
    db.executemany(
        "INSERT OR IGNORE INTO exam_name (link, exam_id, kind, hash) VALUES (?, ?, ?, ?)",
        [(link, exam_id, *name) for name in names[: max(0, MAX_NAMES - held)]],
    )
