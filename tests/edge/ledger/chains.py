"""Chains for tests: written by a box with a known identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bocage_contract.ledger import (
    GENESIS,
    Entry,
    EntryDraft,
    Head,
    draft,
    entry_bytes,
    entry_hash,
    read_entry,
    sign_head,
)
from bocage_edge.ledger.own import Addition
from tests.contract.keys import identity

OWN, PARTNER, STRANGER = identity(1), identity(2), identity(3)
LINK = "flers-caen"


def write_chain(
    drafts: Sequence[EntryDraft], chain: str = f"caen-1/{LINK}", signer: int = 2
) -> tuple[list[bytes], Head]:
    """Write a chain and sign its head."""
    raws: list[bytes] = []
    last = GENESIS
    for number, written in enumerate(drafts, start=1):
        raws.append(entry_bytes(chain, number, last, written))
        last = entry_hash(raws[-1])
    return raws, sign_head(chain, len(raws), last, identity(signer).sign)


def head_at(raws: Sequence[bytes], chain: str = f"caen-1/{LINK}", signer: int = 2) -> Head:
    """Sign a head over a chain's first entries."""
    last = entry_hash(raws[-1]) if raws else GENESIS
    return sign_head(chain, len(raws), last, identity(signer).sign)


def drafts(count: int, kind: str = "stored") -> list[EntryDraft]:
    """Drafts that differ."""
    return [draft(kind, 1.0, number=number) for number in range(count)]


def additions(
    count: int, *, source: str = "receive:1", chain: str = "flers-1/box", start: int = 1
) -> list[Addition]:
    """Additions as an outbox brings them."""
    return [
        Addition(source, str(number), chain, draft("received", 1.0, number=number))
        for number in range(start, start + count)
    ]


def entries(chain: str, *written: tuple[str, Mapping[str, object]]) -> list[Entry]:
    """Entries of a chain, from kind and body."""
    listed = [EntryDraft(kind=kind, at=number, body=dict(body)) for number, (kind, body) in
              enumerate(written)]  # fmt: skip
    return [read_entry(raw) for raw in write_chain(listed, chain)[0]]
