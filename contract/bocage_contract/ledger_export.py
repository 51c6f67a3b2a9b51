"""The ledger as a file that can be checked without its box: docs/ledger-export.md. Pure.

One canonical JSON value a line. A line with `record` is one of the records below; every other line
is an entry, in the very bytes its hash was taken of. So a chain of any length is written and read
as a stream, and every byte of the file is vouched for:

    header        card and confirmed partners, each signed by the box
    chain         opens a chain: whose, of which link, which of the holder's copies
    (entries)     each vouched for by the next, the last by
    head          signed by the box that wrote the chain
    …
    end           hashes of all records, signed by the box that made the export
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.ledger import ChainId, Head
from bocage_contract.model import Model
from bocage_contract.names import Hex64, PublicKey
from bocage_contract.signing import Signer, to_be_signed

EXPORT_TYPE = "bocage.ledger-export"
MAX_LINE_BYTES = 4 << 20

Standing = Literal["own", "held", "set_aside", "fork"]
_Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class ExportHeader(Model):
    """The first line."""

    record: Literal["header"] = "header"
    contract: int = CONTRACT
    made_at: int = Field(ge=0, description="Unix seconds.")
    card: _Base64 = Field(description="The box's card, an envelope.")
    pins: _Base64 | None = Field(None, description="Its confirmed partners, an envelope.")


class ChainOpening(Model):
    """Opens a chain; its entries follow.

    Standing: `own`, written by this box; `held`, the copy of the partner's; `set_aside`, the copy
    of a partner's that began anew or was replaced; `fork`, a second history that a partner signed.
    """

    record: Literal["chain"] = "chain"
    chain: ChainId
    identity: PublicKey = Field(description="Of the box that wrote it.")
    standing: Standing
    after: int = Field(0, ge=0, description="Number before its first entry here.")
    after_hash: Hex64 = "0" * 64

    @property
    def identity_key(self) -> bytes:
        """Ed25519 public key, 32 bytes."""
        return base64.b64decode(self.identity)

    @property
    def place(self) -> str:
        """How it is called in a fault."""
        return f"{self.chain} ({self.standing.replace('_', ' ')})"


class ChainHead(Model):
    """Ends a chain."""

    record: Literal["head"] = "head"
    head: Head


class ExportEnd(Model):
    """The last line: the SHA-256 of every record before it, in order, signed."""

    record: Literal["end"] = "end"
    records: list[Hex64]
    signature: _Base64 = Field(description="64 bytes, by the exporting box's identity.")

    def signed_payload(self) -> bytes:
        """Give the bytes the signature covers."""
        return to_be_signed(EXPORT_TYPE, records_digest(self.records))


Record = ExportHeader | ChainOpening | ChainHead | ExportEnd
Chain = tuple[ChainOpening, Iterable[bytes], Head]


def records_digest(records: list[str]) -> bytes:
    """Give the 32 bytes that are signed for a list of records."""
    return hashlib.sha256(canonical_json(records)).digest()


def write_export(header: ExportHeader, chains: Iterable[Chain], sign: Signer) -> Iterator[bytes]:
    """Write an export, a line at a time, each with its end of line.

    Args:
        chains: opening, exact bytes of the entries up to the head, head.
        sign: signs a 32-byte digest as an `EXPORT_TYPE`; asked once, at the end.
    """
    records: list[str] = []

    def line(record: Record) -> bytes:
        raw = canonical_json(record.to_json())
        records.append(hashlib.sha256(raw).hexdigest())
        return raw + b"\n"

    yield line(header)
    for opening, entries, head in chains:
        yield line(opening)
        for raw in entries:
            yield raw + b"\n"
        yield line(ChainHead(head=head))
    signature = base64.b64encode(sign(records_digest(records))).decode()
    yield canonical_json(ExportEnd(records=records, signature=signature).to_json()) + b"\n"
