"""The cap by time of day: windows, midnight, both changes of the clocks, the next change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.capacity import Cap, CapWindow, cap_at
from bocage_contract.errors import MessageError

PARIS = "Europe/Paris"


def at(text: str, zone: str = PARIS) -> float:
    """Unix seconds of a wall clock time, the first of two where the clocks go back."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def window(start: str, end: str, mbit: int) -> CapWindow:
    return CapWindow.of({"from": start, "to": end, "mbit": mbit})


OFFICE, NIGHT, LUNCH = (
    window("08:00", "18:30", 4),
    window("22:00", "06:00", 10),
    window("12:00", "14:00", 2),
)


@pytest.mark.parametrize(
    ("now", "mbit", "until"),
    [
        ("2026-03-02 07:59:59", None, "2026-03-02 08:00"),
        ("2026-03-02 08:00:00", 4, "2026-03-02 12:00"),
        ("2026-03-02 12:30:00", 2, "2026-03-02 14:00"),
        ("2026-03-02 18:30:00", None, "2026-03-02 22:00"),
        ("2026-03-02 23:59:59", 10, "2026-03-03 06:00"),
        ("2026-03-03 00:00:00", 10, "2026-03-03 06:00"),
    ],
)
def test_a_day_with_three_windows(now: str, mbit: int | None, until: str) -> None:
    assert cap_at([OFFICE, NIGHT, LUNCH], PARIS, at(now)) == Cap(mbit, at(until))


def test_without_windows_the_line_is_free_for_ever() -> None:
    assert cap_at([], PARIS, 0.0) == Cap(None)


def test_a_window_of_the_whole_day_never_changes() -> None:
    assert cap_at([window("00:00", "00:00", 7)], PARIS, at("2026-03-02 10:00")) == Cap(7)
    assert cap_at([window("09:30", "09:30", 7)], PARIS, at("2026-03-02 09:30")) == Cap(7)


def test_up_to_midnight() -> None:
    assert cap_at([window("20:00", "00:00", 7)], PARIS, at("2026-03-02 23:59")) == Cap(
        7, at("2026-03-03 00:00")
    )


def test_a_window_the_clocks_jump_over_comes_the_day_after() -> None:
    skipped = [window("02:15", "02:45", 3)]
    assert cap_at(skipped, PARIS, at("2026-03-29 01:59")) == Cap(None, at("2026-03-30 02:15"))


def test_a_night_window_is_an_hour_shorter_in_spring() -> None:
    night = cap_at([NIGHT], PARIS, at("2026-03-28 22:00"))
    assert night.until is not None
    assert night.until - at("2026-03-28 22:00") == 7 * 3600


def test_where_the_clocks_go_back_a_window_is_there_twice() -> None:
    twice = [window("02:30", "03:00", 3)]
    first = at("2026-10-25 02:30")
    assert cap_at(twice, PARIS, first) == Cap(3, first + 1800)
    assert cap_at(twice, PARIS, first + 1800) == Cap(None, first + 3600)
    assert cap_at(twice, PARIS, first + 3600) == Cap(3, first + 3600 + 1800)


def test_the_zone_of_the_site_counts() -> None:
    now = at("2026-03-02 10:00", "Indian/Reunion")
    assert cap_at([OFFICE], "Indian/Reunion", now).mbit == 4
    assert cap_at([OFFICE], PARIS, now).mbit is None


TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.lists(st.builds(window, TIMES, TIMES, st.integers(1, 5)), max_size=3)


@given(WINDOWS, st.integers(1_790_000_000, 1_800_000_000), st.floats(0, 1))
def test_nothing_changes_before_the_change_and_something_at_it(
    windows: list[CapWindow], now: int, place: float
) -> None:
    cap = cap_at(windows, PARIS, now)
    if cap.until is None:
        assert cap_at(windows, PARIS, now + place * 86400).mbit == cap.mbit
    else:
        between = now + place * (cap.until - now - 0.001)
        assert cap_at(windows, PARIS, between).mbit == cap.mbit
        assert cap_at(windows, PARIS, cap.until).mbit != cap.mbit


@pytest.mark.parametrize(
    ("start", "end", "mbit"),
    [("24:00", "06:00", 1), ("8:00", "09:00", 1), ("08:00", "09:60", 1), ("08:00", "09:00", 0)],
)
def test_a_window_out_of_bounds_is_refused(start: str, end: str, mbit: int) -> None:
    with pytest.raises(MessageError):
        window(start, end, mbit)
