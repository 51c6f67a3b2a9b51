"""Only SOP classes of the standard are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.sop_class import PRIVATE, named_sop_class


@pytest.mark.parametrize(
    ("uid", "named"),
    [
        ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.104.1"),
        ("1.2.840.10008.1.2", PRIVATE),
        ("1.2.840.10008.5.1.4.1.1.1.999999", PRIVATE),
        ("1.3.12.2.1107.5.9.1", PRIVATE),
        ("DURAND^ZOE", PRIVATE),
        ("", PRIVATE),
    ],
)
def test_named_or_private(uid: str, named: str) -> None:
    assert named_sop_class(uid) == named


@given(st.text(max_size=80))
def test_whatever_a_stranger_writes_is_private(uid: str) -> None:
    assert named_sop_class(uid) == PRIVATE
