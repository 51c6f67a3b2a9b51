"""By what a report finds its exam."""

from __future__ import annotations

from bocage_edge.spool.exam_names import MAX_NAMES
from bocage_edge.spool.store import Spool

LINK, OTHER_LINK = "flers-caen", "vire-caen"
EXAM, OTHER = "a" * 32, "b" * 32


def test_exams_are_found_by_any_of_their_names(spool: Spool) -> None:
    """On the link that was asked for only."""
    spool.add_exam_names(LINK, EXAM, [("accession", "1" * 32), ("ins", "2" * 32)])
    spool.add_exam_names(LINK, OTHER, [("accession", "1" * 32)])
    spool.add_exam_names(OTHER_LINK, EXAM, [("order", "3" * 32)])
    assert spool.exams_named(LINK, [("ins", "2" * 32)]) == [EXAM]
    assert spool.exams_named(LINK, [("accession", "1" * 32)]) == [EXAM, OTHER]
    assert spool.exams_named(LINK, [("order", "3" * 32), ("ins", "1" * 32)]) == []
    assert spool.exam_names(LINK, EXAM) == [("accession", "1" * 32), ("ins", "2" * 32)]


def test_names_are_added_to_and_bounded(spool: Spool) -> None:
    """A data set cannot fill the index."""
    spool.add_exam_names(LINK, EXAM, [("ins", "2" * 32)])
    spool.add_exam_names(LINK, EXAM, [("ins", f"{number:032x}") for number in range(500)])
    assert len(spool.exam_names(LINK, EXAM)) == MAX_NAMES
    assert ("ins", "2" * 32) in spool.exam_names(LINK, EXAM)
