"""When to try again."""

from __future__ import annotations

import pytest

from bocage_edge.deliver.schedule import hold_s, retry_delay_s


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (10_000, 3600)]
)
def test_an_instance_waits_twice_as_long_each_time_up_to_an_hour(
    attempts: int, seconds: float
) -> None:
    assert retry_delay_s(attempts, 0.0) == seconds


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 10), (6, 160), (7, 300), (10_000, 300)]
)
def test_a_destination_rests_twice_as_long_each_time_up_to_five_minutes(
    failures: int, seconds: float
) -> None:
    assert hold_s(failures, 0.0) == seconds


@pytest.mark.parametrize(("jitter", "seconds"), [(-1.0, 27.0), (1.0, 33.0)])
def test_jitter_is_a_tenth(jitter: float, seconds: float) -> None:
    assert retry_delay_s(1, jitter) == pytest.approx(seconds)
