"""Reading an exported ledger: what it holds, and everything that is wrong with it. Pure.

The whole chains are read as a stream. Only of a chain that does not hold, the hashes are kept, to
say which entry was touched (`ledger_diagnosis`).
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bocage_contract.canonical import parse_canonical
from bocage_contract.card import Card, open_card
from bocage_contract.errors import ContractError, SignatureError
from bocage_contract.ledger import (
    MAX_ENTRY_BYTES,
    Entry,
    Head,
    entry_hash,
    read_entry,
    verify_head,
)
from bocage_contract.ledger_diagnosis import Item, Span, diagnose
from bocage_contract.ledger_export import (
    MAX_LINE_BYTES,
    ChainHead,
    ChainOpening,
    ExportEnd,
    ExportHeader,
    Record,
)
from bocage_contract.ledger_fault import Fault, Word
from bocage_contract.pins import Pins, open_pins
from bocage_contract.signing import is_signed

# Gives the lines of the file from the first, without their end of line; may be asked again.
Lines = Callable[[], Iterable[bytes]]
_HEADER, _END, _FILE = "header", "end", "file"
_READING: dict[str, Callable[[dict[str, Any]], Record]] = {
    "header": ExportHeader.of,
    "chain": ChainOpening.of,
    "head": ChainHead.of,
    "end": ExportEnd.of,
}


@dataclass(slots=True)
class Section:
    """One chain of an export.

    Args:
        line: of its opening, from 1.
        entries: how many lines stand where entries should.
        head: None where the file ends before it.
    """

    opening: ChainOpening
    line: int
    entries: int = 0
    head: Head | None = None
    is_whole: bool = False


@dataclass(slots=True)
class Export:
    """What a file holds.

    Args:
        card: None where not even that can be believed.
        faults: empty where every byte is as its box signed it.
    """

    card: Card | None = None
    pins: Pins = field(default_factory=Pins)
    made_at: int = 0
    sections: list[Section] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def section(self, chain: str, standing: str) -> Section | None:
        """Find a chain by its name and standing."""
        return next(
            (
                each
                for each in self.sections
                if (each.opening.chain, each.opening.standing) == (chain, standing)
            ),
            None,
        )


def read_export(lines: Lines, *, expected: bytes | None = None) -> Export:
    """Check an export from its first byte to its last.

    Args:
        expected: identity (32 bytes) of the box it must come from, where that is known.
    """
    reader = _Reader(expected)
    number = 0
    for number, raw in enumerate(lines(), start=1):
        if not reader.take(number, raw):
            break
    reader.finish(number, lines)
    return reader.export


def section_entries(lines: Lines, section: Section) -> Iterator[tuple[bytes, Entry | None]]:
    """Give what stands where a chain's entries should: its bytes, and the entry if it is one."""
    for raw in islice(lines(), section.line, section.line + section.entries):
        yield raw, _entry(raw)


class _Reader:
    """Takes the lines in turn."""

    def __init__(self, expected: bytes | None) -> None:
        self.export = Export()
        self._expected = expected
        self._records: list[tuple[int, str, str]] = []  # line, place, SHA-256
        self._end: ExportEnd | None = None
        self._open: _Following | None = None
        self._broken: list[Section] = []
        self._astray = 0  # last line that stands outside every chain; a run is said once

    def take(self, line: int, raw: bytes) -> bool:
        """Take one line; False: nothing after it can be believed."""
        if self._end is not None:
            self._fault(Word.EXTRA, _FILE, line)
            return False
        record = _record(raw)
        if line == 1:
            return self._take_header(raw, record)
        if record is None:
            self._take_entry(line, raw)
            return True
        self._take_record(line, raw, record)
        return True

    def finish(self, line: int, lines: Lines) -> None:
        """Say what only the whole file can say."""
        self._close(None)
        if line == 0:
            self._fault(Word.CUT_OFF, _FILE, None)
        if self.export.card is None:
            return
        for section in self._broken:
            self.export.faults += _diagnosed(section, lines)
        self._check_end(line)

    def _fault(self, word: Word, place: str, line: int | None) -> None:
        self.export.faults.append(Fault(word, place, line=line))

    def _take_header(self, raw: bytes, record: Record | None) -> bool:
        if not isinstance(record, ExportHeader):
            self._fault(Word.UNREADABLE, _HEADER, 1)
            return False
        try:
            card = open_card(base64.b64decode(record.card))
            if record.pins is not None:
                self.export.pins = open_pins(base64.b64decode(record.pins), card.identity_key)
        except SignatureError:
            self._fault(Word.NOT_SIGNED, _HEADER, 1)
            return False
        except (ContractError, ValueError):
            self._fault(Word.UNREADABLE, _HEADER, 1)
            return False
        self.export.card, self.export.made_at = card, record.made_at
        self._records.append((1, _HEADER, hashlib.sha256(raw).hexdigest()))
        if self._expected is not None and card.identity_key != self._expected:
            self._fault(Word.OTHER_IDENTITY, _HEADER, 1)
        return True

    def _take_record(self, line: int, raw: bytes, record: Record) -> None:
        match record:
            case ExportEnd():
                self._end = record
                return
            case ChainOpening():
                self._close(None)
                self._open = _Following(Section(record, line))
                self.export.sections.append(self._open.section)
                self._check_owner(record, line)
                place = f"{record.place}, its opening"
            case ChainHead():
                place = f"{record.head.chain}, its head"
                if self._open is not None:
                    place = f"{self._open.section.opening.place}, its head"
                    self._close(record.head)
                else:
                    self._fault(Word.EXTRA, place, line)
            case _:
                place = _HEADER
        self._records.append((line, place, hashlib.sha256(raw).hexdigest()))

    def _take_entry(self, line: int, raw: bytes) -> None:
        if self._open is not None:
            self._open.take(raw)
        elif self._astray != line - 1:
            self._fault(Word.UNREADABLE if _entry(raw) is None else Word.EXTRA, _FILE, line)
        if self._open is None:
            self._astray = line

    def _check_owner(self, opening: ChainOpening, line: int) -> None:
        card = self.export.card
        if opening.standing == "own":
            wanted = None if card is None else card.identity
        elif opening.standing == "held":
            pin = self.export.pins.for_link(opening.chain.partition("/")[2])
            wanted = None if pin is None else pin.identity
        else:
            return
        if opening.identity != wanted:
            self._fault(Word.OTHER_IDENTITY, f"{opening.place}, its opening", line)

    def _close(self, head: Head | None) -> None:
        following, self._open = self._open, None
        if following is None:
            return
        section = following.section
        section.head = head
        section.is_whole = head is not None and following.ends_with(head)
        if not section.is_whole:
            self._broken.append(section)

    def _check_end(self, line: int) -> None:
        end, card = self._end, self.export.card
        if end is None or card is None:
            self._fault(Word.CUT_OFF, _FILE, line)
            return
        if not _is_signed_end(end, card.identity_key):
            self._fault(Word.NOT_SIGNED, _END, None)
            return
        self.export.faults += _compared(self._records, end.records)


class _Following:
    """A chain while its lines come: whether each follows the one before."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self._n, self._prev = section.opening.after, section.opening.after_hash
        self._holds = True

    def take(self, raw: bytes) -> None:
        self.section.entries += 1
        if not self._holds:
            return
        entry = _entry(raw)
        place = (self.section.opening.chain, self._n + 1, self._prev)
        self._holds = entry is not None and (entry.chain, entry.n, entry.prev) == place
        self._n, self._prev = self._n + 1, entry_hash(raw)

    def ends_with(self, head: Head) -> bool:
        opening = self.section.opening
        mine = (opening.chain, self._n, self._prev)
        return (
            self._holds
            and (head.chain, head.n, head.hash) == mine
            and _is_signed_head(head, opening.identity_key)
        )


def _diagnosed(section: Section, lines: Lines) -> list[Fault]:
    opening, head = section.opening, section.head
    items = list(_items(lines, section))
    faults = []
    signed = head is not None and _is_signed_head(head, opening.identity_key)
    if head is None:
        last = items[-1].n if items else None
        faults.append(Fault(Word.CUT_OFF, opening.place, last, line=section.line + len(items)))
    elif not signed or head.chain != opening.chain:
        line = section.line + section.entries + 1
        faults.append(Fault(Word.NOT_SIGNED, f"{opening.place}, its head", line=line))
    # Without a signed head the last line speaks for the others; what is wrong among them shows.
    n, last_hash = (head.n, head.hash) if head is not None and signed else _last_of(items, opening)
    span = Span(opening.chain, opening.after, opening.after_hash, n, last_hash)
    return faults + diagnose(items, span, opening.place)


def _last_of(items: list[Item], opening: ChainOpening) -> tuple[int, str]:
    last = next((each for each in reversed(items) if each.prev), None)
    return (opening.after, opening.after_hash) if last is None else (last.n, last.hash)


def _items(lines: Lines, section: Section) -> Iterator[Item]:
    n = section.opening.after
    for place, (raw, entry) in enumerate(section_entries(lines, section)):
        n = n + 1 if entry is None else entry.n
        prev, chain = ("", "") if entry is None else (entry.prev, entry.chain)
        yield Item(section.line + 1 + place, n, prev, entry_hash(raw), chain)


def _compared(found: list[tuple[int, str, str]], signed: list[str]) -> list[Fault]:
    """Compare the records that stand in the file with those that were signed."""
    # One record may rightly stand there twice: the openings of two chains that were set aside.
    owed = Counter(signed)
    faults = []
    for line, place, digest in found:
        if digest not in owed:
            faults.append(Fault(Word.CHANGED, place, line=line))
        elif owed[digest] == 0:
            faults.append(Fault(Word.TWICE, place, line=line))
        else:
            owed[digest] -= 1
    gone = [at for at, digest in enumerate(signed, start=1) if owed[digest] > 0]
    if owed.total() > sum(each.word is Word.CHANGED for each in faults):
        faults.append(Fault(Word.MISSING, f"record {gone[0]} of {len(signed)}"))
    if not faults:
        for (line, place, digest), wanted in zip(found, signed, strict=False):
            if digest != wanted:
                return [Fault(Word.MOVED, place, line=line)]
    return faults


def _record(raw: bytes) -> Record | None:
    if len(raw) > MAX_LINE_BYTES or b'"record":"' not in raw:
        return None
    try:
        value = parse_canonical(raw)
        kind = value.get("record") if isinstance(value, dict) else None
        reading = _READING.get(kind) if isinstance(kind, str) else None
        return None if reading is None else reading(value)
    except ContractError:
        return None


def _entry(raw: bytes) -> Entry | None:
    if len(raw) > MAX_ENTRY_BYTES:
        return None
    try:
        return read_entry(raw)
    except ContractError:
        return None


def _is_signed_head(head: Head, identity: bytes) -> bool:
    try:
        verify_head(head, identity)
    except ContractError:
        return False
    return True


def _is_signed_end(end: ExportEnd, identity: bytes) -> bool:
    try:
        signature = base64.b64decode(end.signature, validate=True)
    except ValueError:
        return False
    return is_signed(identity, signature, end.signed_payload())
