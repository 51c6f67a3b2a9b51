"""When a report is due, by table and for any slot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.convention.calendar import Slot
from bocage_contract.convention.due import is_overdue, report_due, terms_of
from bocage_contract.exam_class import ExamClass
from tests.contract.convention.test_calendar import at, convention

SLOT = Slot(int(at("2026-12-01T08:30")), int(at("2026-12-01T10:00")))
ACCEPTED = at("2026-12-01T07:00")


@pytest.mark.parametrize(
    ("due", "exam_class", "slot", "when"),
    [
        ("slot end + 60 min", ExamClass.ROUTINE, SLOT, "2026-12-01T11:00"),
        ("slot start + 2 h", ExamClass.ROUTINE, SLOT, "2026-12-01T10:30"),
        ("slot end + 0 min", ExamClass.ROUTINE, SLOT, "2026-12-01T10:00"),
        ("accepted + 24 h", ExamClass.ROUTINE, SLOT, "2026-12-02T07:00"),
        ("accepted + 24 h", ExamClass.ROUTINE, None, "2026-12-02T07:00"),
        ("slot end + 60 min", ExamClass.ROUTINE, None, None),
        ("slot end + 60 min", ExamClass.URGENT, None, "2026-12-01T08:00"),
        ("slot start + 2 h", ExamClass.URGENT, SLOT, "2026-12-01T09:00"),
        ("slot end + 60 min", ExamClass.PRIOR, SLOT, None),
        ("accepted + 24 h", ExamClass.REPORT, None, None),
    ],
)
def test_when_it_is_due(
    due: str, exam_class: ExamClass, slot: Slot | None, when: str | None
) -> None:
    agreed = convention(report={"due": due})
    found = report_due(agreed, exam_class, ACCEPTED, slot)
    assert found == (None if when is None else at(when))


@pytest.mark.parametrize(
    "due",
    ["", "slot", "slot end", "slot end +60 min", "slot end + 60", "slot end + -1 min", "now + 1 h",
     "accepted + 1 day", "slot end + 60 min ", "accepted + 1.5 h"],
)  # fmt: skip
def test_what_is_no_due_time_is_told(due: str) -> None:
    with pytest.raises(ValueError, match="slot end \\+ 60 min"):
        terms_of(due)


@given(
    st.sampled_from(["slot start", "slot end", "accepted"]),
    st.integers(0, 9999),
    st.sampled_from([("min", 60), ("h", 3600)]),
)
def test_any_that_may_be_written_is_read(since: str, count: int, unit: tuple[str, int]) -> None:
    written = f"{since} + {count} {unit[0]}"
    assert terms_of(written) == (since, count * unit[1])
    found = report_due(convention(report={"due": written}), ExamClass.ROUTINE, ACCEPTED, SLOT)
    assert found is not None
    begin = {"slot start": SLOT.start, "slot end": SLOT.end, "accepted": int(ACCEPTED)}[since]
    assert found - begin == count * unit[1]


@pytest.mark.parametrize(
    ("due", "now", "reported", "is_late"),
    [
        (None, 1e9, None, False),
        (100.0, 99.0, None, False),
        (100.0, 100.0, None, False),
        (100.0, 101.0, None, True),
        (100.0, 500.0, 100.0, False),
        (100.0, 101.0, 101.0, True),
    ],
)
def test_overdue(due: float | None, now: float, reported: float | None, is_late: bool) -> None:
    assert is_overdue(due, now, reported) is is_late
