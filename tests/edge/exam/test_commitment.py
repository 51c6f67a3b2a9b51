"""What becomes of an instance that somebody asks storage commitment for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.commitment import (
    CLASS_INSTANCE_CONFLICT,
    COMMITTED,
    NO_SUCH_OBJECT_INSTANCE,
    PROCESSING_FAILURE,
    Carrier,
    Stand,
    look_again_s,
    verdict,
)

CLASS, OTHER = "c" * 32, "d" * 32
GONE, REFUSED, WAY, DONE = Stand


def carried(*stands: tuple[str, Stand]) -> list[Carrier]:
    return [Carrier(content, CLASS, stand) for content, stand in stands]


@pytest.mark.parametrize(
    ("carriers", "expected"),
    [
        (carried(("a", DONE)), COMMITTED),
        (carried(("a", WAY)), None),
        (carried(("a", REFUSED)), PROCESSING_FAILURE),
        (carried(("a", GONE)), PROCESSING_FAILURE),
        # Refused once, sent again and delivered: the same content is there.
        (carried(("a", REFUSED), ("a", DONE)), COMMITTED),
        (carried(("a", REFUSED), ("a", WAY)), None),
        # Two contents under one UID: both have to be there.
        (carried(("a", DONE), ("b", DONE)), COMMITTED),
        (carried(("a", DONE), ("b", WAY)), None),
        (carried(("a", DONE), ("b", REFUSED)), PROCESSING_FAILURE),
        (carried(("a", DONE), ("b", GONE)), PROCESSING_FAILURE),
        ([Carrier("a", OTHER, DONE)], CLASS_INSTANCE_CONFLICT),
        ([Carrier("a", OTHER, WAY)], CLASS_INSTANCE_CONFLICT),
        ([Carrier("a", "", DONE)], COMMITTED),  # of an older release: the class is not known
    ],
)
def test_what_became_of_it(carriers: list[Carrier], expected: int | None) -> None:
    assert verdict(CLASS, carriers, waited_s=0.0, unknown_after_s=300.0) == expected


@pytest.mark.parametrize(
    ("waited_s", "expected"), [(299.0, None), (300.0, NO_SUCH_OBJECT_INSTANCE)]
)
def test_an_unknown_instance_may_be_on_its_way_for_a_while(
    waited_s: float, expected: int | None
) -> None:
    assert verdict(CLASS, [], waited_s=waited_s, unknown_after_s=300.0) == expected


@given(
    st.lists(
        st.builds(
            Carrier,
            st.sampled_from("abc"),
            st.sampled_from((CLASS, OTHER, "")),
            st.sampled_from(Stand),
        ),
        max_size=6,
    ),
    st.floats(0, 1e6),
)
def test_committed_is_never_said_of_what_is_not_all_delivered(
    carriers: list[Carrier], waited_s: float
) -> None:
    if verdict(CLASS, carriers, waited_s=waited_s, unknown_after_s=300.0) == COMMITTED:
        assert carriers
        contents = {each.content for each in carriers}
        delivered = {each.content for each in carriers if each.stand is DONE}
        assert contents == delivered
        assert OTHER not in {each.class_key for each in carriers}


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_the_longer_it_waits_the_more_seldom_it_is_looked_at(one: float, other: float) -> None:
    assert look_again_s(min(one, other)) <= look_again_s(max(one, other)) <= 300.0
