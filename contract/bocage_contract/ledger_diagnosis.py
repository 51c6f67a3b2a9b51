"""Where a chain that does not hold was touched. Pure.

A signed head vouches for the last entry, that one by its `prev` for the one before, and so on: the
true entries are found by walking from the head back to the first. Where the walk breaks at number
n, the true entry n is gone: a line that claims the number is the changed one, none means that it is
missing. Then the walk goes on from what claims n - 1, which is true as far as its own entries hang
together; the pair of exports of both boxes says more (`bocage-edge ledger reconcile`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from bocage_contract.ledger_fault import Fault, Word, folded


@dataclass(frozen=True, slots=True)
class Item:
    """One line that stands where an entry should.

    Args:
        line: in the file, from 1.
        n: the number it claims; where it cannot be read, that of its place.
        prev: the hash it claims of the entry before; "" where it cannot be read.
        hash: of its bytes.
        chain: the chain it claims; "" where it cannot be read.
    """

    line: int
    n: int
    prev: str
    hash: str
    chain: str


@dataclass(frozen=True, slots=True)
class Span:
    """Which entries a section must have, and who vouches for the last.

    Args:
        after: number before the first, with its hash.
        n: number of the last, with its hash, by the signed head.
    """

    chain: str
    after: int
    after_hash: str
    n: int
    hash: str


def diagnose(items: Sequence[Item], span: Span, place: str) -> list[Fault]:
    """List what was touched in a chain; empty where nothing was.

    Args:
        place: how the chain is called in the faults.
    """
    walk = _Walk(items, span, place)
    walk.back()
    faults = [*walk.faults, *_left_over(items, span, place, walk), *_moved(walk.true, place)]
    order = list(Word)
    return folded(sorted(faults, key=lambda each: (order.index(each.word), each.n or 0)))


class _Walk:
    """The way from the head to the first entry, and what was met on it."""

    def __init__(self, items: Sequence[Item], span: Span, place: str) -> None:
        self._items, self._span, self._place = items, span, place
        self._by_hash = {item.hash: item for item in reversed(items)}
        self._at = {item.line: at for at, item in enumerate(items)}
        self._claims: dict[int, list[Item]] = {}
        for item in items:
            if item.chain in ("", span.chain):
                self._claims.setdefault(item.n, []).append(item)
        self.true: dict[int, Item] = {}
        self.used: set[int] = set()  # lines that are spoken for
        self.faults: list[Fault] = []

    def back(self) -> None:
        """Go from the head to the first entry."""
        wanted: str | None = self._span.hash  # None: the entry above is gone
        for n in range(self._span.n, self._span.after, -1):
            found = self._claimed(n) if wanted is None else self._by_hash.get(wanted)
            if found is not None and (found.chain, found.n) == (self._span.chain, n):
                if wanted is None:
                    self._doubt(found)
                self.true[n] = found
                self.used.add(found.line)
                wanted = found.prev
            else:
                self._gone(n)
                wanted = None
        if self._span.n > self._span.after and wanted not in (None, self._span.after_hash):
            first = self.true[self._span.after + 1]
            self.faults.append(Fault(Word.CHANGED, self._place, first.n, line=first.line))

    def _claimed(self, n: int) -> Item | None:
        return next(
            (each for each in self._claims.get(n, []) if each.prev and each.line not in self.used),
            None,
        )

    def _doubt(self, resumed: Item) -> None:
        """An entry below a changed one that does not name it: either may be the changed one."""
        last = self.faults[-1]
        at = None if last.line is None else self._at[last.line]
        above = None if at is None else self._items[at]
        if above is not None and above.prev not in ("", resumed.hash):
            until = last.until or last.n
            self.faults[-1] = Fault(last.word, last.place, resumed.n, until, last.line)

    def _gone(self, n: int) -> None:
        free = (each for each in self._claims.get(n, []) if each.line not in self.used)
        changed = next(free, None) or self._in_place_of(n)
        if changed is None:
            self.faults.append(Fault(Word.MISSING, self._place, n))
            return
        self.used.add(changed.line)
        word = Word.CHANGED if changed.prev else Word.UNREADABLE
        self.faults.append(Fault(word, self._place, n, line=changed.line))

    def _in_place_of(self, n: int) -> Item | None:
        """Find a line in the place of entry n that claims another number or chain."""
        above = self.true.get(n + 1)
        at = (
            len(self._items) - 1 if n == self._span.n else self._at[above.line] - 1 if above else -1
        )
        if at < 0 or self._items[at].line in self.used:
            return None
        found = self._items[at]
        before = self._items[at - 1].n if at else self._span.after
        is_itself = found.chain == self._span.chain and found.n == before + 1
        return None if is_itself else found


def _left_over(items: Sequence[Item], span: Span, place: str, walk: _Walk) -> list[Fault]:
    faults = []
    for item in items:
        if item.line in walk.used:
            continue
        if not item.prev:
            faults.append(Fault(Word.UNREADABLE, place, item.n, line=item.line))
        elif item.chain != span.chain:
            faults.append(Fault(Word.FOREIGN, place, item.n, line=item.line))
        elif item.n in walk.true and walk.true[item.n].hash == item.hash:
            faults.append(Fault(Word.TWICE, place, item.n, line=item.line))
        else:
            faults.append(Fault(Word.EXTRA, place, item.n, line=item.line))
    return faults


def _moved(true: dict[int, Item], place: str) -> list[Fault]:
    """Name the fewest entries that would have to be put elsewhere."""
    numbers = sorted(true)
    kept = _longest_rising([true[n].line for n in numbers])
    return [
        Fault(Word.MOVED, place, n, line=true[n].line)
        for at, n in enumerate(numbers)
        if at not in kept
    ]


def _longest_rising(lines: Sequence[int]) -> set[int]:
    """Give the places of a longest rising run of a sequence of different numbers."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, line in enumerate(lines):
        where = bisect_left(tails, line)
        before.append(ends[where - 1] if where else -1)
        tails[where : where + 1] = [line]
        ends[where : where + 1] = [at]
    kept = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        kept.add(at)
        at = before[at]
    return kept
