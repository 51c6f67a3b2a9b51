"""What every room of the spool stands on: the folders, the index, the order of accept."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import apsw

from bocage_contract.ledger import EntryDraft
from bocage_edge.errors import SpoolError, SpoolFullError
from bocage_edge.spool.folders import Folders, remove, unless_in_use
from bocage_edge.spool.index import Index
from bocage_edge.spool.outbox import Row, forget, insert_entries, outbox_rows, pending
from bocage_edge.spool.rows import find_object
from bocage_edge.spool.types import STATES_WITH_FILE, PendingEntry, StoredObject
from bocage_system.clock import Clock
from bocage_system.durable import fsync_path

# Kept free for the index, the ledger and the system, whatever is in the spool.
RESERVE_BYTES = 512 << 20


class SpoolCore:
    """Folders and index of one spool, as one unit sees them. Safe to use from any thread."""

    def __init__(
        self, directory: Path, clock: Clock, *, unit: str, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Open the spool, making it where there is none.

        Args:
            directory: made with its folders if missing; all of it on one file system.
            unit: name of the calling unit; its ledger entries are kept apart from the others'.
            reserve_bytes: free space below which nothing more is taken.

        Raises:
            OSError: the medium refused.
            SpoolError: the index cannot be opened.
        """
        self.unit = unit
        self._clock = clock
        self._reserve_bytes = reserve_bytes
        self._folders = Folders(directory)
        self._index = Index(self._folders.index)
        # Names of files that an accept which failed may have left under objects/.
        self._doubtful: deque[str] = deque()

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    @property
    def source(self) -> str:
        """Name of this unit's stream of ledger entries; another index never has the same."""
        with self._index.reading() as db:
            (index_id,) = db.execute("SELECT index_id FROM spool").fetchone() or ("",)
        return f"{self.unit}:{index_id}"

    def record(self, chain: str, entries: Sequence[EntryDraft]) -> None:
        """Write ledger entries that go with no change of an object.

        Args:
            chain: a link id, or `outbox.BOX_CHAIN` for what concerns no link.

        Raises:
            SpoolError: the index failed; nothing was recorded.
        """
        rows = self._entry_rows(chain, entries)
        with self._index.writing() as db:
            insert_entries(db, rows)

    def pending_entries(self, limit: int) -> list[PendingEntry]:
        """List this unit's oldest entries that the keeper does not have yet."""
        with self._index.reading() as db:
            return pending(db, self.unit, limit)

    def forget_entries(self, ids: Sequence[int]) -> None:
        """Remove entries that the keeper has written."""
        with self._index.writing() as db:
            forget(db, self.unit, ids)

    def get(self, name: str) -> StoredObject | None:
        """Look an object up by its name, in whatever state it is."""
        with self._index.reading() as db:
            return find_object(db, name)

    def open(self, name: str) -> BinaryIO:
        """Open the sealed bytes of an object.

        Raises:
            SpoolError: it is unknown, or its file has gone.
            OSError: the medium refused.
        """
        try:
            return self._folders.object(name).open("rb")
        except FileNotFoundError:
            raise SpoolError("the spool has no file of this object") from None

    def check_room(self, size_bytes: int = 0) -> None:
        """See that the reserve is untouched, and stays so with an object of this size.

        Raises:
            SpoolFullError: it is touched, or would be.
        """
        if not self.has_room_for(size_bytes):
            raise SpoolFullError(
                f"less than {self._reserve_bytes >> 20} MiB are free on the spool's file system",
                hint="it takes objects again by itself once there is room",
            )

    def has_room_for(self, size_bytes: int) -> bool:
        """Say whether an object of this size leaves the reserve untouched."""
        status = os.statvfs(self._folders.root)
        return status.f_bavail * status.f_frsize - size_bytes >= self._reserve_bytes

    def _entry_rows(self, chain: str, entries: Iterable[EntryDraft]) -> list[Row]:
        return outbox_rows(self.unit, chain, entries)

    def _insert_entries_of(
        self, db: apsw.Connection, name: str, entries: Sequence[EntryDraft]
    ) -> None:
        """Add entries to the chain of the link an object travels on."""
        if entries:
            insert_entries(db, self._entry_rows(self._known(db, name).link, entries))

    def _known(self, db: apsw.Connection, name: str) -> StoredObject:
        found = find_object(db, name)
        if found is None:
            raise SpoolError("the spool does not know this object")
        return found

    def _place(self, moves: Sequence[tuple[Path, str]]) -> None:
        """Give synced files their final names, and put the names on the medium.

        Args:
            moves: a file, and the name of the object it becomes.

        Raises:
            OSError: the medium refused; files that have their final name are swept later.
        """
        folders = set()
        for path, name in moves:
            target = self._folders.object(name)
            os.replace(path, target)
            folders.add(target.parent)
        for folder in sorted(folders):
            fsync_path(folder)

    def _check_placed(self, name: str) -> None:
        # Within the write transaction: a sweep of another process removes only within its own.
        if not self._folders.object(name).exists():
            raise SpoolError("the object's file was swept away before its row was written")

    def _doubt(self, names: Iterable[str]) -> None:
        """Remember what a failed accept may have left; the file stays as long as it must."""
        self._doubtful.extend(names)

    def _sweep_doubtful(self) -> None:
        """Remove what failed accepts left behind, once the index works again."""
        names = []
        while self._doubtful:
            names.append(self._doubtful.popleft())
        if not names:
            return
        try:
            self._remove_unspoken(names)
        except BaseException:
            self._doubt(names)
            raise

    def _remove_unspoken(self, names: Sequence[str]) -> int:
        """Remove files under objects/ that the index does not speak for, and nobody is writing.

        A commit that failed may yet come back after a power cut, as long as no later one has taken
        its place in the write-ahead log; so one is made first.
        """
        with self._index.writing() as db:
            db.execute("UPDATE spool SET sweeps = sweeps + 1")
        return sum(self._remove_if_unspoken(name) for name in names)

    def _remove_if_unspoken(self, name: str) -> bool:
        path = self._folders.object(name)
        with unless_in_use(path) as is_ours:
            if not is_ours:
                return False
            with self._index.writing() as db:
                found = find_object(db, name)
                is_unspoken = found is None or found.state not in STATES_WITH_FILE
                if is_unspoken:
                    remove(path)
        return is_unspoken
