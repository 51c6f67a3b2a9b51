"""Whether a destination is left alone."""

from __future__ import annotations

import pytest

from bocage_edge.deliver.hold import Standing, after
from bocage_edge.deliver.outcome import Deferred, Delivered, Outcome, Refused, Scope

LOST = Deferred("station did not answer", Scope.INSTANCE)
AWAY = Deferred("station cannot be reached", Scope.DESTINATION)


def test_a_station_that_is_away_is_held_at_once_and_then_probed() -> None:
    standing, is_held = after(Standing(), AWAY, is_untold=False)
    assert is_held
    assert standing == Standing(failures=1)
    assert standing.is_probing


def test_failures_count_up_while_it_stays_away() -> None:
    standing = Standing()
    for _ in range(4):
        standing, _ = after(standing, AWAY, is_untold=False)
    assert standing.failures == 4


def test_one_poisoned_instance_does_not_hold_its_neighbours() -> None:
    standing, is_held = after(Standing(), LOST, is_untold=True)
    assert not is_held
    standing, is_held = after(standing, Delivered(), is_untold=False)
    assert (standing, is_held) == (Standing(), False)


def test_three_untold_ends_in_a_row_hold_it() -> None:
    standing, held = Standing(), []
    for _ in range(3):
        standing, is_held = after(standing, LOST, is_untold=True)
        held.append(is_held)
    assert held == [False, False, True]
    assert standing == Standing(failures=1)


@pytest.mark.parametrize(
    "outcome",
    [Delivered(), Delivered(0xB000), Refused("no", Scope.INSTANCE), Deferred("?", Scope.INSTANCE)],
)
def test_any_answer_about_an_instance_clears_the_destination(outcome: Outcome) -> None:
    assert after(Standing(5, 2), outcome, is_untold=False) == (Standing(), False)


def test_a_refusal_of_the_destination_holds_it() -> None:
    _, is_held = after(Standing(), Refused("AE title", Scope.DESTINATION), is_untold=False)
    assert is_held
