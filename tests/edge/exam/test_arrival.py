"""When exams will have gone over the line: against a slow reckoning, second by second."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.exam.arrival import Stretch, arrivals

NOW = 1000.0


@pytest.mark.parametrize(
    ("urgent", "routine", "ahead", "gone"),
    [
        (0, [], [Stretch(0, 10)], []),
        (0, [100, 50], [Stretch(0, 10)], [1010, 1015]),
        (200, [100], [Stretch(0, 10)], [1030]),
        (0, [100], [Stretch(0, 10, is_open=False), Stretch(2000, 10)], [2010]),
        # urgent ones go while the window is shut
        (200, [100], [Stretch(0, 10, is_open=False), Stretch(2000, 10)], [2010]),
        (20_000, [100], [Stretch(0, 10, is_open=False), Stretch(2000, 10)], [3010]),
        # a cap that comes, and one that goes
        (0, [100], [Stretch(0, 10), Stretch(1005, 1)], [1055]),
        (0, [100], [Stretch(0, 1), Stretch(1050, 10)], [1055]),
        # a window that shuts before the second exam has gone
        (0, [50, 50], [Stretch(0, 10), Stretch(1008, 10, is_open=False), Stretch(1100, 10)],
         [1005, 1102]),
        (0, [0], [Stretch(0, 10)], [1000]),
        (0, [100], [Stretch(0, 0), Stretch(1100, 10)], [1110]),
        (0, [100, 1], [Stretch(0, 0)], [math.inf, math.inf]),
        (0, [50, 100], [Stretch(0, 10), Stretch(1010, 10, is_open=False)], [1005, math.inf]),
        (0, [100], [Stretch(2000, 10)], [2010]),
    ],
)  # fmt: skip
def test_when_they_have_gone(
    urgent: float, routine: list[float], ahead: list[Stretch], gone: list[float]
) -> None:
    assert arrivals(urgent, routine, ahead, NOW) == pytest.approx(gone)


def by_the_second(
    urgent: int, routine: list[int], ahead: list[Stretch], until: int
) -> list[int | None]:
    """The second in which each exam's last byte goes; None: not before `until`."""
    left, found = list(routine), list[int | None]()
    for second in range(int(NOW), until):
        this = [each for each in ahead if each.start <= second][-1]
        budget = int(this.bytes_s)
        taken = min(urgent, budget)
        urgent, budget = urgent - taken, budget - taken
        while left and this.is_open and not urgent and (budget or not left[0]):
            taken = min(left[0], budget)
            left[0], budget = left[0] - taken, budget - taken
            if left[0]:
                break
            left.pop(0)
            found.append(second)
    return found + [None] * len(left)


@given(
    urgent=st.integers(0, 2000),
    routine=st.lists(st.integers(1, 2000), max_size=5),
    steps=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30), st.booleans()), max_size=8),
    first=st.tuples(st.integers(0, 30), st.booleans()),
)
def test_it_is_what_a_slow_reckoning_finds(
    urgent: int,
    routine: list[int],
    steps: list[tuple[int, int, bool]],
    first: tuple[int, bool],
) -> None:
    ahead = [Stretch(0, first[0], is_open=first[1])]
    at = int(NOW)
    for after, bytes_s, is_open in steps:
        at += after
        ahead.append(Stretch(at, bytes_s, is_open=is_open))
    until = at + 2000
    for quick, slow in zip(
        arrivals(urgent, routine, ahead, NOW),
        by_the_second(urgent, routine, ahead, until),
        strict=True,
    ):
        if slow is None:
            assert quick >= until - 1e-3
        else:
            assert slow - 1e-3 <= quick <= slow + 1 + 1e-3


@given(st.integers(0, 1000), st.lists(st.integers(0, 1000), max_size=6), st.integers(1, 50))
def test_more_in_front_never_makes_it_earlier(urgent: int, sizes: list[int], more: int) -> None:
    ahead = [Stretch(0, 10), Stretch(1050, 3), Stretch(1200, 7, is_open=False), Stretch(1300, 5)]
    before = arrivals(urgent, sizes, ahead, NOW)
    after = arrivals(urgent + more, sizes, ahead, NOW)
    assert all(late >= early - 1e-6 for early, late in zip(before, after, strict=True))
    assert before == sorted(before)
