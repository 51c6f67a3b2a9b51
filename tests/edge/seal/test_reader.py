from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.errors import SealError
from bocage_edge.seal.age import AgeWriter, age_read
from bocage_edge.seal.container import (
    MAGIC,
    Block,
    BlockType,
    Trailer,
    block_head,
    json_block,
    read_blocks,
    zstd_payload_head,
)
from bocage_edge.seal.errors import (
    BrokenSealError,
    CodecFailedError,
    DigestMismatchError,
    NotForUsError,
)
from bocage_edge.seal.keys import new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_plain, open_sealed
from tests.edge.seal.making import EXPLICIT, OPENING, opened, seal

pytestmark = pytest.mark.processes

DATA = EXPLICIT.identity() + EXPLICIT.image(64, 64) + EXPLICIT.pixels(bytes(range(256)) * 32)


@pytest.fixture(scope="module")
def sealed(pool: CodecPool) -> bytes:
    return seal(DATA, pool)[1]


def plain_of(sealed: bytes) -> bytes:
    return b"".join(age_read(io.BytesIO(sealed), [OPENING.secret]))


def sealed_again(plain: bytes) -> bytes:
    """Seal bytes of our making, as a partner who lies could."""
    out = io.BytesIO()
    writer = AgeWriter(out.write, [OPENING.recipient])
    writer.write(plain)
    writer.close()
    return out.getvalue()


def rebuilt(plain: bytes, change: Callable[[Block], bytes]) -> bytes:
    return MAGIC + b"".join(change(block) for block in read_blocks(iter([plain])))


def as_it_was(block: Block) -> bytes:
    return block_head(block.type, len(block.payload)) + block.payload


def test_it_opens_with_either_key_and_with_no_other(sealed: bytes, pool: CodecPool) -> None:
    assert opened(sealed, pool) == DATA
    with pytest.raises(NotForUsError):
        open_sealed(io.BytesIO(sealed), [new_key().secret], pool)


def test_what_age_took_off_opens_too(sealed: bytes, pool: CodecPool) -> None:
    plain = plain_of(sealed)
    pieces = [plain[at : at + 1000] for at in range(0, len(plain), 1000)]
    assert b"".join(open_plain(iter(pieces), pool).blocks()) == DATA


def test_the_trailer_is_there_only_after_all_was_verified(sealed: bytes, pool: CodecPool) -> None:
    found = open_sealed(io.BytesIO(sealed), [OPENING.secret], pool)
    blocks = found.blocks()
    next(blocks)
    assert found.trailer is None
    assert sum(map(len, blocks)) > 0
    assert found.trailer is not None


def test_other_bytes_than_were_sealed_are_told(sealed: bytes, pool: CodecPool) -> None:
    def change(block: Block) -> bytes:
        if block.type is not BlockType.ZSTD:
            return as_it_was(block)
        return block_head(BlockType.RAW, 3) + b"abc"

    with pytest.raises(DigestMismatchError):
        opened(sealed_again(rebuilt(plain_of(sealed), change)), pool)


def test_a_trailer_that_lies_is_told(sealed: bytes, pool: CodecPool) -> None:
    def change(block: Block) -> bytes:
        if block.type is not BlockType.TRAILER:
            return as_it_was(block)
        return json_block(BlockType.TRAILER, Trailer("00" * 32, None, len(DATA)).to_json())

    with pytest.raises(DigestMismatchError):
        opened(sealed_again(rebuilt(plain_of(sealed), change)), pool)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        zstd_payload_head(100) + b"no zstd",
        zstd_payload_head(0xFFFFFFFF) + b"x",
        # A frame of zstd that says it holds 3 bytes, announced as 5.
        zstd_payload_head(5) + bytes.fromhex("28b52ffd200319000061626300"),
    ],
)
def test_a_zstd_block_that_lies_is_refused(sealed: bytes, pool: CodecPool, payload: bytes) -> None:
    def change(block: Block) -> bytes:
        if block.type is not BlockType.ZSTD:
            return as_it_was(block)
        return block_head(BlockType.ZSTD, len(payload)) + payload

    with pytest.raises(BrokenSealError):
        opened(sealed_again(rebuilt(plain_of(sealed), change)), pool)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", BrokenSealError),
        (b"\x10\x01\x00\x00" + b"\xff" * 8, BrokenSealError),
        (b"\x0c\x01\x00\x00" + b"\0\0\0\x10" * 2, BrokenSealError),
        (b"\x10\x01\x00\x00" + b"\0\0\0\x10" * 2 + b"no codestream", CodecFailedError),
    ],
)
def test_a_block_of_pixels_that_lies_is_refused(
    sealed: bytes, pool: CodecPool, payload: bytes, error: type[SealError]
) -> None:
    def change(block: Block) -> bytes:
        if block.type is not BlockType.FRAME:
            return as_it_was(block)
        return block_head(BlockType.FRAME, len(payload)) + payload

    with pytest.raises(error):
        opened(sealed_again(rebuilt(plain_of(sealed), change)), pool)


def test_pixels_need_a_codec(sealed: bytes) -> None:
    with pytest.raises(CodecFailedError):
        opened(sealed, None)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_inside_the_seal_passes(
    sealed: bytes, pool: CodecPool, place: int, flip: int
) -> None:
    plain = bytearray(plain_of(sealed))
    # The header's own words are the sender's to say; all that is behind them is covered.
    start = len(MAGIC) + 5 + int.from_bytes(plain[9:13])
    plain[start + place % (len(plain) - start)] ^= flip
    try:
        assert b"".join(open_plain(iter([bytes(plain)]), pool).blocks()) == DATA
    except SealError:
        return
