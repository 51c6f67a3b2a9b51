from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal.content import ContentDigest, swapped
from bocage_edge.seal.scanner import Scanner
from bocage_edge.seal.syntax import EXPLICIT_LITTLE
from tests.edge.seal.making import BIG, EXPLICIT, IMPLICIT, Writing

PRIVATE = 0x00290010


def content_of(data: bytes, syntax: str = EXPLICIT_LITTLE, piece: int = 10_000) -> str | None:
    """The digest of a data set without pixels."""
    content = ContentDigest()
    scanner = Scanner(syntax, content)
    for start in range(0, len(data), piece):
        scanner.feed(data[start : start + piece])
    scanner.close()
    return content.finish([])


def rich(writing: Writing, *, is_defined: bool = True, lengths: bool = False) -> bytes:
    """The same content in any encoding, with or without what may differ."""
    order = writing.order
    code = writing.element(0x00080100, "SH", b"CODE")
    code += writing.element(0x00080104, "LO", b"meaning")
    item = writing.item(code, is_defined=is_defined)
    longs = struct.pack(order + "2500H", *range(2500))
    parts = [
        writing.element(0x00080000, "UL", struct.pack(order + "I", 99)) if lengths else b"",
        writing.identity(),
        writing.us(0x00280010, 0x1234),
        writing.element(0x00281201, "OW", longs),
        writing.element(PRIVATE, "LO", b"ACME"),
        writing.sequence(PRIVATE + 0x1001, [item], is_defined=is_defined),
        writing.sequence(PRIVATE + 0x1002, [], is_defined=is_defined),
        writing.element(0x00409224, "FD", struct.pack(order + "d", 2.5)),
        writing.sequence(0x00400275, [item, item], is_defined=is_defined),
        writing.element(0xFFFCFFFC, "OB", bytes(10)) if lengths else b"",
    ]
    return b"".join(parts)


WANTED = content_of(rich(EXPLICIT))


@pytest.mark.parametrize("writing", [EXPLICIT, IMPLICIT, BIG], ids=["ele", "ile", "ebe"])
@pytest.mark.parametrize("is_defined", [True, False])
@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("piece", [1, 10_000])
def test_one_content_has_one_digest(
    writing: Writing, is_defined: bool, lengths: bool, piece: int
) -> None:
    data = rich(writing, is_defined=is_defined, lengths=lengths)
    assert content_of(data, writing.syntax, piece) == WANTED is not None


def test_padding_of_texts_does_not_count() -> None:
    plain = EXPLICIT.identity() + EXPLICIT.element(0x00204000, "LT", b"text")
    padded = EXPLICIT.identity() + EXPLICIT.element(0x00204000, "LT", b"text  ")
    assert content_of(plain) == content_of(padded)


def test_padding_that_may_be_a_value_counts() -> None:
    one = EXPLICIT.identity() + EXPLICIT.element(PRIVATE, "UN", b"\x05\x00")
    other = EXPLICIT.identity() + EXPLICIT.element(PRIVATE, "UN", b"\x05\x20")
    assert content_of(one) != content_of(other)


def test_where_a_value_stands_counts() -> None:
    code = EXPLICIT.element(0x00080100, "SH", b"CODE")
    one = EXPLICIT.sequence(0x00400275, [EXPLICIT.item(code + code)])
    two = EXPLICIT.sequence(0x00400275, [EXPLICIT.item(code), EXPLICIT.item(code)])
    whole = [EXPLICIT.identity() + each for each in (one, two, code, one + code)]
    assert len({content_of(each) for each in whole}) == 4


@given(st.integers(0, len(rich(EXPLICIT)) - 1), st.integers(1, 255))
def test_no_changed_value_keeps_the_digest(place: int, flip: int) -> None:
    data = bytearray(rich(EXPLICIT))
    data[place] ^= flip
    found = content_of(bytes(data))
    # A changed VR, length or pad may mean the same; a changed value never does.
    scanner = Scanner(EXPLICIT_LITTLE, ContentDigest())
    scanner.feed(bytes(data))
    scanner.close()
    is_value = place in VALUES
    assert not is_value or found != WANTED


def values() -> set[int]:
    """Places of bytes that are nothing but value: the long numbers and the doubles."""
    data = rich(EXPLICIT)
    start = data.index(struct.pack("<4H", 0, 1, 2, 3))
    double = data.index(struct.pack("<d", 2.5))
    return {*range(start, start + 5000), *range(double, double + 8)}


VALUES = values()


def test_what_only_looks_like_a_sequence_has_no_digest() -> None:
    value = IMPLICIT.item(b"\x01\x00\x02\x00\xff\xff\x00\x00")
    data = IMPLICIT.identity() + IMPLICIT.element(PRIVATE, "UN", value)
    assert content_of(data, IMPLICIT.syntax) is None


def test_a_frame_that_is_not_known_leaves_no_digest() -> None:
    assert ContentDigest().finish(None) is None


@given(st.binary(max_size=40), st.sampled_from([2, 4, 8]))
def test_numbers_are_reversed_one_by_one(value: bytes, size: int) -> None:
    whole = len(value) - len(value) % size
    words = [value[at : at + size][::-1] for at in range(0, whole, size)]
    assert swapped(value, size) == b"".join(words) + value[whole:]
