"""How fast a link was lately."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.relay.goodput import LEAST_BYTES, Goodput

MEGABYTE = 1_000_000


def test_nothing_is_known_at_first_nor_of_one_small_object() -> None:
    goodput = Goodput()
    assert goodput.bytes_s == 0
    goodput.busy(0.0)
    goodput.committed(LEAST_BYTES - 1, 1.0, is_idle=True)
    assert goodput.bytes_s == 0


@given(seconds=st.floats(0.1, 100), idle_s=st.floats(0, 1e6), rounds=st.integers(1, 20))
def test_idle_time_does_not_count(seconds: float, idle_s: float, rounds: int) -> None:
    goodput, ticks = Goodput(), 0.0
    for _ in range(rounds):
        goodput.busy(ticks)
        ticks += seconds
        goodput.committed(int(10 * MEGABYTE * seconds), ticks, is_idle=True)
        ticks += idle_s
    assert goodput.bytes_s == pytest.approx(10 * MEGABYTE, rel=0.01)


def test_what_was_remembered_gives_way_to_what_is_measured() -> None:
    goodput = Goodput(5 * MEGABYTE)
    assert goodput.bytes_s == 5 * MEGABYTE
    goodput.busy(0.0)
    for second in range(1, 600):
        goodput.committed(MEGABYTE, float(second), is_idle=False)
    assert goodput.bytes_s == pytest.approx(MEGABYTE, rel=0.05)


def test_the_time_without_a_connection_is_not_the_lines_speed() -> None:
    goodput = Goodput()
    goodput.busy(0.0)
    goodput.cut()
    goodput.busy(1000.0)
    goodput.committed(MEGABYTE, 1001.0, is_idle=True)
    assert goodput.bytes_s == MEGABYTE
