"""What can be wrong with an exported ledger, each with its own word and its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """One kind of damage."""

    UNREADABLE = "unreadable"  # a line that is neither a record nor an entry
    CHANGED = "changed"  # an entry, or a record, with other bytes than were signed
    MISSING = "missing"  # an entry, or a record, that must be there is not
    TWICE = "twice"  # the same again
    MOVED = "moved"  # there, but not in its place
    FOREIGN = "foreign"  # an entry of another chain
    EXTRA = "extra"  # an entry that nobody vouches for
    CUT_OFF = "cut off"  # the file, or a chain in it, ends before its last record
    NOT_SIGNED = "not signed"  # a signature that is not of who must have signed
    OTHER_IDENTITY = "other identity"  # signed by a box, but not by the one expected


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where.

    Args:
        place: what it is about: "header", "end", or a chain (with the side that kept it).
        n: number of the entry; None where it is no entry.
        until: number of the last entry of a run; None for one entry. That of a run which was
            surely changed is the last: the ones before it hang on a link that is gone.
        line: of the file, from 1; None where nothing stands in the file.
    """

    word: Word
    place: str
    n: int | None = None
    until: int | None = None
    line: int | None = None

    @property
    def text(self) -> str:
        """Say it to an operator."""
        where = self.place
        if self.n is not None:
            where += (
                f", entry {self.n}" if self.until is None else f", entries {self.n} to {self.until}"
            )
        if self.line is not None:
            where += f" (line {self.line})"
        return f"{where}: {self.word.value}"


def folded(faults: list[Fault]) -> list[Fault]:
    """Say runs of the same fault in consecutive entries as one."""
    said: list[Fault] = []
    for fault in faults:
        last = said[-1] if said else None
        if (
            last is not None
            and fault.n is not None
            and last.n is not None
            and (last.word, last.place) == (fault.word, fault.place)
            and (last.until or last.n) + 1 == fault.n
        ):
            until = fault.until or fault.n
            said[-1] = Fault(last.word, last.place, last.n, until, last.line)
        else:
            said.append(fault)
    return said
