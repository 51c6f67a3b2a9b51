"""What a bench judges, from numbers that are given."""

from __future__ import annotations

import pytest

from tests.bench import targets
from tests.bench.lines import LINES, described
from tests.bench.wan import SETS, compared


def test_lines_are_described_by_what_a_round_trip_takes() -> None:
    assert described(LINES["8"]) == "8 Mbit/s, 300 ms, 1 % loss"
    assert described(LINES["20"]) == "20 Mbit/s, 40 ms"


def test_every_target_of_the_road_is_of_a_line_and_set_there_is() -> None:
    assert {line for line, _ in targets.WAN_RATIO} <= set(LINES)
    assert {name for _, name in targets.WAN_RATIO} <= set(SETS)


@pytest.mark.parametrize(("ours", "reached"), [([7.0, 8.0, 7.5], True), ([7.0, 9.0, 8.5], False)])
def test_medians_are_compared_with_the_best_peer(ours: list[float], reached: bool) -> None:
    theirs = {"dcmtk 4": [24.0, 25.0, 24.5], "orthanc peer gzip": [24.1, 24.1, 20.0]}
    row = compared("20", "CT", ours, theirs, set())
    assert row["ratio"] == round(24.1 / sorted(ours)[1], 2)
    assert row["reached"] is reached


def test_where_nothing_must_be_reached_nothing_is_judged() -> None:
    assert compared("20", "small", [1.0], {"dcmtk 4": [2.0]}, set())["reached"] is None
