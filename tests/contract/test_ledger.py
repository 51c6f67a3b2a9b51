"""The chain: what follows, what does not, and who vouches for it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError, MessageError, SignatureError
from bocage_contract.ledger import (
    GENESIS,
    MAX_PAGE_ENTRIES,
    Head,
    draft,
    entry_bytes,
    entry_hash,
    link_chain,
    read_entry,
    sign_head,
    verify_page,
)
from tests.contract.keys import identity, public

BOX, OTHER = identity(1), identity(2)
CHAIN = link_chain("flers-1", "flers-caen")


def chain_of(count: int, after: int = 0, prev: str = GENESIS) -> list[bytes]:
    """Write a run of entries."""
    raws = []
    for n in range(after + 1, after + count + 1):
        raw = entry_bytes(CHAIN, n, prev, draft("stored", 1.5, object="a" * 64, number=n))
        raws.append(raw)
        prev = entry_hash(raw)
    return raws


def head_of(raws: Sequence[bytes]) -> Head:
    """Vouch for a run that starts at 1."""
    return sign_head(CHAIN, len(raws), entry_hash(raws[-1]), BOX.sign)


def verify(raws: Sequence[bytes], head: Head) -> int:
    """Verify a run that starts at 1."""
    return len(verify_page(raws, head, public(BOX), after=0, after_hash=GENESIS))


@given(st.integers(1, 20), st.integers(1, 20))
def test_a_chain_is_read_in_pages(first: int, second: int) -> None:
    """A second page follows the first by number and hash."""
    page = chain_of(first)
    rest = chain_of(second, after=first, prev=entry_hash(page[-1]))
    assert verify(page, head_of(page)) == first
    entries = verify_page(
        rest,
        sign_head(CHAIN, first + second, entry_hash(rest[-1]), BOX.sign),
        public(BOX),
        after=first,
        after_hash=entry_hash(page[-1]),
    )
    assert [entry.n for entry in entries] == list(range(first + 1, first + second + 1))


def test_a_gap_a_swap_and_a_repeat_are_refused() -> None:
    """Entries follow each other without exception."""
    raws = chain_of(4)
    for broken in (raws[1:], [*raws[:1], *raws[2:]], [raws[1], raws[0], *raws[2:]], raws + raws):
        with pytest.raises(ContractError):
            verify(broken, head_of(raws))


def test_a_page_that_stops_before_its_head_is_refused() -> None:
    """Nobody can hold back the last entries of a page."""
    raws = chain_of(4)
    with pytest.raises(SignatureError):
        verify(raws[:3], head_of(raws))


def test_the_head_must_be_signed_by_the_box() -> None:
    """Another box's word about this chain is nothing."""
    raws = chain_of(2)
    with pytest.raises(SignatureError):
        verify(raws, sign_head(CHAIN, 2, entry_hash(raws[-1]), OTHER.sign))
    with pytest.raises(SignatureError):
        verify(raws, head_of(raws).model_copy(update={"n": 3}))
    with pytest.raises(SignatureError):
        verify(raws, head_of(raws).model_copy(update={"signature": "?"}))


def test_every_flipped_byte_of_an_entry_is_noticed() -> None:
    """No byte of a signed chain can change."""
    raws = chain_of(2)
    head = head_of(raws)
    for place in range(len(raws[0])):
        flipped = raws[0][:place] + bytes([raws[0][place] ^ 1]) + raws[0][place + 1 :]
        with pytest.raises(ContractError):
            verify([flipped, raws[1]], head)


def test_a_billion_entries_are_not_even_read() -> None:
    """The size of a page is checked first."""
    raws = chain_of(1) * (MAX_PAGE_ENTRIES + 1)
    with pytest.raises(MessageError, match="too large"):
        verify(raws, head_of(raws))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"n":1}',
        json.dumps(json.loads(chain_of(1)[0])).encode(),
        b'"' + b"x" * 5000 + b'"',
    ],
)
def test_what_is_no_entry_is_refused(raw: bytes) -> None:
    """Other shapes, other spellings and other sizes."""
    with pytest.raises(MessageError):
        read_entry(raw)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "DUPONT^Hélène"},
        {"name": "x" * 201},
        {"Name": "a"},
        {"at": 1.5},
        {"nested": {"a": 1}},
        {"many": [["a"]]},
        {"text": "line\nline"},
    ],
)
def test_a_body_has_no_place_for_a_patient(body: dict[str, object]) -> None:
    """Closed alphabets, short texts, no nesting."""
    with pytest.raises(MessageError):
        draft("stored", 1.0, **body)  # type: ignore[arg-type]


def test_an_entry_that_is_too_large_is_not_written() -> None:
    """Four kilobytes are the limit on both sides."""
    objects = ["a" * 64] * 80
    with pytest.raises(MessageError, match="too large"):
        entry_bytes(CHAIN, 1, GENESIS, draft("stored", 1.0, objects=list(objects)))


def test_an_entry_is_pinned_to_its_bytes() -> None:
    """The form of an entry never changes: other boxes hold its hash."""
    raw = entry_bytes(CHAIN, 1, GENESIS, draft("stored", 1.25, object="a", again=True))
    assert raw == canonical_json(
        {
            "chain": "flers-1/flers-caen",
            "n": 1,
            "prev": "0" * 64,
            "at": 1250,
            "kind": "stored",
            "body": {"object": "a", "again": True},
        }
    )
