"""Names of exams and instances: the same at both boxes, telling a stranger nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.identity import exam_id, exam_ref, instance_key

KEY = bytes(range(32))
UID = "1.2.840.113619.2.5.1762583153"


def test_an_exam_id_is_pinned() -> None:
    """Two boxes of different releases must name an exam alike: this value never changes."""
    assert exam_id(KEY, UID) == "db6bb63d17a3ac996d286523a6e1b68a"
    assert instance_key(KEY, UID) == "abd5e9ae60c4a6310aa472ede8d3be85"


def test_padding_of_a_uid_does_not_count() -> None:
    """NUL by the standard, spaces by some modalities."""
    assert exam_id(KEY, UID + "\0") == exam_id(KEY, UID + " ") == exam_id(KEY, UID)


def test_an_instance_never_bears_the_name_of_an_exam() -> None:
    """Some makers give a study and its only instance the same UID."""
    assert exam_id(KEY, UID) != instance_key(KEY, UID)


def test_another_link_gives_another_name() -> None:
    """Two practices that compare their lists find nothing in common."""
    assert exam_id(KEY[::-1], UID) != exam_id(KEY, UID)


def test_a_short_key_is_refused() -> None:
    """A name under a guessable key would give the UID away."""
    with pytest.raises(ValueError, match="too short"):
        exam_id(b"0" * 15, UID)


@pytest.mark.parametrize(
    ("exam", "ref"),
    [
        ("0" * 32, "00-0000"),
        ("f" * 32, "ZZ-ZZZZ"),
        ("00000004" + "0" * 24, "00-0001"),
        ("00000003" + "f" * 24, "00-0000"),
        ("08000000" + "0" * 24, "10-0000"),
    ],
)
def test_a_reference_shows_the_first_thirty_bits(exam: str, ref: str) -> None:
    """So that a prefix search in the index finds it."""
    assert exam_ref(exam) == ref


@given(st.integers(0, 2**128 - 1))
def test_a_reference_has_no_letter_that_is_misread(number: int) -> None:
    """No I, L, O, U."""
    ref = exam_ref(f"{number:032x}")
    assert len(ref) == 7
    assert not set("ILOU") & set(ref)
