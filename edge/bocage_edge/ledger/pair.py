"""The exports of the two boxes of a link, laid side by side. Pure.

Each box holds its own chain and a copy of the other's, so every entry is there twice. Where the two
disagree, it can be told what happened:

    changed         one entry differs, those after it do not: a file was edited
    fork            from a number on other entries, or a second history that the partner kept as
                    evidence: two were signed
    behind          the box's own chain ends before its partner's copy: cut off, or an old image
    restored        the partner set the old copy aside: an old image, and a new epoch since
    replaced        the partner set a chain of another identity aside: another box
    other identity  the partner has confirmed another box than the one that made the export
    object          what the two say of an object cannot be true on both sides
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bocage_contract.ledger import Entry, entry_hash, link_chain
from bocage_contract.ledger_reading import Export, Lines, Section, section_entries
from bocage_edge.ledger.reconcile import Report, objects_of, reconcile


class Disagreement(StrEnum):
    """What kind; see the module."""

    CHANGED = "changed"
    FORK = "fork"
    BEHIND = "behind"
    RESTORED = "restored"
    REPLACED = "replaced"
    OTHER_IDENTITY = "other identity"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement and its place.

    Args:
        chain: whose entries; of an object: the link.
        n: first number concerned; None where it is no entry.
        until: last number concerned.
        objects: names of the objects the entries speak of.
    """

    word: Disagreement
    chain: str
    n: int | None = None
    until: int | None = None
    objects: tuple[str, ...] = ()
    words: str = ""

    @property
    def text(self) -> str:
        """Say it to an operator."""
        entries = "" if self.n is None else f", entries {self.n} to {self.until}"
        objects = "".join(f" {name[:12]}" for name in self.objects)
        said = "; ".join(filter(None, (self.words, objects and f"objects{objects}")))
        return f"{self.chain}{entries}: {self.word.value}" + (f" ({said})" if said else "")


@dataclass(frozen=True, slots=True)
class Side:
    """One export: what was read of it, and its lines."""

    export: Export
    lines: Lines

    @property
    def device(self) -> str:
        """The box it is of."""
        return "" if self.export.card is None else self.export.card.device

    def kept(self, standing: str, chain: str) -> Iterator[Section]:
        """Give the copies of a chain that stand so."""
        for each in self.export.sections:
            if (each.opening.standing, each.opening.chain) == (standing, chain):
                yield each

    def read(self, section: Section | None) -> list[tuple[Entry, str]]:
        """Give a chain's entries as they stand in the file, each with its hash."""
        if section is None:
            return []
        return [
            (entry, entry_hash(raw))
            for raw, entry in section_entries(self.lines, section)
            if entry is not None
        ]


def links_of(one: Side, other: Side) -> list[str]:
    """Name the links between the two boxes, as either knows them."""
    pairs = ((one, other.device), (other, one.device))
    return sorted(
        {
            pin.link
            for side, partner in pairs
            for pin in side.export.pins.pins
            if pin.device == partner
        }
    )


def compare(one: Side, other: Side, link: str) -> tuple[list[Finding], Report]:
    """Lay the two exports side by side, for one link.

    Returns:
        The disagreements, and how far the objects of both directions came.
    """
    findings = [*_chain(one, other, link), *_chain(other, one, link)]
    made_at = max(one.export.made_at, other.export.made_at)
    report = reconcile(
        (entry for entry, _ in _own(one, link)),
        (entry for entry, _ in _own(other, link)),
        own_name=one.device,
        partner_name=other.device,
        now=made_at,
    )
    findings += [
        Finding(Disagreement.OBJECT, link, objects=(each.object,), words=each.words)
        for each in report.differences
    ]
    return findings, report


def _own(side: Side, link: str) -> list[tuple[Entry, str]]:
    chain = link_chain(side.device, link)
    return side.read(next(side.kept("own", chain), None))


def _chain(writer: Side, holder: Side, link: str) -> Iterator[Finding]:
    """Compare a box's own chain with every copy its partner has."""
    chain, card = link_chain(writer.device, link), writer.export.card
    if card is None:
        return
    pin = holder.export.pins.for_link(link)
    if pin is None or pin.identity != card.identity:
        yield Finding(
            Disagreement.OTHER_IDENTITY, chain, words=f"{holder.device} confirmed another box"
        )
    own = _own(writer, link)
    for standing in ("held", "set_aside"):
        for section in holder.kept(standing, chain):
            copy = holder.read(section)
            if section.opening.identity == card.identity:
                yield from _differences(chain, own, copy, is_set_aside=standing == "set_aside")
            elif standing == "set_aside":
                yield Finding(Disagreement.REPLACED, chain, 1, len(copy), words="by another box")
    for section in holder.kept("fork", chain):
        yield _kept_fork(holder, section)


def _kept_fork(holder: Side, section: Section) -> Finding:
    """What is kept as a fork contradicts what the same box signed: that needs no comparison."""
    opening, entries = section.opening, [entry for entry, _ in holder.read(section)]
    words = f"{holder.device} keeps the second history"
    if not entries:
        return Finding(Disagreement.FORK, opening.chain, opening.after, opening.after, words=words)
    found = _finding(Disagreement.FORK, opening.chain, entries)
    return replace(found, words=words)


def _differences(
    chain: str,
    own: Sequence[tuple[Entry, str]],
    copy: Sequence[tuple[Entry, str]],
    *,
    is_set_aside: bool,
) -> Iterator[Finding]:
    hashes = {entry.n: digest for entry, digest in own}
    last_own = max(hashes, default=0)
    last_copy = max((entry.n for entry, _ in copy), default=0)
    other = [e for e, digest in copy if e.n in hashes and hashes[e.n] != digest]
    beyond = [entry for entry, _ in copy if entry.n > last_own]
    if is_set_aside:
        if gone := [*other, *beyond]:
            yield _finding(Disagreement.RESTORED, chain, gone)
        return
    # A fork goes on to the end of the shorter of the two; an edit does not.
    shared_end = min(last_own, last_copy)
    tail: list[Entry] = []
    while other and other[-1].n == shared_end - len(tail):
        tail.append(other.pop())
    if tail:
        yield _finding(Disagreement.FORK, chain, tail[::-1])
    for entry in other:
        yield _finding(Disagreement.CHANGED, chain, [entry])
    if beyond:
        yield _finding(Disagreement.BEHIND, chain, beyond)


def _finding(word: Disagreement, chain: str, entries: Sequence[Entry]) -> Finding:
    objects = tuple(dict.fromkeys(name for entry in entries for name in objects_of(entry)))
    return Finding(word, chain, entries[0].n, entries[-1].n, objects)
