"""The pace of a link: the bucket keeps the cap, follows the time of day and a new schedule."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.capacity import CapWindow
from bocage_edge.relay.pacing import HEADER_BYTES, LEAST_CHUNK_BYTES, Pacer

PARIS = "Europe/Paris"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo(PARIS)).timestamp()
SEGMENT = 1348
CHUNK = 128 * 1024


def all_day(mbit: int) -> list[CapWindow]:
    return [CapWindow(start="00:00", end="00:00", mbit=mbit)]


def sent_in(pacer: Pacer, seconds: float, *, ticks: float = 0.0, now: float = NOON) -> int:
    """Send whatever may go for a while, on a clock of our own; give what entered the tunnel."""
    end, count = ticks + seconds, 0
    while True:
        wait_s = pacer.wait_s(now, ticks)
        if wait_s > 0:
            ticks, now = ticks + wait_s + 1e-6, now + wait_s + 1e-6
        if ticks >= end:
            return count
        chunk = pacer.chunk_bytes(CHUNK, now)
        pacer.spend(chunk, SEGMENT)
        count += chunk + HEADER_BYTES * -(-chunk // SEGMENT)


@given(st.integers(1, 500), st.floats(10, 60))
def test_over_any_while_the_cap_is_kept_within_a_few_percent(mbit: int, seconds: float) -> None:
    sent_mbit = sent_in(Pacer((all_day(mbit), PARIS)), seconds) * 8e-6
    assert sent_mbit == pytest.approx(mbit * seconds, rel=0.03)


def test_a_new_schedule_counts_at_once() -> None:
    pacer = Pacer((all_day(4), PARIS))
    sent_in(pacer, 30)
    pacer.follow((all_day(10), PARIS))
    assert sent_in(pacer, 30, ticks=30.0) * 8e-6 == pytest.approx(300, rel=0.02)


def test_the_same_schedule_again_changes_nothing() -> None:
    pacer = Pacer((all_day(4), PARIS))
    pacer.spend(1_000_000, SEGMENT)
    before = pacer.wait_s(NOON, 0.0)
    pacer.follow((all_day(4), PARIS))
    assert pacer.wait_s(NOON, 0.0) == before > 0


def test_the_time_of_day_ends_a_cap() -> None:
    pacer = Pacer(([CapWindow(start="11:00", end="12:01", mbit=1)], PARIS))
    assert pacer.mbit(NOON) == 1
    pacer.spend(10_000_000, SEGMENT)
    assert pacer.wait_s(NOON, 0.0) > 60
    assert pacer.wait_s(NOON + 60, 60.0) == 0
    assert pacer.mbit(NOON + 60) is None


def test_a_rest_does_not_save_up_for_a_burst() -> None:
    pacer = Pacer((all_day(8), PARIS))
    pacer.wait_s(NOON, 0.0)
    assert sent_in(pacer, 1, ticks=3600.0, now=NOON + 3600) <= 1_000_000 * 1.2


def test_without_a_cap_nothing_waits() -> None:
    pacer = Pacer(([], PARIS))
    pacer.spend(1 << 30, SEGMENT)
    assert pacer.wait_s(NOON, 0.0) == 0
    assert pacer.chunk_bytes(CHUNK, NOON) == CHUNK


@pytest.mark.parametrize(("mbit", "chunk"), [(1, LEAST_CHUNK_BYTES), (4, 25_000), (1000, CHUNK)])
def test_chunks_are_short_where_the_cap_is_low(mbit: int, chunk: int) -> None:
    assert Pacer((all_day(mbit), PARIS)).chunk_bytes(CHUNK, NOON) == chunk
