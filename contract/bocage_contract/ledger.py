"""The ledger's chain: what an entry is, how entries hang together, who vouches for them.

A chain is a list of entries, each naming the hash of the one before. The box signs a *head*
(chain, number, hash): one signature vouches for every entry up to it. Receipts are entries.

Rules, all checked by `verify_page`:
    1. an entry is canonical JSON, at most 4 KiB;
    2. entries of a chain are numbered 1, 2, 3 … without a gap;
    3. an entry's `prev` is the SHA-256 of the entry before (64 zeros for the first);
    4. the head's hash is the last entry's, its signature that of the box's identity.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from bocage_contract.canonical import canonical_json, parse_canonical
from bocage_contract.errors import MessageError, SignatureError
from bocage_contract.model import Model
from bocage_contract.names import Hex64
from bocage_contract.signing import Signer, is_signed, to_be_signed

HEAD_TYPE = "bocage.ledger-head"
GENESIS = "0" * 64
MAX_ENTRY_BYTES = 4096
MAX_PAGE_ENTRIES = 1000

ChainId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}/[a-z0-9-]{1,48}$")]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,31}$")]

# Bodies hold names of closed alphabets, numbers, and lists of them: no place for a patient's name.
# Longer texts are ours alone and come from a fixed list of sentences.
BodyText = Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._:/+=,;()'\[\]-]{0,200}$")]
BodyValue = BodyText | int | bool | None
_BODY: TypeAdapter[dict[str, BodyValue | list[BodyValue]]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], BodyValue | list[BodyValue]]
)


class EntryDraft(Model):
    """An entry before it has its place in a chain."""

    kind: Kind
    at: int = Field(ge=0, description="Unix milliseconds, when it happened.")
    body: dict[str, Any]


class Entry(Model):
    """One entry of a chain."""

    chain: ChainId
    n: int = Field(ge=1)
    prev: Hex64
    at: int = Field(ge=0, description="Unix milliseconds.")
    kind: Kind
    body: dict[str, Any]


class Head(Model):
    """A box's word that a chain stands so. `signature` is base64, by the box's identity."""

    chain: ChainId
    n: int = Field(ge=0)
    hash: Hex64
    signature: str = Field(max_length=88)


def draft(kind: str, now: float, **body: BodyValue | list[BodyValue]) -> EntryDraft:
    """Make a draft, refusing a body that could hold free text.

    Args:
        now: Unix seconds.

    Raises:
        MessageError: a value is outside the closed alphabet.
    """
    try:
        _BODY.validate_python(body, strict=True)
    except ValidationError as error:
        places = sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False)})
        raise MessageError(f"ledger entry {kind}: not allowed in {', '.join(places)}") from None
    return EntryDraft(kind=kind, at=int(now * 1000), body=dict(body))


def link_chain(device: str, link: str) -> str:
    """Name the chain in which a box writes what happens on a link."""
    return f"{device}/{link}"


def box_chain(device: str) -> str:
    """Name the chain in which a box writes what concerns no link."""
    return f"{device}/box"


def entry_bytes(chain: str, n: int, prev: str, written: EntryDraft) -> bytes:
    """Write the entry that takes place `n`, after the entry with hash `prev`.

    Raises:
        MessageError: it is larger than 4 KiB.
    """
    entry = Entry(chain=chain, n=n, prev=prev, at=written.at, kind=written.kind, body=written.body)
    raw = canonical_json(entry.to_json())
    if len(raw) > MAX_ENTRY_BYTES:
        raise MessageError(f"a ledger entry of {len(raw)} bytes is too large")
    return raw


def entry_hash(raw: bytes) -> str:
    """Name an entry: SHA-256 of its bytes, 64 hex digits."""
    return hashlib.sha256(raw).hexdigest()


def sign_head(chain: str, n: int, last_hash: str, signer: Signer) -> Head:
    """Vouch for a chain up to entry `n`."""
    signature = signer(to_be_signed(HEAD_TYPE, _head_payload(chain, n, last_hash)))
    return Head(chain=chain, n=n, hash=last_hash, signature=base64.b64encode(signature).decode())


def verify_head(head: Head, identity: bytes) -> None:
    """Check that the box with this identity vouches for the head.

    Raises:
        SignatureError: it does not.
    """
    signed = to_be_signed(HEAD_TYPE, _head_payload(head.chain, head.n, head.hash))
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except ValueError:
        raise SignatureError("a ledger head's signature is not base64") from None
    if not is_signed(identity, signature, signed):
        raise SignatureError(f"the head of {head.chain} is not signed by its box")


def verify_page(
    raws: Sequence[bytes], head: Head, identity: bytes, *, after: int, after_hash: str
) -> list[Entry]:
    """Check a run of entries that follows what we hold, up to a signed head.

    Args:
        raws: entries `after + 1` to `head.n`, as the other box wrote them.
        after: number of the last entry we hold (0: none).
        after_hash: its hash (64 zeros: none).

    Raises:
        MessageError: an entry breaks a rule of the chain.
        SignatureError: the head is not signed by that identity, or is not of these entries.
    """
    if len(raws) > MAX_PAGE_ENTRIES:
        raise MessageError(f"a page of {len(raws)} ledger entries is too large")
    verify_head(head, identity)
    entries = []
    n, prev = after, after_hash
    for raw in raws:
        entry = read_entry(raw)
        n += 1
        if (entry.chain, entry.n, entry.prev) != (head.chain, n, prev):
            raise MessageError(f"entry {entry.n} of {head.chain} does not follow entry {n - 1}")
        prev = entry_hash(raw)
        entries.append(entry)
    if (head.n, head.hash) != (n, prev):
        raise SignatureError(f"the head of {head.chain} is not that of its entries")
    return entries


def verify_chain(raws: Iterable[bytes], head: Head, identity: bytes) -> Iterator[Entry]:
    """Give the entries of a whole chain, checked from the first to the signed head.

    What was given before an error is no more to be believed than what comes after it.

    Raises:
        MessageError, SignatureError: as `verify_page`.
    """
    verify_head(head, identity)
    n, prev = 0, GENESIS
    for raw in raws:
        entry = read_entry(raw)
        if (entry.chain, entry.n, entry.prev) != (head.chain, n + 1, prev):
            raise MessageError(f"entry {entry.n} of {head.chain} does not follow entry {n}")
        n, prev = entry.n, entry_hash(raw)
        yield entry
    if (head.n, head.hash) != (n, prev):
        raise SignatureError(f"the head of {head.chain} is not that of its entries")


def read_entry(raw: bytes) -> Entry:
    """Read one entry.

    Raises:
        MessageError: too large, not canonical, or not an entry.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise MessageError(f"a ledger entry of {len(raw)} bytes is too large")
    value = parse_canonical(raw)
    if not isinstance(value, dict):
        raise MessageError("a ledger entry is not an object")
    return Entry.of(value)


def _head_payload(chain: str, n: int, last_hash: str) -> bytes:
    return canonical_json({"chain": chain, "n": n, "hash": last_hash})
