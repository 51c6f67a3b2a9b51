from __future__ import annotations

from dataclasses import replace

import pytest

from bocage_edge.seal.attributes import Attributes
from bocage_edge.seal.frames import (
    LARGEST_PLANAR_BYTES,
    ZSTD_FAST,
    ZSTD_GOOD,
    Coding,
    canonical_frame,
    choose_coding,
    pixel_format,
    plan_native,
    strips,
    zstd_level,
)
from bocage_edge.seal.layout import FrameLayout

MB = 1_000_000
CT = Attributes(512, 512, 1, 16, 12, 11, False, None, "MONOCHROME2", 1)
US = Attributes(60, 80, 3, 8, 8, 7, False, 1, "RGB", 2)


@pytest.mark.parametrize(
    ("frame", "backlog", "rate", "workers", "coding"),
    [
        (MB // 2, 0, 100 * MB, 2, Coding.HTJ2K),
        (MB // 2, 150 * MB, 100 * MB, 2, Coding.ZSTD),
        (64 * MB, 0, 200 * MB, 2, Coding.HTJ2K),
        (64 * MB, 0, 100 * MB, 2, Coding.ZSTD),
        (64 * MB, 0, 100 * MB, 1, Coding.HTJ2K),
    ],
)
def test_the_good_codec_is_chosen_where_it_is_done_in_time(
    frame: int, backlog: int, rate: int, workers: int, coding: Coding
) -> None:
    assert choose_coding(frame, backlog, rate, workers) is coding


WHOLE = FrameLayout(512, 512, 1, 16, True, False, False)
PLATE = FrameLayout(1955, 1841, 1, 16, False, False, False)


@pytest.mark.parametrize(
    ("layout", "frames", "workers", "backlog", "rows"),
    [
        pytest.param(WHOLE, 1, 2, 0, [256, 256], id="a part for each worker"),
        pytest.param(WHOLE, 1, 4, 0, [256, 256], id="none too small"),
        pytest.param(WHOLE, 1, 1, 0, [512], id="nobody to share with"),
        pytest.param(WHOLE, 9, 2, 0, [512], id="other frames keep them busy"),
        pytest.param(WHOLE, 1, 2, 1, [512], id="others keep them busy"),
        pytest.param(replace(WHOLE, rows=200), 1, 4, 0, [200], id="small"),
        pytest.param(PLATE, 1, 2, 0, [326] * 5 + [325], id="large: coded while it arrives"),
        pytest.param(PLATE, 3, 2, 5, [326] * 5 + [325], id="large, always"),
        pytest.param(replace(WHOLE, rows=1, columns=1 << 22), 1, 2, 0, [1], id="a row is whole"),
        pytest.param(replace(WHOLE, samples=3, is_planar=True), 1, 2, 0, [512], id="by plane"),
    ],
)
def test_a_frame_is_cut_by_rows(
    layout: FrameLayout, frames: int, workers: int, backlog: int, rows: list[int]
) -> None:
    cut = strips(layout, frames, workers, backlog)
    assert [each.rows for each in cut] == rows
    assert sum(each.size_bytes for each in cut) == layout.size_bytes
    assert {replace(each, rows=0) for each in cut} == {replace(layout, rows=0)}


def test_zstd_tries_less_where_processors_are_behind() -> None:
    assert zstd_level(0, MB) == ZSTD_GOOD
    assert zstd_level(10 * MB, MB) == ZSTD_FAST


def test_frames_of_a_ct_are_coded() -> None:
    plan = plan_native(CT, length=512 * 512 * 2, vr=b"OW", is_big_endian=False)
    assert plan is not None
    assert plan.layout is not None
    assert (plan.frame_bytes, plan.frames, plan.number_bytes) == (524_288, 1, 1)


def test_large_frames_are_coded_in_strips_but_colour_by_plane_cannot_be() -> None:
    rows = LARGEST_PLANAR_BYTES // (3 * 1024) + 1
    colour = replace(CT, rows=rows, columns=1024, samples=3, bits_allocated=8, photometric="RGB")
    for planar, is_coded in ((0, True), (1, False)):
        image = replace(colour, planar=planar)
        plan = plan_native(image, length=rows * 3072, vr=b"OB", is_big_endian=False)
        assert plan is not None
        assert (plan.layout is not None) is is_coded


@pytest.mark.parametrize(
    "image",
    [
        replace(CT, rows=None),
        replace(CT, rows=0),
        replace(CT, bits_allocated=12),
        replace(CT, bits_allocated=1),
        replace(CT, photometric="YBR_FULL_422"),
        replace(CT, photometric=None),
        replace(CT, frames=0),
        replace(CT, frames=2),
        replace(CT, samples=3),
    ],
)
def test_what_does_not_explain_the_length_is_not_cut(image: Attributes) -> None:
    assert plan_native(image, length=512 * 512 * 2, vr=b"OW", is_big_endian=False) is None


@pytest.mark.parametrize(
    ("image", "length"),
    [
        (replace(CT, bits_allocated=32), 512 * 512 * 4),
        (replace(CT, is_signed=None), 512 * 512 * 2),
        (replace(CT, rows=16, columns=16), 512),
        (replace(CT, rows=8192, columns=8192), 8192 * 8192 * 2),
    ],
)
def test_some_frames_are_cut_and_not_for_the_image_codec(image: Attributes, length: int) -> None:
    plan = plan_native(image, length=length, vr=b"OW", is_big_endian=False)
    assert plan is not None
    assert plan.layout is None


def test_padding_of_an_odd_frame_is_explained() -> None:
    odd = replace(CT, rows=3, columns=3, bits_allocated=8)
    assert plan_native(odd, length=10, vr=b"OB", is_big_endian=False) is not None
    assert plan_native(odd, length=11, vr=b"OB", is_big_endian=False) is None


@pytest.mark.parametrize(
    ("bits", "vr", "number_bytes"), [(8, b"OB", 1), (8, b"OW", 2), (16, b"OW", 2), (32, b"OW", 4)]
)
def test_words_of_big_endian_are_known(bits: int, vr: bytes, number_bytes: int) -> None:
    image = replace(CT, rows=4, columns=4, bits_allocated=bits)
    plan = plan_native(image, length=16 * bits // 8, vr=vr, is_big_endian=True)
    assert plan is not None
    assert plan.number_bytes == number_bytes


def test_planes_are_woven_into_pixels() -> None:
    image = replace(US, rows=1, columns=2, bits_allocated=16, frames=1)
    plan = plan_native(image, length=12, vr=b"OW", is_big_endian=True)
    assert plan is not None
    assert canonical_frame(plan, b"RrSsGgHhBbCc") == b"rRgGbBsShHcC"


def test_a_frame_that_decodes_too_large_has_no_format() -> None:
    assert pixel_format(US) is not None
    assert pixel_format(replace(US, rows=65535, columns=65535)) is None
    assert pixel_format(replace(US, bits_allocated=32)) is None
    assert pixel_format(replace(US, bits_stored=9)) is None
