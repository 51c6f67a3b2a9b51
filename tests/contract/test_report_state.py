"""How the report of an exam stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.report_state import ReportSeen, ReportStanding, ReportState, standing_of

TABLE = [
    ("nothing", [], ReportStanding()),
    ("preliminary, delivered", [("preliminary", 1, 2)], ReportStanding("preliminary")),
    ("final, on its way", [("final", 1, None)], ReportStanding("final")),
    ("final, delivered", [("final", 1, 2)], ReportStanding("final", 2)),
    ("preliminary, then final", [("preliminary", 1, 2), ("final", 3, 4)],
     ReportStanding("final", 4)),
    ("a second final: met since the first", [("final", 1, 2), ("final", 3, 4)],
     ReportStanding("final", 2)),
    ("an addendum keeps it met", [("final", 1, 2), ("addendum", 3, 4)],
     ReportStanding("addendum", 2)),
    ("a replacement keeps it met", [("final", 1, 2), ("replacement", 3, None)],
     ReportStanding("replacement", 2)),
    ("an addendum alone meets nothing", [("addendum", 1, 2)], ReportStanding("addendum")),
    ("a replacement alone meets nothing", [("replacement", 1, 2)], ReportStanding("replacement")),
    ("a deletion makes it due again", [("final", 1, 2), ("deletion", 3, None)],
     ReportStanding("deletion")),
    ("and a final after it meets it", [("final", 1, 2), ("deletion", 3, 4), ("final", 5, 6)],
     ReportStanding("final", 6)),
    ("what was taken back does not count when it comes late", [("deletion", 3, 4), ("final", 1, 9)],
     ReportStanding("deletion")),
    ("at the very moment: rather due than not", [("final", 3, 4), ("deletion", 3, 4)],
     ReportStanding("deletion")),
    ("a word of a later release", [("verbal", 1, 2)], ReportStanding()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "stands"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_table(seen: list[tuple[str, float, float | None]], stands: ReportStanding) -> None:
    """In any order of coming."""
    assert standing_of(ReportSeen(*each) for each in seen) == stands
    assert standing_of(ReportSeen(*each) for each in reversed(seen)) == stands


SEEN = st.builds(
    ReportSeen,
    st.sampled_from([each.value for each in ReportState]),
    st.integers(0, 9).map(float),
    st.none() | st.integers(0, 9).map(float),
)


@given(st.lists(SEEN, max_size=6))
def test_only_a_final_that_holds_meets_the_due_time(seen: list[ReportSeen]) -> None:
    """Whatever else was sent, and however it came."""
    met = standing_of(seen).met_at
    deletions = [each.at for each in seen if each.state == "deletion"]
    holding = [
        each.delivered_at
        for each in seen
        if each.state == "final" and all(each.at > at for at in deletions)
    ]
    assert (met is not None) == any(at is not None for at in holding)
    assert met is None or met in holding
