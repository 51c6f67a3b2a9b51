from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal.content import ContentDigest
from bocage_edge.seal.scanner import Fault, Kind, Limits, Piece, Scanner
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE, RLE_LOSSLESS
from tests.edge.seal.making import BIG, EXPLICIT, IMPLICIT, SOP, STUDY, Writing, encapsulated

ALL = pytest.mark.parametrize("writing", [EXPLICIT, IMPLICIT, BIG], ids=["ele", "ile", "ebe"])
PRIVATE = 0x00290010


def scanned(
    data: bytes, syntax: str = EXPLICIT_LITTLE, piece: int = 1000, limits: Limits | None = None
) -> tuple[Scanner, list[Piece]]:
    scanner = Scanner(syntax, ContentDigest(), limits)
    pieces: list[Piece] = []
    for start in range(0, len(data), piece):
        pieces += scanner.feed(data[start : start + piece])
    return scanner, pieces + scanner.close()


def joined(pieces: list[Piece], *kinds: Kind) -> bytes:
    return b"".join(bytes(piece) for kind, piece in pieces if not kinds or kind in kinds)


def rich(writing: Writing) -> bytes:
    """A data set with everything that nests."""
    inner = writing.element(0x00080100, "SH", b"CODE")
    both = [writing.item(inner), writing.item(inner, is_defined=False)]
    return b"".join(
        [
            writing.element(0x00080005, "CS", b"ISO_IR 192"),
            writing.identity(),
            writing.sequence(0x00400275, both),
            writing.sequence(0x00400555, [writing.item(writing.sequence(0x0040A730, both))] * 2),
            writing.sequence(0x00409096, both, is_defined=False),
            writing.element(PRIVATE, "LO", b"ACME"),
            writing.element(PRIVATE + 1, "OB", bytes(9000)),
            writing.image(4, 4),
            writing.pixels(bytes(range(32))),
            writing.element(0xFFFCFFFC, "OB", bytes(100)),
        ]
    )


@ALL
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_rich_data_set_is_understood_in_any_pieces(writing: Writing, piece: int) -> None:
    data = rich(writing)
    scanner, pieces = scanned(data, writing.syntax, piece)
    assert joined(pieces) == data
    assert joined(pieces, Kind.PIXELS) == bytes(range(32))
    assert (scanner.fault, scanner.unidentified) == (None, None)
    assert scanner.noted.text(0x0020000D) == STUDY
    assert (scanner.attributes.rows, scanner.attributes.is_signed) == (4, False)


@ALL
def test_every_cut_is_told(writing: Writing) -> None:
    data = rich(writing)
    boundaries = {0}
    for end in range(len(data)):
        scanner, pieces = scanned(data[:end], writing.syntax, 100_000)
        assert joined(pieces) == data[:end]
        if scanner.fault is not Fault.TRUNCATED:
            boundaries.add(end)
    # What is left are the places before each of the 21 elements of the top level.
    assert len(boundaries) == 21


def test_fragments_are_told_apart_from_their_heads() -> None:
    data = EXPLICIT.identity() + EXPLICIT.image(2, 2) + encapsulated([b"first!", b"second"])
    scanner, pieces = scanned(data, RLE_LOSSLESS, 5)
    assert scanner.fault is None
    assert joined(pieces, Kind.FRAGMENT) == struct.pack("<II", 0, 14) + b"first!second"
    assert len(joined(pieces, Kind.ITEM)) == 4 * 8
    assert joined(pieces) == data


def test_encapsulated_pixels_without_an_end_are_cut() -> None:
    data = EXPLICIT.identity() + encapsulated([b"frame!"])
    assert scanned(data[:-8], RLE_LOSSLESS)[0].fault is Fault.TRUNCATED


@pytest.mark.parametrize("is_defined", [True, False])
def test_an_icon_is_not_taken_for_the_pixels(is_defined: bool) -> None:
    icon = EXPLICIT.image(2, 2, bits=8) + EXPLICIT.pixels(b"icon")
    coded = EXPLICIT.image(2, 2, bits=8) + encapsulated([b"icon"])
    for inside in (icon, coded):
        item = EXPLICIT.item(inside, is_defined=is_defined)
        data = EXPLICIT.identity() + EXPLICIT.sequence(0x00880200, [item], is_defined=is_defined)
        data += EXPLICIT.image(4, 4) + EXPLICIT.pixels(bytes(32))
        scanner, pieces = scanned(data)
        assert (scanner.fault, scanner.attributes.rows) == (None, 4)
        assert joined(pieces, Kind.PIXELS) == bytes(32)
        assert joined(pieces, Kind.ITEM, Kind.FRAGMENT) == b""


def test_garbage_after_identification_is_opaque() -> None:
    data = EXPLICIT.identity() + b"\xff\x00 this is no element at all"
    scanner, pieces = scanned(data)
    assert (scanner.fault, scanner.unidentified) == (Fault.MALFORMED, None)
    assert joined(pieces) == data


def test_garbage_before_identification_says_so() -> None:
    scanner, _ = scanned(b"\x08\x00\x16\x00\x00\x00 no data set")
    assert scanner.unidentified is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no SOP Class UID, no SOP Instance UID, no Study Instance UID"),
        (EXPLICIT.identity(study=None), "no Study Instance UID"),
        (EXPLICIT.identity(study=None) + EXPLICIT.us(0x00280010, 5), "no Study Instance UID"),
        (EXPLICIT.identity(study="1.2.x"), "the Study Instance UID is not a UID"),
        (EXPLICIT.identity(study="1" * 65), "the Study Instance UID is not a UID"),
        (
            EXPLICIT.identity() + EXPLICIT.element(0x0020000D, "UI", b"1.2.3.4"),
            "two different values for Study Instance UID",
        ),
    ],
)
def test_who_it_is_must_be_said_once_and_properly(data: bytes, reason: str) -> None:
    assert scanned(data)[0].unidentified == reason


def test_identity_inside_a_sequence_does_not_count() -> None:
    other = EXPLICIT.sequence(0x00081110, [EXPLICIT.item(EXPLICIT.identity(study="1.2.3"))])
    scanner, _ = scanned(other + EXPLICIT.identity())
    assert scanner.noted.text(0x0020000D) == STUDY
    assert scanned(other)[0].unidentified is not None


def test_a_way_to_the_study_that_is_too_long_is_not_walked() -> None:
    limits = Limits(identify_bytes=10_000)
    data = EXPLICIT.element(0x00090010, "OB", bytes(20_000)) + EXPLICIT.identity()
    assert "16 MiB" in (scanned(data, limits=limits)[0].unidentified or "")


def test_depth_is_bounded_without_recursion() -> None:
    depth = 100_000
    open_level = EXPLICIT.element(0x00409096, "SQ", b"", 0xFFFFFFFF)
    open_level += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    data = EXPLICIT.identity() + open_level * depth
    scanner, pieces = scanned(data, piece=1 << 20)
    assert (scanner.fault, joined(pieces) == data) == (Fault.OVER_BUDGET, True)


def test_elements_are_bounded() -> None:
    data = EXPLICIT.identity() + EXPLICIT.us(0x00280010, 1) * 200
    scanner, pieces = scanned(data, limits=Limits(elements=100))
    assert (scanner.fault, joined(pieces) == data) == (Fault.OVER_BUDGET, True)


def test_what_only_looks_like_a_sequence_does_not_stop_the_walk() -> None:
    value = IMPLICIT.item(b"\x01\x00\x02\x00\xff\xff\x00\x00")
    data = IMPLICIT.identity() + IMPLICIT.element(PRIVATE + 5, "UN", value)
    data += IMPLICIT.image(4, 4) + IMPLICIT.pixels(bytes(32))
    scanner, pieces = scanned(data, IMPLICIT_LITTLE)
    assert (scanner.fault, scanner.attributes.rows) == (None, 4)
    assert joined(pieces, Kind.PIXELS) == bytes(32)


def test_lengths_that_reach_out_of_their_item_are_refused() -> None:
    item = EXPLICIT.element(0x00080100, "SH", b"CODE", 60)
    data = EXPLICIT.identity() + EXPLICIT.sequence(0x00400275, [EXPLICIT.item(item)]) + bytes(99)
    assert scanned(data)[0].fault is Fault.MALFORMED


def test_a_transfer_syntax_that_must_be_inflated_is_not_read() -> None:
    assert scanned(EXPLICIT.identity(), "1.2.840.10008.1.2.1.99")[0].unidentified is not None


@ALL
@given(data=st.data())
def test_no_bytes_whatever_break_it_or_are_lost(writing: Writing, data: st.DataObject) -> None:
    raw = bytearray(rich(writing))
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    whole = bytes(raw)
    coarse, pieces = scanned(whole, writing.syntax, 100_000)
    fine, others = scanned(whole, writing.syntax, 113)
    assert (coarse.fault, coarse.unidentified) == (fine.fault, fine.unidentified)
    if coarse.unidentified is None:
        assert joined(pieces) == joined(others) == whole
        assert coarse.noted.text(0x00080018) == fine.noted.text(0x00080018)


@given(st.binary(max_size=500))
def test_foreign_bytes_after_identification_are_kept(raw: bytes) -> None:
    data = EXPLICIT.identity() + raw
    _, pieces = scanned(data, piece=100)
    assert joined(pieces)[: len(EXPLICIT.identity())] == EXPLICIT.identity()
    scanner, pieces = scanned(data, piece=7)
    if scanner.unidentified is None:
        assert joined(pieces) == data
        assert scanner.noted.text(0x00080018) == SOP
