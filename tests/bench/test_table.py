"""The tables of the benches: what a program reads, and what a person does."""

from __future__ import annotations

import json

import pytest

from tests.bench.table import Row, as_json, as_text, middle, ok, row

GOOD = row("wan", True, line="20 Mbit/s, 40 ms", peers_s={"dcmtk 4": 24.3}, ratio=3.5)
BAD = row("wan", False, line="100 Mbit/s, 20 ms", peers_s={"dcmtk 4": 5.0}, ratio=1.0)
FREE = row("wan", None, line="8 Mbit/s", peers_s={}, ratio=None)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([GOOD], True), ([GOOD, FREE], True), ([GOOD, BAD], False), ([], False)],
)
def test_ok_is_said_only_if_all_that_must_be_reached_was(rows: list[Row], expected: bool) -> None:
    assert ok(rows) is expected
    assert json.loads(as_json(rows, {}))["ok"] is expected


def test_json_is_one_line_with_the_columns_by_name() -> None:
    text = as_json([GOOD, BAD], {"runs": 3})
    assert "\n" not in text
    said = json.loads(text)
    assert said["runs"] == 3
    assert said["rows"][0] == {
        "bench": "wan",
        "line": "20 Mbit/s, 40 ms",
        "peers_s": {"dcmtk 4": 24.3},
        "ratio": 3.5,
        "reached": True,
    }


def test_rows_of_other_columns_stand_in_a_table_of_their_own() -> None:
    memory = row("memory", True, process="hospital relay", peak_mb=62.6)
    blocks = as_text([GOOD, BAD, memory]).split("\n\n")
    assert [len(block.splitlines()) for block in blocks] == [4, 3]
    assert blocks[0].splitlines()[2].endswith("yes")
    assert blocks[0].splitlines()[3].endswith("NO")


def test_the_middle_of_an_odd_number_is_one_of_them() -> None:
    assert middle([3.0, 1.0, 2.00049]) == 2.0
