"""Random edits of an exported ledger, and whether each was found where it was made."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bocage_contract.ledger import read_entry
from bocage_contract.ledger_fault import Fault, Word
from bocage_contract.ledger_reading import read_export

KINDS = ("flip", "delete", "duplicate", "swap", "truncate", "splice")


def missed(
    whole: Sequence[bytes], others: Sequence[Sequence[bytes]], kind: str, seed: int
) -> str | None:
    """Make one edit; None: it was found and located, or changed nothing.

    Args:
        others: exports of other boxes or days, to bring lines in from.
    """
    edit: Callable[[], tuple[list[bytes], set[int]]] = getattr(Editor(whole, others, seed), kind)
    lines, edited = edit()
    if lines == list(whole):
        return None
    faults = read_export(lambda: iter(lines)).faults
    if not faults:
        return f"{kind} {seed}: not found"
    if edited & set().union(*(touched(whole, fault) for fault in faults)):
        return None
    return f"{kind} {seed}: made in {sorted(edited)}, said: {[each.text for each in faults]}"


class Editor:
    """Makes one edit of a whole export, and says which lines of it, from 1, were touched."""

    def __init__(
        self, whole: Sequence[bytes], others: Sequence[Sequence[bytes]], seed: int
    ) -> None:
        self.whole = list(whole)
        self.others = others
        self.dice = random.Random(seed)  # noqa: S311 - the same edits every time

    def line(self) -> int:
        return self.dice.randrange(len(self.whole))

    def flip(self) -> tuple[list[bytes], set[int]]:
        at = self.line()
        raw = bytearray(self.whole[at])
        raw[self.dice.randrange(len(raw))] ^= 1 << self.dice.randrange(8)
        # As a file would be read again: a byte that became an end of line makes two lines.
        return [*self.whole[:at], *bytes(raw).split(b"\n"), *self.whole[at + 1 :]], {at + 1}

    def delete(self) -> tuple[list[bytes], set[int]]:
        at = self.line()
        return [*self.whole[:at], *self.whole[at + 1 :]], {at + 1}

    def duplicate(self) -> tuple[list[bytes], set[int]]:
        at, to = self.line(), self.line()
        return [*self.whole[:to], self.whole[at], *self.whole[to:]], {at + 1, to + 1}

    def swap(self) -> tuple[list[bytes], set[int]]:
        one, other = self.dice.sample(range(len(self.whole)), 2)
        lines = list(self.whole)
        lines[one], lines[other] = lines[other], lines[one]
        return lines, {one + 1, other + 1}

    def truncate(self) -> tuple[list[bytes], set[int]]:
        at = self.dice.randrange(1, len(self.whole))
        return self.whole[:at], {at, at + 1}

    def splice(self) -> tuple[list[bytes], set[int]]:
        """Bring in a line of another export, or of another day's, over one or beside one."""
        source = self.dice.choice(self.others)
        at = self.dice.randrange(1, len(self.whole))
        brought = source[min(at, len(source) - 1)]
        if brought == self.whole[at]:
            brought = source[-2]
        over = self.dice.random() < 0.5
        return [*self.whole[:at], brought, *self.whole[at + over :]], {at + 1}


def touched(whole: Sequence[bytes], fault: Fault) -> set[int]:
    """The lines of the whole export that a fault speaks of."""
    found = set() if fault.line is None else {fault.line, fault.line - 1, fault.line + 1}
    for at, raw in enumerate(whole, start=1):
        if b'"record"' in raw:
            continue
        entry = read_entry(raw)
        if fault.n is None or not fault.place.startswith(entry.chain + " "):
            continue
        if fault.n <= entry.n <= (fault.until or fault.n):
            found |= {at, at - 1, at + 1}
    if fault.place.startswith("record "):
        records = [at for at, raw in enumerate(whole, start=1) if b'"record"' in raw]
        found.add(records[int(fault.place.split()[1]) - 1])
    if fault.place == "end":
        found.add(len(whole))
    if fault.word is Word.CUT_OFF and fault.place == "file":
        found.add(len(whole))
    return found
