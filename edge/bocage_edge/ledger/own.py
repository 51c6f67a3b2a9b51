"""The box's own chains: appended in batches, read in pages, verified as a stranger would."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import apsw

from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError
from bocage_contract.ledger import (
    GENESIS,
    MAX_PAGE_ENTRIES,
    EntryDraft,
    Head,
    entry_bytes,
    entry_hash,
    sign_head,
    verify_head,
    verify_page,
)
from bocage_contract.signing import Signer
from bocage_edge.errors import KeeperError
from bocage_edge.ledger.schema import MIGRATIONS
from bocage_system.database import open_database, transaction

# A page also fits into one frame of the stream between two boxes (docs/relay-protocol.md).
MAX_PAGE_BYTES = 768 << 10
LEDGER_MODE = 0o600


class Fate(StrEnum):
    """What became of a draft."""

    WRITTEN = "written"
    WRITTEN_BEFORE = "written before"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True, slots=True)
class Addition:
    """A draft on its way into a chain.

    Args:
        source: whose outbox it comes from.
        source_id: its place there; the same place and content is written once, ever.
        chain: full name, "<device>/<link>" or "<device>/box".
    """

    source: str
    source_id: str
    chain: str
    draft: EntryDraft


@dataclass(slots=True)
class _Tail:
    """The end of a chain while a batch is added."""

    id: int
    n: int
    hash: str


class OwnLedger:
    """The chains this box writes. One thread appends; any may read."""

    def __init__(self, path: Path, signer: Signer) -> None:
        """Open the database, making it where there is none.

        Args:
            signer: makes a signature with the box's identity key.

        Raises:
            apsw.Error: not our database, or the medium refused.
        """
        self._path = path
        self._signer = signer
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writer = open_database(path, MIGRATIONS, mode=LEDGER_MODE)
        self._reader = open_database(path, MIGRATIONS, mode=LEDGER_MODE)

    def close(self) -> None:
        """Let go of the database."""
        self._writer.close()
        self._reader.close()

    def append(self, additions: Sequence[Addition]) -> list[Fate]:
        """Write a batch: one transaction, one fsync, one signature for each chain it touches.

        Returns:
            What became of each addition, in their order. One that is too large is left out and
            holds up no other.

        Raises:
            KeeperError: the medium refused; nothing was written.
        """
        with self._write_lock:
            try:
                with transaction(self._writer):
                    return self._append_locked(additions)
            except apsw.Error as error:
                self._writer.close(True)
                self._writer = open_database(self._path, MIGRATIONS, mode=LEDGER_MODE)
                raise KeeperError(
                    f"the ledger cannot be written: {type(error).__name__}",
                    hint="look for a full or failing disk; entries wait until it can",
                ) from error

    def head(self, chain: str) -> Head:
        """Give the newest signed head; number 0 for a chain nothing was written to."""
        with self._read_lock:
            row = self._reader.execute(
                "SELECT n, hash, signature FROM chain WHERE name = ?", (chain,)
            ).fetchone()
        if row is None:
            return sign_head(chain, 0, GENESIS, self._signer)
        return Head(chain=chain, n=row[0], hash=row[1], signature=row[2])

    def chains(self) -> list[str]:
        """Name every chain."""
        with self._read_lock:
            return [name for (name,) in self._reader.execute("SELECT name FROM chain ORDER BY 1")]

    def page(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Read entries after a number, and a signed head that ends exactly with the last of them.

        Args:
            limit: entries; at most 1000 are given, and at most 768 KiB.
        """
        newest = self.head(chain)
        with self._read_lock:
            rows = self._reader.execute(
                "SELECT raw FROM entry WHERE chain = (SELECT id FROM chain WHERE name = ?)"
                " AND n > ? AND n <= ? ORDER BY n LIMIT ?",
                (chain, max(after, 0), newest.n, max(1, min(limit, MAX_PAGE_ENTRIES))),
            )
            raws = within_page(raw for (raw,) in rows)
        end = max(after, 0) + len(raws)
        if not raws or end == newest.n:
            return raws, newest
        return raws, sign_head(chain, end, entry_hash(raws[-1]), self._signer)

    def verify(self, identity: bytes) -> list[str]:
        """Check every chain from its first entry to its signed head.

        Returns:
            What is wrong, in words; empty where nothing is.
        """
        return [fault for chain in self.chains() if (fault := self._fault_of(chain, identity))]

    def _fault_of(self, chain: str, identity: bytes) -> str:
        after, after_hash = 0, GENESIS
        head = self.head(chain)
        try:
            verify_head(head, identity)
            while after < head.n:
                raws, page_head = self.page(chain, after, MAX_PAGE_ENTRIES)
                if not raws:
                    return f"{chain}: entry {after + 1} is missing"
                verify_page(raws, page_head, identity, after=after, after_hash=after_hash)
                after, after_hash = page_head.n, page_head.hash
        except ContractError as error:
            return f"{chain}: {error}"
        return "" if after_hash == head.hash else f"{chain}: its head is of other entries"

    def _append_locked(self, additions: Sequence[Addition]) -> list[Fate]:
        tails: dict[str, _Tail] = {}
        fates = [self._append_one_locked(each, tails) for each in additions]
        for chain, tail in tails.items():
            head = sign_head(chain, tail.n, tail.hash, self._signer)
            self._writer.execute(
                "UPDATE chain SET n = ?, hash = ?, signature = ? WHERE id = ?",
                (head.n, head.hash, head.signature, tail.id),
            )
        return fates

    def _append_one_locked(self, addition: Addition, tails: dict[str, _Tail]) -> Fate:
        key = (addition.source, addition.source_id, _draft_hash(addition))
        self._writer.execute("INSERT OR IGNORE INTO written VALUES (?, ?, ?)", key)
        if not self._writer.changes():
            return Fate.WRITTEN_BEFORE
        tail = tails.get(addition.chain) or self._tail_locked(addition.chain)
        try:
            raw = entry_bytes(addition.chain, tail.n + 1, tail.hash, addition.draft)
        except ContractError:
            return Fate.UNWRITABLE
        self._writer.execute("INSERT INTO entry VALUES (?, ?, ?)", (tail.id, tail.n + 1, raw))
        tails[addition.chain] = _Tail(tail.id, tail.n + 1, entry_hash(raw))
        return Fate.WRITTEN

    def _tail_locked(self, chain: str) -> _Tail:
        row = self._writer.execute(
            "SELECT id, n, hash FROM chain WHERE name = ?", (chain,)
        ).fetchone()
        if row is not None:
            return _Tail(*row)
        empty = sign_head(chain, 0, GENESIS, self._signer)
        self._writer.execute(
            "INSERT INTO chain (name, n, hash, signature) VALUES (?, 0, ?, ?)",
            (chain, GENESIS, empty.signature),
        )
        return _Tail(self._writer.last_insert_rowid(), 0, GENESIS)


def within_page(raws: Iterable[bytes]) -> list[bytes]:
    """Take entries while they fit into one page; at least one."""
    page: list[bytes] = []
    size_bytes = 0
    for raw in raws:
        size_bytes += len(raw)
        if page and size_bytes > MAX_PAGE_BYTES:
            break
        page.append(raw)
    return page


def _draft_hash(addition: Addition) -> bytes:
    content = {"chain": addition.chain, **addition.draft.to_json()}
    return hashlib.sha256(canonical_json(content)).digest()[:16]
