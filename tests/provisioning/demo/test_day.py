"""What the demonstration makes of two statements."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import pytest

from bocage_provisioning.demo.agreement import BY_HAND, COLUMNS
from bocage_provisioning.demo.day import figures, judge_statements
from bocage_provisioning.demo.ledgers import rows


def csv_of(figures_by_hand: Mapping[str, tuple[str, ...]]) -> str:
    """A statement with these figures, as a box prints it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ["month", "modality", *COLUMNS, "currency"])
    writer.writeheader()
    for modality, line in figures_by_hand.items():
        said = dict(zip(COLUMNS, line, strict=True))
        writer.writerow({"month": "2026-12", "modality": modality, "currency": "EUR", **said})
    return out.getvalue()


GOOD = csv_of(BY_HAND)
ONE_EXAM_MORE = csv_of({**BY_HAND, "CR": ("4", *BY_HAND["CR"][1:])})


@pytest.mark.parametrize(
    ("hospital", "practice", "held"),
    [
        (GOOD, GOOD, [True, True]),
        (GOOD, ONE_EXAM_MORE, [False, True]),
        (ONE_EXAM_MORE, ONE_EXAM_MORE, [True, False]),
        (GOOD.replace("212.50", "212.51"), GOOD, [False, False]),
        ("", "", [True, False]),
    ],
    ids=["good", "they differ", "both wrong", "a cent", "nothing"],
)
def test_two_statements_must_be_one_and_the_one_by_hand(
    hospital: str, practice: str, held: list[bool]
) -> None:
    assert [check.held for check in judge_statements(hospital, practice)] == held


def test_figures_leave_out_what_nobody_can_count_before() -> None:
    assert figures(rows(GOOD)) == BY_HAND
    assert "median_min" not in COLUMNS
