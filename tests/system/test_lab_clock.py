"""The laboratory's clock follows its file, and nothing but its file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_system.lab_clock import LabClock, Shift, write_shift


def test_it_shows_what_the_file_says_and_follows_a_change(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_shift(path, Shift(real=time.time(), shown=1000.0))
    clock = LabClock(path)
    assert 1000 <= clock.now() < 1060
    write_shift(path, Shift(real=time.time(), shown=5000.0))
    assert 5000 <= clock.now() < 5060
    assert abs(clock.monotonic() - time.monotonic()) < 60


@given(rate=st.floats(0, 1000), passed=st.floats(0, 1e6))
def test_time_goes_at_its_rate(rate: float, passed: float) -> None:
    shift = Shift(real=100.0, shown=7.0, rate=rate)
    assert shift.at(100.0) == 7.0
    assert shift.at(100.0 + passed) == pytest.approx(7.0 + passed * rate, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"real": 1, "shown": null, "rate": 1}'])
def test_a_file_that_is_none_ends_the_program(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clock.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        LabClock(path)
