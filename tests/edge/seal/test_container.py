from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.errors import SealError
from bocage_edge.seal.container import (
    MAGIC,
    Block,
    BlockType,
    Header,
    Trailer,
    block_head,
    json_block,
    read_blocks,
)
from bocage_edge.seal.errors import BrokenSealError
from tests.edge.seal.making import header_for

HEADER = header_for("1.2.840.10008.1.2.1")
TRAILER = Trailer("00" * 32, None, 5)
WHOLE = (
    MAGIC
    + json_block(BlockType.HEADER, HEADER.to_json())
    + block_head(BlockType.RAW, 5)
    + b"hello"
    + json_block(BlockType.TRAILER, TRAILER.to_json())
)


def blocks_of(raw: bytes, piece: int = 7) -> list[Block]:
    return list(read_blocks(iter([raw[at : at + piece] for at in range(0, len(raw), piece)])))


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_blocks_are_found_in_pieces_of_any_size(piece: int) -> None:
    found = blocks_of(WHOLE, piece)
    assert [each.type for each in found] == [BlockType.HEADER, BlockType.RAW, BlockType.TRAILER]
    assert found[1].payload == b"hello"


def test_header_and_trailer_come_back() -> None:
    found = blocks_of(WHOLE)
    assert Header.from_json(json.loads(found[0].payload)) == HEADER
    assert Trailer.from_json(json.loads(found[2].payload)) == TRAILER


def test_words_of_a_newer_header_are_kept() -> None:
    newer = {**HEADER.to_json(), "convention": "flers-2"}
    assert Header.from_json(newer).to_json() == newer


@given(st.integers(0, len(WHOLE) - 1))
def test_every_cut_is_noticed(end: int) -> None:
    with pytest.raises(BrokenSealError):
        blocks_of(WHOLE[:end])


@pytest.mark.parametrize(
    "raw",
    [
        b"BOCAGE2\n" + WHOLE[8:],
        WHOLE + b"x",
        MAGIC + b"X\0\0\0\0",
        MAGIC + b"R\xff\xff\xff\xff",
        MAGIC + b"H\x00\x02\x00\x00",
    ],
    ids=["other magic", "after the trailer", "unknown type", "huge block", "huge header"],
)
def test_what_no_writer_makes_is_refused(raw: bytes) -> None:
    with pytest.raises(BrokenSealError):
        blocks_of(raw)


@given(st.binary(max_size=200))
def test_foreign_bytes_end_in_one_error(raw: bytes) -> None:
    with pytest.raises(BrokenSealError):
        blocks_of(MAGIC + raw + b"\0")


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.none())))
def test_a_foreign_header_ends_in_one_error(raw: dict[str, object]) -> None:
    with pytest.raises(BrokenSealError):
        Header.from_json(raw)
    with pytest.raises(BrokenSealError):
        Trailer.from_json(raw)


def test_a_header_that_is_too_long_is_not_written() -> None:
    with pytest.raises(SealError):
        json_block(BlockType.HEADER, {"a": "x" * 70_000})
