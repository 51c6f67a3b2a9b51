"""What we hold of partners' chains: only what follows what we had, signed by the pinned identity.

A partner may send entries again, or be behind what we hold (a box restored from an old copy); that
changes nothing. A signed history that contradicts what we hold is a fork: it is kept as evidence
and reported, and never believed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError, MessageError
from bocage_contract.ledger import (
    GENESIS,
    MAX_ENTRY_BYTES,
    MAX_PAGE_ENTRIES,
    Head,
    entry_hash,
    link_chain,
    read_entry,
    verify_head,
    verify_page,
)
from bocage_edge.errors import KeeperError
from bocage_edge.ledger.own import LEDGER_MODE, within_page
from bocage_edge.ledger.schema import MIGRATIONS
from bocage_system.database import open_database, transaction

_MAX_SET_ASIDE = 50  # chains a link; an honest box needs one or two in its life
_MAX_FORKS = 100  # kept a chain; more of the same proves nothing more


@dataclass(frozen=True, slots=True)
class KeptChain:
    """One chain of a partner's that is kept, now or as evidence.

    Args:
        id: its number in this database.
        is_set_aside: its box has begun anew since.
    """

    id: int
    link: str
    identity: bytes
    head: Head
    is_set_aside: bool


@dataclass(frozen=True, slots=True)
class KeptFork:
    """A second history that a partner signed: what came of it, from where it was given.

    Args:
        id: its number in this database.
        after: number before its first entry; that of its head where the head alone came.
        after_hash: hash that stands before its first entry.
    """

    id: int
    identity: bytes
    after: int
    after_hash: str
    head: Head


@dataclass(frozen=True, slots=True)
class Partner:
    """Whose chain it is: the pinned partner of a link."""

    link: str
    device: str
    identity: bytes

    @property
    def chain(self) -> str:
        """Name of the chain the partner writes on this link."""
        return link_chain(self.device, self.link)


class PartnerPageError(KeeperError):
    """A page of the partner's is not what it must be; nothing of it was kept."""


class PartnerForkError(PartnerPageError):
    """The partner signed two histories; the second is kept as evidence.

    Args:
        n: the first number at which they differ.
        head: of the second history, as it was signed.
    """

    def __init__(self, partner: Partner, n: int, head: Head) -> None:
        """Say where the histories part."""
        super().__init__(
            f"{partner.device} signed two histories of link {partner.link} from entry {n} on",
            hint="its ledger is not believed any more: call the partner and the operator",
        )
        self.n = n
        self.head = head


class PartnerLedger:
    """Partners' chains. Safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        """Open the database; see `OwnLedger`."""
        self._lock = threading.Lock()
        self._db = open_database(path, MIGRATIONS, mode=LEDGER_MODE)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def head(self, partner: Partner) -> Head | None:
        """Give the newest head we hold; None where we hold nothing of this partner."""
        with self._lock:
            row = self._row_locked(partner)
        if row is None:
            return None
        return Head(chain=partner.chain, n=row[1], hash=row[2], signature=row[3])

    def page(self, partner: Partner, after: int, limit: int) -> list[bytes]:
        """Read entries we hold after a number; at most 1000, and at most 768 KiB."""
        with self._lock:
            rows = self._db.execute(
                "SELECT raw FROM partner_entry WHERE chain = (SELECT id FROM partner_chain"
                " WHERE link = ? AND identity = ? AND name = ?) AND n > ? ORDER BY n LIMIT ?",
                (*_key(partner), max(after, 0), max(1, min(limit, MAX_PAGE_ENTRIES))),
            )
            return within_page(raw for (raw,) in rows)

    def kept(self) -> list[KeptChain]:
        """List every chain of a partner's that is kept, oldest first."""
        with self._lock:
            rows = list(
                self._db.execute(
                    "SELECT id, link, identity, name, n, hash, signature"
                    " FROM partner_chain ORDER BY id"
                )
            )
        return [
            KeptChain(
                number,
                link,
                identity,
                Head(chain=name.partition("~")[0], n=n, hash=last_hash, signature=signature),
                "~" in name,
            )
            for number, link, identity, name, n, last_hash, signature in rows
        ]

    def kept_page(self, kept: int, after: int, limit: int) -> list[bytes]:
        """Read entries of a kept chain after a number; at most 1000, and at most 768 KiB."""
        with self._lock:
            rows = self._db.execute(
                "SELECT raw FROM partner_entry WHERE chain = ? AND n > ? ORDER BY n LIMIT ?",
                (kept, max(after, 0), max(1, min(limit, MAX_PAGE_ENTRIES))),
            )
            return within_page(raw for (raw,) in rows)

    def forks(self) -> list[KeptFork]:
        """List every second history that is kept as evidence, oldest first."""
        with self._lock:
            rows = list(
                self._db.execute(
                    "SELECT fork.id, identity, head, substr(raws, 1, ?) FROM fork"
                    " JOIN partner_chain ON partner_chain.id = fork.chain ORDER BY fork.id",
                    (MAX_ENTRY_BYTES,),
                )
            )
        return [_fork(*row) for row in rows]

    def fork_entries(self, fork: int) -> list[bytes]:
        """Read the entries of a second history, up to its head; none where the head alone came."""
        with self._lock:
            row = self._db.execute("SELECT raws FROM fork WHERE id = ?", (fork,)).fetchone()
        return [] if row is None else _split(row[0])

    def accept(self, partner: Partner, raws: Sequence[bytes], head: Head) -> Head:
        """Keep a page of the partner's chain, if it follows what we hold.

        Returns:
            The head we hold now.

        Raises:
            PartnerForkError: signed, but it contradicts what we hold.
            PartnerPageError: not a page of this chain, or not signed by the pinned identity;
                nothing was kept.
            KeeperError: the medium refused; nothing was kept.
        """
        try:
            with self._lock, transaction(self._db):
                return self._accept_locked(partner, raws, head)
        except PartnerForkError as fork:
            self._keep_evidence(partner, fork, raws)
            raise
        except ContractError as error:
            raise PartnerPageError(f"ledger of {partner.device}: {error}") from error
        except apsw.Error as error:
            raise KeeperError(
                f"the partner's ledger cannot be kept: {type(error).__name__}",
                hint="look for a full or failing disk",
            ) from error

    def set_aside(self, partner: Partner) -> Head | None:
        """Keep what we hold as evidence only: the partner has opened a new epoch.

        Its new chain begins again with the first entry and is held to nothing of the old one.

        Returns:
            The head that was set aside; None where nothing was held.

        Raises:
            KeeperError: too many were set aside, or the medium refused; nothing was changed.
        """
        held = self.head(partner)
        if held is None:
            return None
        try:
            with self._lock, transaction(self._db):
                self._set_aside_locked(partner)
        except apsw.Error as error:
            raise KeeperError(
                f"the partner's ledger cannot be set aside: {type(error).__name__}",
                hint="look for a full or failing disk",
            ) from error
        return held

    def _set_aside_locked(self, partner: Partner) -> None:
        (before,) = self._db.execute(
            "SELECT count(*) FROM partner_chain WHERE link = ? AND name LIKE ?",
            (partner.link, f"{partner.chain}~%"),
        ).fetchone() or (0,)
        if before >= _MAX_SET_ASIDE:
            raise KeeperError(
                f"{partner.device} has begun anew {before} times",
                hint="call the partner: no box is restored so often",
            )
        self._db.execute(
            "UPDATE partner_chain SET name = name || '~' || id"
            " WHERE link = ? AND identity = ? AND name = ?",
            _key(partner),
        )

    def verify(self, partner: Partner) -> list[str]:
        """Check what we hold from the first entry to the head; what is wrong, in words."""
        held = self.head(partner)
        if held is None:
            return []
        after, after_hash = 0, GENESIS
        try:
            verify_head(held, partner.identity)
            while raws := self.page(partner, after, MAX_PAGE_ENTRIES):
                for raw in raws:
                    entry = read_entry(raw)
                    if (entry.chain, entry.n, entry.prev) != (partner.chain, after + 1, after_hash):
                        return [f"{partner.chain}: entry {after + 1} does not follow"]
                    after, after_hash = entry.n, entry_hash(raw)
        except ContractError as error:
            return [f"{partner.chain}: {error}"]
        if (after, after_hash) != (held.n, held.hash):
            return [f"{partner.chain}: its head is of other entries"]
        return []

    def count_forks(self, partner: Partner) -> int:
        """Say how many contradicting histories are kept as evidence."""
        with self._lock:
            (count,) = self._db.execute(
                "SELECT count(*) FROM fork WHERE chain = (SELECT id FROM partner_chain"
                " WHERE link = ? AND identity = ? AND name = ?)",
                _key(partner),
            ).fetchone() or (0,)
        return int(count)

    def _accept_locked(self, partner: Partner, raws: Sequence[bytes], head: Head) -> Head:
        held = self._held_locked(partner)
        first = _check_signed(partner, raws, head)
        if first > held.n + 1:
            raise MessageError(f"entries from {first} on, but we hold them up to {held.n}")
        self._check_agrees_locked(partner, raws, head, held.n)
        if head.n <= held.n:
            return held
        self._keep_locked(partner, raws[held.n + 1 - first :], head, held.n)
        return head

    def _check_agrees_locked(
        self, partner: Partner, raws: Sequence[bytes], head: Head, held: int
    ) -> None:
        """Compare signed entries with those we hold in their places.

        Raises:
            PartnerForkError: one differs.
        """
        for raw in raws:
            entry = read_entry(raw)
            if entry.n - 1 <= held and self._hash_locked(partner, entry.n - 1) != entry.prev:
                raise PartnerForkError(partner, max(entry.n - 1, 1), head)
        if head.n <= held and self._hash_locked(partner, head.n) != head.hash:
            raise PartnerForkError(partner, max(head.n, 1), head)

    def _keep_locked(self, partner: Partner, fresh: Sequence[bytes], head: Head, held: int) -> None:
        self._db.execute(
            "INSERT INTO partner_chain (link, identity, name, n, hash, signature)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (link, identity, name) DO UPDATE"
            " SET n = excluded.n, hash = excluded.hash, signature = excluded.signature",
            (*_key(partner), head.n, head.hash, head.signature),
        )
        row = self._row_locked(partner)
        self._db.executemany(
            "INSERT INTO partner_entry (chain, n, raw) VALUES (?, ?, ?)",
            [(row[0], held + 1 + place, raw) for place, raw in enumerate(fresh) if row],
        )

    def _keep_evidence(
        self, partner: Partner, fork: PartnerForkError, raws: Sequence[bytes]
    ) -> None:
        with self._lock, transaction(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO fork (chain, n, head, raws)"
                " SELECT id, ?, ?, ? FROM partner_chain"
                " WHERE link = ? AND identity = ? AND name = ?"
                " AND (SELECT count(*) FROM fork f WHERE f.chain = partner_chain.id) < ?",
                (
                    fork.n,
                    canonical_json(fork.head.to_json()).decode(),
                    b"\n".join(raws),
                    *_key(partner),
                    _MAX_FORKS,
                ),
            )

    def _held_locked(self, partner: Partner) -> Head:
        row = self._row_locked(partner)
        n, last_hash, signature = (0, GENESIS, "") if row is None else row[1:]
        return Head(chain=partner.chain, n=n, hash=last_hash, signature=signature)

    def _row_locked(self, partner: Partner) -> tuple[Any, ...] | None:
        return self._db.execute(
            "SELECT id, n, hash, signature FROM partner_chain"
            " WHERE link = ? AND identity = ? AND name = ?",
            _key(partner),
        ).fetchone()

    def _hash_locked(self, partner: Partner, n: int) -> str:
        """Give the hash of an entry we hold; that before the first is 64 zeros."""
        if n == 0:
            return GENESIS
        row = self._db.execute(
            "SELECT raw FROM partner_entry WHERE chain = (SELECT id FROM partner_chain"
            " WHERE link = ? AND identity = ? AND name = ?) AND n = ?",
            (*_key(partner), n),
        ).fetchone()
        return "" if row is None else entry_hash(row[0])


def _fork(number: int, identity: bytes, head: str, start: bytes) -> KeptFork:
    """Describe a kept history.

    Args:
        start: of its entries, long enough for the first of them.
    """
    signed = Head.read(head)
    if not start:
        return KeptFork(number, identity, signed.n, signed.hash, signed)
    first = read_entry(_split(start)[0])
    return KeptFork(number, identity, first.n - 1, first.prev, signed)


def _split(joined: bytes) -> list[bytes]:
    """Take apart what was kept, a line each: an entry is canonical JSON, it holds no line end."""
    return joined.split(b"\n") if joined else []


def _check_signed(partner: Partner, raws: Sequence[bytes], head: Head) -> int:
    """See that a page hangs together and that the partner signed all of it.

    Returns:
        Number of its first entry; one above the head's for a head alone.

    Raises:
        ContractError: it does not, or belongs to another chain.
    """
    if head.chain != partner.chain:
        raise MessageError(f"this is the chain {head.chain}, not {partner.chain}")
    if not raws:
        verify_head(head, partner.identity)
        return head.n + 1
    first = read_entry(raws[0])
    verify_page(raws, head, partner.identity, after=first.n - 1, after_hash=first.prev)
    return first.n


def _key(partner: Partner) -> tuple[str, bytes, str]:
    return partner.link, partner.identity, partner.chain
