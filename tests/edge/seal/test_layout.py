from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal.layout import FrameLayout


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from([1, 3]), st.integers(1, 100_000))
def test_strips_are_frames_that_follow_each_other_without_a_gap(
    rows: int, columns: int, samples: int, limit_bytes: int
) -> None:
    whole = FrameLayout(rows, columns, samples, 16, False, False, False)
    strips = whole.strips(limit_bytes)
    assert sum(strip.rows for strip in strips) == rows
    assert sum(strip.size_bytes for strip in strips) == whole.size_bytes
    row_bytes = columns * samples * 2
    assert all(strip.size_bytes <= max(limit_bytes, row_bytes) for strip in strips)
    assert all(FrameLayout.unpack(strip.pack()) == strip for strip in strips)


def test_a_frame_below_the_limit_stays_whole_and_colour_by_plane_is_not_cut() -> None:
    grey = FrameLayout(100, 100, 1, 16, False, False, False)
    planes = FrameLayout(100, 100, 3, 8, False, True, False)
    assert grey.strips(20_000) == [grey]
    assert [strip.rows for strip in grey.strips(19_999)] == [50, 50]
    assert planes.strips(1000) == [planes]
