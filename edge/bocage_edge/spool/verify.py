"""Files against rows, both ways; every file against its name. And the sweep of what is left over.

A sweep may run at any time beside the other units: what somebody writes is locked, and nothing
under objects/ is removed but within a write transaction in which no row speaks for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from bocage_contract.ledger import draft
from bocage_edge.spool.core import SpoolCore
from bocage_edge.spool.folders import is_object_name, remove, unless_in_use
from bocage_edge.spool.outbox import insert_entries
from bocage_edge.spool.rows import find_object
from bocage_edge.spool.types import (
    STATES_WITH_FILE,
    ObjectState,
    SweepReport,
    VerifyReport,
)

# A partner that has not gone on with an object for this long starts it anew.
KEEP_PART_S = 14 * 86_400.0


@dataclass(slots=True)
class _Findings:
    objects: int = 0
    size_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)


class Verifying(SpoolCore):
    """Sweep and verify."""

    def sweep(self) -> SweepReport:
        """Remove what killed processes left behind; call it at start and now and then.

        Raises:
            OSError: the medium refused.
            SpoolError: the index failed.
        """
        spoken_for = self._names_with_file()
        files = [path.name for path in self._folders.object_files() if is_object_name(path.name)]
        left_over = [name for name in files if name not in spoken_for]
        for name in left_over:
            self._set_aside_if_corrupt(name)
        removed = self._remove_unspoken(left_over) if left_over else 0
        incoming = sum(self._remove_if_stale(path) for path in self._folders.incoming_files())
        return SweepReport(removed, incoming)

    def verify(self) -> VerifyReport:
        """Compare index and files both ways and recompute every SHA-256.

        A file that is not what its name says goes to corrupt/, never away; its row says so, with
        an entry in the ledger.

        Raises:
            OSError: the medium refused.
            SpoolError: the index failed.
        """
        found = _Findings()
        for name in sorted(self._names_with_file()):
            self._verify_object(name, found)
        orphans, foreign, in_use = self._unexplained_objects()
        stale, more_foreign, parts, more_in_use = self._unexplained_incoming()
        return VerifyReport(
            objects=found.objects,
            size_bytes=found.size_bytes,
            missing=found.missing,
            corrupt=found.corrupt,
            orphans=orphans,
            stale=stale,
            parts=parts,
            in_use=in_use + more_in_use,
            known_corrupt=self._count_corrupt() - len(found.missing) - len(found.corrupt),
            stuck=self._stuck(),
            foreign=foreign + more_foreign,
        )

    def check(self, name: str) -> bool:
        """Recompute the SHA-256 of one object somebody has doubts about; as `verify` does.

        Returns:
            Whether it is whole; if not it has been set aside, and its row says so.
        """
        found = _Findings()
        if self._is_spoken_for(name):
            self._verify_object(name, found)
        return found.objects == 1

    def _verify_object(self, name: str, found: _Findings) -> None:
        try:
            digest, size_bytes = _digest_of(self._folders.object(name))
        except FileNotFoundError:
            if self._mark_corrupt(name, "its file is missing"):
                found.missing.append(name)
            return
        if digest == name:
            found.objects += 1
            found.size_bytes += size_bytes
            return
        reason = "its bytes changed on the medium" if digest else "the medium cannot read it"
        if self._mark_corrupt(name, reason):
            found.corrupt.append(name)
            self._folders.set_aside(name)

    def _mark_corrupt(self, name: str, reason: str) -> bool:
        """Take an object out of the work lists; False where it was retired in the meantime."""
        with self._index.writing() as db:
            row = find_object(db, name)
            if row is None or row.state not in STATES_WITH_FILE:
                return False
            db.execute(
                "UPDATE object SET state = 'corrupt', reason = ? WHERE name = ?", (reason, name)
            )
            entry = draft("corrupt", self._clock.now(), object=name, reason=reason)
            insert_entries(db, self._entry_rows(row.link, [entry]))
        return True

    def _unexplained_objects(self) -> tuple[list[str], list[str], int]:
        orphans, foreign, in_use = [], [], 0
        for path in self._folders.object_files():
            if not is_object_name(path.name) or path.parent.name != path.name[:2]:
                foreign.append(path.name)
                continue
            with unless_in_use(path) as is_ours:
                if self._is_spoken_for(path.name):
                    continue
                if is_ours:
                    orphans.append(path.name)
                elif path.exists():
                    in_use += 1
        return orphans, foreign, in_use

    def _unexplained_incoming(self) -> tuple[list[str], list[str], int, int]:
        stale, foreign, parts, in_use = [], [], 0, 0
        for path in self._folders.incoming_files():
            if path.suffix not in (".tmp", ".part", ".mark"):
                foreign.append(path.name)
                continue
            with unless_in_use(path) as is_ours:
                if not is_ours:
                    in_use += path.exists()
                elif self._is_stale(path):
                    stale.append(path.name)
                elif path.suffix == ".part":
                    parts += 1
        return stale, foreign, parts, in_use

    def _is_stale(self, path: Path) -> bool:
        """Say whether a file in incoming/ that nobody writes is of no use any more."""
        if path.suffix == ".tmp":
            return True
        if path.suffix == ".mark":
            return not path.with_suffix(".part").exists()
        if path.suffix != ".part" or not is_object_name(path.stem):
            return False
        is_done = (found := self.get(path.stem)) and found.state is not ObjectState.CORRUPT
        return bool(is_done) or self._clock.now() - path.stat().st_mtime > KEEP_PART_S

    def _remove_if_stale(self, path: Path) -> bool:
        with unless_in_use(path) as is_ours:
            if not is_ours or not self._is_stale(path):
                return False
            remove(path)
            if path.suffix == ".part":
                remove(path.with_suffix(".mark"))
        return True

    def _set_aside_if_corrupt(self, name: str) -> None:
        found = self.get(name)
        if found is not None and found.state is ObjectState.CORRUPT:
            self._folders.set_aside(name)

    def _is_spoken_for(self, name: str) -> bool:
        found = self.get(name)
        return found is not None and found.state in STATES_WITH_FILE

    def _names_with_file(self) -> set[str]:
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT name FROM object"
                " WHERE state IN ('queued', 'stored', 'arrived', 'opened', 'refused')"
            )
            return {name for (name,) in rows}

    def _count_corrupt(self) -> int:
        with self._index.reading() as db:
            (count,) = db.execute(
                "SELECT count(*) FROM object WHERE state = 'corrupt'"
            ).fetchone() or (0,)
        return int(count)

    def _stuck(self) -> list[str]:
        with self._index.reading() as db:
            rows = db.execute(
                "SELECT o.name FROM object o WHERE o.state IN ('arrived', 'opened')"
                " AND o.held IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM delivery d WHERE d.object = o.id AND d.state = 'due')"
            )
            return [name for (name,) in rows]


def _digest_of(path: Path) -> tuple[str, int]:
    """Hash a file; an empty digest where the medium gives an error for a part of it.

    Raises:
        FileNotFoundError: it is not there.
    """
    with path.open("rb") as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        except OSError:
            return "", 0
