"""The clock's floor and ceiling."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.link.clock import (
    DOOR_VARIABLE,
    FLOOR_MARGIN_S,
    LONGEST_LIFE_S,
    Bounds,
    ClockState,
    bounds,
    clock_door,
    floor_to_save,
    read_built_at,
    read_floor,
    state_of,
    write_floor,
)

BUILT, ISSUED, SAVED = 1_700_000_000, 1_750_000_000, 1_790_000_000
times = st.integers(0, 4_000_000_000)


@pytest.mark.parametrize(
    ("built", "saved", "issued", "floor"),
    [
        (BUILT, 0, 0, BUILT),
        (BUILT, 0, ISSUED, ISSUED),
        (BUILT, SAVED, ISSUED, SAVED + FLOOR_MARGIN_S),
        (0, 0, 0, 0),
        (ISSUED, BUILT, 0, ISSUED),  # a new image after a long time in a drawer
    ],
)
def test_the_floor_is_the_newest_of_what_is_known(
    built: int, saved: int, issued: int, floor: int
) -> None:
    assert bounds(built, saved, issued, is_boot=True).floor == floor


def test_the_ceiling_follows_the_newest_signed_word() -> None:
    assert bounds(BUILT, 0, ISSUED, is_boot=True).ceiling == ISSUED + LONGEST_LIFE_S


def test_a_clock_that_ran_on_needs_no_margin() -> None:
    # Else every save would push the clock two minutes ahead of itself.
    assert bounds(BUILT, SAVED, ISSUED, is_boot=False).floor == SAVED


@given(times, times, times, st.booleans())
def test_the_floor_is_never_above_the_ceiling(
    built: int, saved: int, issued: int, is_boot: bool
) -> None:
    limits = bounds(built, saved, issued, is_boot=is_boot)
    assert max(built, saved, issued) <= limits.floor <= limits.ceiling


@pytest.mark.parametrize(
    ("now", "is_attested", "state"),
    [
        (0.0, True, ClockState.BELOW_FLOOR),
        (99.9, True, ClockState.BELOW_FLOOR),
        (100.0, True, ClockState.ATTESTED),
        (100.0, False, ClockState.PLAUSIBLE),
        (200.0, False, ClockState.PLAUSIBLE),
        (200.1, True, ClockState.BEYOND_CEILING),
    ],
)
def test_the_clock_is_judged(now: float, is_attested: bool, state: ClockState) -> None:
    assert state_of(now, Bounds(100, 200), is_attested=is_attested) is state


@pytest.mark.parametrize("state", set(ClockState) - {ClockState.ATTESTED})
def test_only_attested_time_is_saved(state: ClockState) -> None:
    assert floor_to_save(5000, 1000, state) is None


@given(st.lists(st.floats(0, 4e9), max_size=20))
def test_the_saved_floor_never_sinks(clocks: list[float]) -> None:
    saved = 0
    for now in clocks:
        floor = floor_to_save(now, saved, ClockState.ATTESTED)
        assert floor is None or floor > saved
        saved = saved if floor is None else floor


def test_the_floor_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clock.floor"
    assert read_floor(path) == 0
    write_floor(path, SAVED)
    assert read_floor(path) == SAVED


@pytest.mark.parametrize("data", [b"", b"soon", b"-5", b"\xff\xfe", b"9" * 100])
def test_a_damaged_floor_counts_as_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clock.floor"
    path.write_bytes(data)
    assert read_floor(path) == 0


def test_the_image_is_as_old_as_its_mark(tmp_path: Path) -> None:
    mark = tmp_path / "clock-epoch"
    assert read_built_at(mark) == 0
    mark.touch()
    os.utime(mark, (BUILT, BUILT))
    assert read_built_at(mark) == BUILT


def test_the_door_is_shut_unless_the_unit_file_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DOOR_VARIABLE, raising=False)
    door = clock_door()
    door.put(0.0)  # a shut door does nothing: the machine's clock is not at 1970 after it
    assert not door.is_open
    monkeypatch.setenv(DOOR_VARIABLE, "set")
    assert clock_door().is_open
