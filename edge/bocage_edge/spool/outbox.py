"""Ledger entries that wait in the index until the keeper has written them.

They are committed together with the rows they speak of, so that nothing happens without its entry.
Each unit hands on its own: the keeper decides by the caller's user which kinds it may write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

from bocage_contract.canonical import canonical_json
from bocage_contract.ledger import EntryDraft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.types import PendingEntry

# Leaves room for the chain's own fields below the ledger's limit of 4 KiB an entry.
MAX_BODY_BYTES = 3584
BOX_CHAIN = "box"

Row = tuple[str, str, int, str, str]


def outbox_rows(unit: str, chain: str, drafts: Iterable[EntryDraft]) -> list[Row]:
    """Write drafts as rows, before anything is done that could not be undone.

    Raises:
        SpoolError: a body is too large for the ledger.
        MessageError: a body holds what has no canonical spelling.
    """
    return [(unit, chain, draft.at, draft.kind, _body(draft)) for draft in drafts]


def insert_entries(db: apsw.Connection, rows: Sequence[Row]) -> None:
    """Add rows within the caller's transaction."""
    db.executemany(
        "INSERT INTO outbox (unit, chain, at_ms, kind, body) VALUES (?, ?, ?, ?, ?)", rows
    )


def pending(db: apsw.Connection, unit: str, limit: int) -> list[PendingEntry]:
    """List the oldest waiting entries of a unit."""
    rows = db.execute(
        "SELECT id, chain, at_ms, kind, body FROM outbox WHERE unit = ? ORDER BY id LIMIT ?",
        (unit, limit),
    )
    return [
        PendingEntry(number, chain, EntryDraft(kind=kind, at=at_ms, body=json.loads(body)))
        for number, chain, at_ms, kind, body in rows
    ]


def forget(db: apsw.Connection, unit: str, ids: Sequence[int]) -> None:
    """Remove entries that the keeper has."""
    db.executemany(
        "DELETE FROM outbox WHERE id = ? AND unit = ?", [(number, unit) for number in ids]
    )


def _body(draft: EntryDraft) -> str:
    body = canonical_json(draft.body)
    if len(body) > MAX_BODY_BYTES:
        raise SpoolError(f"ledger entry {draft.kind}: a body of {len(body)} bytes is too large")
    return body.decode()
