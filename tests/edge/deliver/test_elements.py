"""Data sets rewritten element by element."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.deliver.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    DatasetFaultError,
    Encoding,
    Rewriter,
    Source,
    head,
    implicit_vr,
    swap,
)


def rewritten(dataset: bytes, encoding: Encoding, target: Encoding) -> bytes:
    """Rewrite a data set without pixel data."""
    return b"".join(piece for _, piece in Rewriter(Source([dataset]), encoding, target).elements())


@given(st.binary(max_size=400), st.sampled_from([EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]))
def test_any_bytes_end_in_a_result_or_a_fault(dataset: bytes, encoding: Encoding) -> None:
    try:
        rewritten(dataset, encoding, EXPLICIT_LE)
    except DatasetFaultError:
        return


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x00080060, 0x00100020, 0x00200010, 0x00400244]),
            st.binary(max_size=40).map(lambda value: value + b" " * (len(value) & 1)),
        ),
        max_size=5,
    )
)
def test_explicit_and_implicit_are_two_spellings_of_one(
    values: list[tuple[int, bytes]],
) -> None:
    explicit = b"".join(
        head(tag, implicit_vr(tag, False), len(value), EXPLICIT_LE) + value for tag, value in values
    )
    implicit = rewritten(explicit, EXPLICIT_LE, IMPLICIT_LE)
    assert rewritten(implicit, IMPLICIT_LE, EXPLICIT_LE) == explicit


@pytest.mark.parametrize(
    ("words", "unit", "turned"),
    [
        (b"abcd", 1, b"abcd"),
        (b"abcd", 2, b"badc"),
        (b"abcdefgh", 4, b"dcbahgfe"),
        (b"abcdefgh", 8, b"hgfedcba"),
    ],
)
def test_words_are_turned_round(words: bytes, unit: int, turned: bytes) -> None:
    assert swap(words, unit) == turned


@pytest.mark.parametrize(
    ("tag", "is_signed", "vr"),
    [
        (0x00100010, False, b"PN"),
        (0x00280106, False, b"US"),
        (0x00280106, True, b"SS"),
        (0x60003000, False, b"OW"),
        (0x00283006, False, b"OW"),
        (0x00290010, False, b"LO"),
        (0x00291010, False, b"UN"),
        (0x00090000, False, b"UN"),
        (0x00099999, False, b"UN"),
        (0x12345678, False, b"UN"),
    ],
)
def test_a_vr_is_found_or_unknown(tag: int, is_signed: bool, vr: bytes) -> None:
    assert implicit_vr(tag, is_signed) == vr


def test_a_value_too_long_for_its_vr_becomes_unknown() -> None:
    assert head(0x00100010, b"PN", 0x10000, EXPLICIT_LE)[4:6] == b"UN"


def test_a_big_endian_sequence_of_known_length_is_little_and_open_ended() -> None:
    inner = struct.pack(">HH2sHH", 0x0028, 0x0010, b"US", 2, 512)
    item = struct.pack(">HHI", 0xFFFE, 0xE000, len(inner)) + inner
    whole = struct.pack(">HH2sHI", 0x0088, 0x0200, b"SQ", 0, len(item)) + item
    expected = struct.pack("<HH2sHI", 0x0088, 0x0200, b"SQ", 0, 0xFFFFFFFF)
    expected += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    expected += struct.pack("<HH2sHH", 0x0028, 0x0010, b"US", 2, 512)
    expected += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert rewritten(whole, EXPLICIT_BE, EXPLICIT_LE) == expected


def test_an_unknown_sequence_in_explicit_is_read_as_implicit() -> None:
    """PS3.5 6.2.2: UN of undefined length."""
    inner = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"ID"
    whole = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF)
    whole += struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    whole += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    result = rewritten(whole, EXPLICIT_LE, EXPLICIT_LE)
    assert struct.pack("<HH2sH", 0x0010, 0x0020, b"LO", 2) + b"ID" in result


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (struct.pack("<HH2sH", 8, 0x60, b"CS", 9) + b"CR", "too early"),
        (struct.pack("<HH2sH", 8, 0x60, b"??", 2) + b"CR", "VR that is none"),
        (struct.pack("<HHI", 0xFFFE, 0xE00D, 0), "none is open"),
        (struct.pack("<HH2sHI", 8, 0x60, b"OB", 0, 0xFFFFFFFF), "no length"),
        (struct.pack("<HH2sHI", 8, 0x1111, b"SQ", 0, 8) + bytes(8), "no item"),
        (
            struct.pack("<HH2sHI", 8, 0x1111, b"SQ", 0, 8)
            + struct.pack("<HHI", 0xFFFE, 0xE000, 100),
            "longer than its sequence",
        ),
    ],
)
def test_what_does_not_hang_together_is_a_fault(dataset: bytes, reason: str) -> None:
    with pytest.raises(DatasetFaultError, match=reason):
        rewritten(dataset, EXPLICIT_LE, IMPLICIT_LE)
