"""Refusals: each counted, each kind written down at once and then once a minute."""

from __future__ import annotations

from bocage_edge.receive.refusals import FOLD_S, MAX_OPEN, Book, Folded, Tally


def test_the_first_is_written_at_once_and_the_others_are_folded() -> None:
    """A modality with a wrong title tries all weekend: one entry a minute."""
    book = Book[str]()
    assert book.note("CR9", 0.0) == Folded("CR9", 1)
    assert [book.note("CR9", float(n)) for n in range(1, 51)] == [None] * 50
    assert book.due(FOLD_S - 1) == []
    assert book.due(FOLD_S) == [Folded("CR9", 50)]
    assert book.due(2 * FOLD_S) == []
    assert book.note("CR9", 2 * FOLD_S) == Folded("CR9", 1)


def test_another_kind_is_written_at_once() -> None:
    """Folding one hides no other."""
    book = Book[str]()
    book.note("CR9", 0.0)
    assert book.note("CT9", 1.0) == Folded("CT9", 1)


def test_a_flood_of_kinds_is_bounded_and_counted() -> None:
    """A scanner that makes up titles fills neither memory nor ledger."""
    book = Book[int]()
    written = [book.note(number, 0.0) for number in range(MAX_OPEN + 100)]
    assert sum(each is not None for each in written) == MAX_OPEN
    assert book.unlisted == 100


def test_nothing_is_lost_at_the_end() -> None:
    """What has gathered is written when the process stops."""
    book = Book[str]()
    for _ in range(3):
        book.note("CR9", 0.0)
    assert book.rest() == [Folded("CR9", 2)]
    assert book.rest() == []


def test_a_tally_counts_by_word() -> None:
    """In order of the words."""
    tally = Tally()
    tally.add("b")
    tally.add("a", 2)
    assert tally.as_dict() == {"a": 2, "b": 1}
    assert tally.of("never") == 0
