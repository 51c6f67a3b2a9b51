"""Which instances are reports, and in what state."""

from __future__ import annotations

import pytest

from bocage_edge.receive.reporting import Answering, report_in


@pytest.mark.parametrize(
    ("sop_class", "found"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", Answering("final", "encapsulated-pdf")),
        ("1.2.840.10008.5.1.4.1.1.104.2", Answering("final", "cda")),
        ("1.2.840.10008.5.1.4.1.1.88.11", Answering("final", "sr")),
        ("1.2.840.10008.5.1.4.1.1.88.33", Answering("final", "sr")),
        ("1.2.840.10008.5.1.4.1.1.88.59", None),
        ("1.2.840.10008.5.1.4.1.1.88.67", None),
        ("1.2.840.10008.5.1.4.1.1.11.1", None),
        ("1.2.840.10008.5.1.4.1.1.7", None),
        ("1.2.840.10008.5.1.4.1.1.1", None),
    ],
)
def test_documents_are_reports_and_nothing_else_is(sop_class: str, found: Answering | None) -> None:
    assert report_in(sop_class, is_preliminary=False) == found


def test_one_that_says_it_is_preliminary_meets_no_due_time() -> None:
    found = report_in("1.2.840.10008.5.1.4.1.1.88.11", is_preliminary=True)
    assert found == Answering("preliminary", "sr")


def test_the_ledger_names_the_exam_the_object_and_the_state() -> None:
    entry = Answering("final", "sr").entry("cd" * 32, "ab" * 16, 5.0)
    assert entry.kind == "report"
    assert entry.body == {
        "exam_id": "ab" * 16,
        "object": "cd" * 32,
        "report_state": "final",
        "format": "sr",
        "matched_by": "study",
    }
