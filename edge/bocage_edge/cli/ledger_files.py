"""The ledger as a file: writing it, checking it, laying two of them side by side."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import click

from bocage_contract.errors import MessageError
from bocage_contract.ledger import MAX_PAGE_ENTRIES, Head
from bocage_contract.ledger_export import (
    EXPORT_TYPE,
    MAX_LINE_BYTES,
    Chain,
    ChainOpening,
    ExportHeader,
    write_export,
)
from bocage_contract.ledger_reading import Export, Lines, Section, read_export
from bocage_edge import configuration
from bocage_edge.keeper.client import HeldChain, Keeper
from bocage_edge.ledger.pair import Finding, Side, compare, links_of
from bocage_edge.ledger.reconcile import Report
from bocage_edge.paths import Box
from bocage_system.durable import read_limited


def keeper_of(box: Box) -> Keeper:
    """Give the way to the keeper, which is closed when the command ends."""
    keeper = Keeper(box.keeper_socket)
    click.get_current_context().call_on_close(keeper.close)
    return keeper


def lines_of(path: Path) -> Lines:
    """Give a file's lines, each bounded, as often as asked."""

    def lines() -> Iterator[bytes]:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line.removesuffix(b"\n")

    return lines


def check_file(path: Path, identity: str | None) -> Export:
    """Read an export and everything that is wrong with it.

    Args:
        identity: public key (base64) of the box it must be of.

    Raises:
        MessageError: the key is no key.
    """
    try:
        expected = None if identity is None else base64.b64decode(identity, validate=True)
    except ValueError:
        raise MessageError("--identity: a public key is 32 bytes in base64") from None
    return read_export(lines_of(path), expected=expected)


def histories_in(found: Export) -> list[str]:
    """Say in words which second histories an export holds: the box kept them as evidence."""
    return [
        f"{each.opening.chain}: a second history was signed, entries {_stretch(each)}"
        for each in found.sections
        if each.opening.standing == "fork"
    ]


def _stretch(section: Section) -> str:
    first = section.opening.after + (1 if section.entries else 0)
    return f"{first} to {first + max(section.entries, 1) - 1}"


def pair_files(one: Path, other: Path) -> tuple[list[str], list[Finding], list[Report]]:
    """Lay two exports side by side.

    Returns:
        What is wrong in either file, in words; the disagreements; the objects of each link.

    Raises:
        MessageError: one cannot be read at all, or they have no link in common.
    """
    ours, theirs = sides = _side(one), _side(other)
    for path, side in zip((one, other), sides, strict=True):
        if side.export.card is None:
            raise MessageError(f"{path.name} is no ledger export that can be believed")
    links = links_of(ours, theirs)
    if not links:
        raise MessageError("these two boxes have no link in common: take the exports of its ends")
    faults = [
        f"{path.name}: {fault.text}"
        for path, side in zip((one, other), sides, strict=True)
        for fault in side.export.faults
    ]
    findings, reports = [], []
    for link in links:
        found, report = compare(ours, theirs, link)
        findings += found
        reports.append(report)
    return faults, findings, reports


def _side(path: Path) -> Side:
    return Side(read_export(lines_of(path)), lines_of(path))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--link", "link_id", help="Only the chains of this link.")
@click.pass_obj
def export(box: Box, file: Path, link_id: str | None) -> None:
    """Write the ledger, and the copies of partners', into a file that can be checked anywhere."""
    keeper, card = keeper_of(box), configuration.load_card(box)
    has_pins = box.pins.exists()
    header = ExportHeader(
        made_at=int(box.clock().now()),
        card=base64.b64encode(box.card.read_bytes()).decode(),
        pins=base64.b64encode(read_limited(box.pins, 1 << 20)).decode() if has_pins else None,
    )
    written = 0
    with file.open("wb") as out:
        chains = _chains(keeper, card.identity, link_id)
        for line in write_export(header, chains, lambda digest: keeper.sign(EXPORT_TYPE, digest)):
            out.write(line)
            written += 1
    click.echo(f"{written} lines", err=True)


def _chains(keeper: Keeper, identity: str, link_id: str | None) -> Iterator[Chain]:
    own, held = keeper.chains()
    for chain in own:
        if link_id in (None, chain.partition("/")[2]):
            head = keeper.head(chain)
            opening = ChainOpening(chain=chain, identity=identity, standing="own")
            yield opening, own_entries(keeper, chain, head), head
    for each in held:
        if link_id in (None, each.opening.chain.partition("/")[2]):
            yield each.opening, kept_entries(keeper, each), each.head


def own_entries(keeper: Keeper, chain: str, head: Head) -> Iterator[bytes]:
    """Give the bytes of an own chain up to a head."""
    after = 0
    while after < head.n:
        raws, _ = keeper.entries(chain, after, min(MAX_PAGE_ENTRIES, head.n - after))
        if not raws:
            return
        yield from raws
        after += len(raws)


def kept_entries(keeper: Keeper, kept: HeldChain) -> Iterator[bytes]:
    """Give the bytes of a kept chain up to its head."""
    if kept.opening.standing == "fork":
        yield from keeper.fork_entries(kept.id)
        return
    after = 0
    while after < kept.head.n:
        raws = keeper.held_entries(kept.id, after, min(MAX_PAGE_ENTRIES, kept.head.n - after))
        if not raws:
            return
        yield from raws
        after += len(raws)
