"""Exported ledgers for tests: of the two boxes of a link, at any moment of their lives."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import seal_card
from bocage_contract.ledger import GENESIS, EntryDraft, draft, entry_bytes, entry_hash, sign_head
from bocage_contract.ledger_export import (
    EXPORT_TYPE,
    Chain,
    ChainOpening,
    ExportHeader,
    write_export,
)
from bocage_contract.pins import Pin, Pins, seal_pins
from bocage_contract.signing import to_be_signed
from tests.contract.keys import card_of, identity, public, text

FLERS, CAEN, STRANGER = identity(1), identity(2), identity(3)
LINK = "flers-caen"
OURS, THEIRS = f"flers-1/{LINK}", f"caen-1/{LINK}"


def drafts(count: int, kind: str = "stored", start: int = 0) -> list[EntryDraft]:
    """Drafts that differ."""
    return [draft(kind, 1.0, object=f"{n:064x}", number=n) for n in range(start, start + count)]


def raws_of(chain: str, written: Sequence[EntryDraft]) -> list[bytes]:
    """Write a chain's entries."""
    raws: list[bytes] = []
    for n, each in enumerate(written, start=1):
        raws.append(entry_bytes(chain, n, entry_hash(raws[-1]) if raws else GENESIS, each))
    return raws


def chain_of(
    chain: str,
    raws: Sequence[bytes],
    key: Ed25519PrivateKey,
    standing: str = "own",
    *,
    signer: Ed25519PrivateKey | None = None,
) -> Chain:
    """Put a chain together as an export carries it."""
    opening = ChainOpening.of({"chain": chain, "identity": text(public(key)), "standing": standing})
    last = entry_hash(raws[-1]) if raws else GENESIS
    return opening, list(raws), sign_head(chain, len(raws), last, (signer or key).sign)


def export_of(
    key: Ed25519PrivateKey,
    device: str,
    chains: Sequence[Chain],
    partner: tuple[str, Ed25519PrivateKey] | None = None,
    *,
    made_at: int = 1_800_000_000,
) -> list[bytes]:
    """Write an export and give its lines."""
    pinned = [] if partner is None else [
        Pin(link=LINK, device=partner[0], identity=text(public(partner[1])), card_serial=1,
            confirmed_at=1)
    ]  # fmt: skip
    pins = seal_pins(Pins(revision=1, pins=pinned), key.sign, public(key))
    header = ExportHeader(
        made_at=made_at,
        card=base64.b64encode(seal_card(card_of(key, device), key.sign)).decode(),
        pins=base64.b64encode(pins).decode(),
    )
    sign = lambda digest: key.sign(to_be_signed(EXPORT_TYPE, digest))  # noqa: E731
    return [line.removesuffix(b"\n") for line in write_export(header, chains, sign)]


def flers(own: Sequence[bytes], held: Sequence[bytes]) -> list[bytes]:
    """The hospital's export: its chain, and its copy of the practice's."""
    box = raws_of("flers-1/box", drafts(4, "started"))
    return export_of(
        FLERS,
        "flers-1",
        [
            chain_of("flers-1/box", box, FLERS),
            chain_of(OURS, own, FLERS),
            chain_of(THEIRS, held, CAEN, "held"),
        ],
        ("caen-1", CAEN),
    )


def caen(own: Sequence[bytes], held: Sequence[bytes]) -> list[bytes]:
    """The practice's export: its chain, and its copy of the hospital's."""
    return export_of(
        CAEN,
        "caen-1",
        [chain_of(THEIRS, own, CAEN), chain_of(OURS, held, FLERS, "held")],
        ("flers-1", FLERS),
    )
