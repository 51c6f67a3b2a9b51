"""Which instances are reports, and in what state."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bocage_edge.exam.identities import Document
from bocage_edge.exam.matching import MatchedBy
from bocage_edge.receive.reporting import Answering, report_in

SR = "1.2.840.10008.5.1.4.1.1.88.11"
ADDENDUM = "55107-7"


def states_of(uids: Sequence[str]) -> set[str]:
    """The instances of this test are named after their state; one is unknown."""
    return {uid for uid in uids if uid != "unknown"}


def found(sop_class: str, *predecessors: str, title: str = "", is_preliminary: bool = False) -> str:
    """The state of a report; empty: it is none."""
    document = Document(predecessors, title)
    report = report_in(sop_class, document, states_of, is_preliminary=is_preliminary)
    return "" if report is None else report.state


@pytest.mark.parametrize(
    ("sop_class", "form"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", "encapsulated-pdf"),
        ("1.2.840.10008.5.1.4.1.1.104.2", "cda"),
        (SR, "sr"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "sr"),
        ("1.2.840.10008.5.1.4.1.1.88.59", None),
        ("1.2.840.10008.5.1.4.1.1.88.67", None),
        ("1.2.840.10008.5.1.4.1.1.11.1", None),
        ("1.2.840.10008.5.1.4.1.1.7", None),
        ("1.2.840.10008.5.1.4.1.1.1", None),
    ],
)
def test_documents_are_reports_and_nothing_else_is(sop_class: str, form: str | None) -> None:
    report = report_in(sop_class, Document(), states_of, is_preliminary=False)
    assert report == (None if form is None else Answering("final", form))


@pytest.mark.parametrize(
    ("predecessors", "title", "state"),
    [
        (["preliminary"], "", "final"),  # what was preliminary becomes final by a new document
        (["unknown"], "", "final"),
        (["deletion"], "", "final"),
        (["final"], "", "replacement"),
        (["unknown", "final"], "", "replacement"),
        (["replacement"], "", "replacement"),
        (["final"], ADDENDUM, "addendum"),
        (["addendum"], ADDENDUM, "addendum"),
        ([], ADDENDUM, "final"),  # of what, nobody knows
    ],
)
def test_what_a_document_does_to_those_it_names(
    predecessors: list[str], title: str, state: str
) -> None:
    assert found(SR, *predecessors, title=title) == state


def test_one_that_says_it_is_preliminary_meets_no_due_time() -> None:
    assert found(SR, is_preliminary=True) == "preliminary"
    assert found(SR, "final", is_preliminary=True) == "preliminary"


def test_the_ledger_names_the_exam_the_object_and_the_state() -> None:
    entry = Answering("final", "sr").entry("cd" * 32, "ab" * 16, MatchedBy.ACCESSION, 5.0)
    assert entry.kind == "report"
    assert entry.body == {
        "exam_id": "ab" * 16,
        "object": "cd" * 32,
        "report_state": "final",
        "format": "sr",
        "matched_by": "accession",
    }
