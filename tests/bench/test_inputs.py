"""The inputs of the benches: the same bytes every time, and new names of one length."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pydicom
import pytest

from tests.bench.inputs import FIRST_TAG, SETS, SOURCES, UID_ROOT, stamped


@pytest.mark.parametrize("name", ["CT", "CR", "small", "random"])
def test_a_set_comes_out_the_same_every_time(name: str) -> None:
    once, again = (
        [hashlib.sha256(each.PixelData).hexdigest() for each in itertools.islice(SETS[name](), 3)]
        for _ in range(2)
    )
    assert once == again
    assert len(set(once)) == 3


def test_ct_is_the_real_slice_moved_with_little_noise_and_keeps_its_signedness() -> None:
    source = pydicom.dcmread(SOURCES / "693_UNCI.dcm").pixel_array
    for index, each in enumerate(itertools.islice(SETS["CT"](), 3)):
        assert each.PixelRepresentation == 1
        noise = each.pixel_array.astype(int) - np.roll(source, index, axis=0)
        assert (noise.min(), noise.max()) == (-4, 4)


def test_small_instances_are_of_39_kb() -> None:
    [first] = itertools.islice(SETS["small"](), 1)
    assert 38_000 < len(first.PixelData) < 40_000


def test_a_stamp_changes_the_names_and_nothing_else() -> None:
    head = f"{UID_ROOT}.{FIRST_TAG}.200000.3".encode()
    pixels = b"\xe0\x7f\x10\x00OW" + head  # pixels that happen to look like a UID
    stamped_ = stamped(head + pixels, "123456")
    assert stamped_ == head.replace(FIRST_TAG.encode(), b"123456") + pixels
