"""Writing the audit, in the same transaction as what it tells of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.chain import GENESIS, Entry, faults
from bocage_console.database.tables import AuditEntry


def record(
    session: Session, now: float, who: str, what: str, about: str, **detail: str | int | bool | None
) -> None:
    """Add an entry.

    Args:
        session: of `Database.writing`, which holds the write lock: two writers cannot take one
            number (PostgreSQL refuses the second by the primary key).
        now: Unix seconds.
    """
    last = session.scalars(select(AuditEntry).order_by(AuditEntry.n.desc()).limit(1)).first()
    n, prev = (1, GENESIS) if last is None else (last.n + 1, last.hash)
    entry = Entry(n, int(now), who, what, about, dict(detail), prev)
    session.add(AuditEntry(**_columns(entry), hash=entry.hash))
    session.flush()


def verify(session: Session) -> list[str]:
    """Check the whole chain; give what does not hold, in words."""
    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.n)).yield_per(500)
    return faults((_entry(row), row.hash) for row in rows)


def _columns(entry: Entry) -> dict[str, Any]:
    return {
        "n": entry.n,
        "at": entry.at,
        "who": entry.who,
        "what": entry.what,
        "about": entry.about,
        "detail": entry.detail,
        "prev": entry.prev,
    }


def _entry(row: AuditEntry) -> Entry:
    return Entry(row.n, row.at, row.who, row.what, row.about, row.detail, row.prev)
