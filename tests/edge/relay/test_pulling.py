"""Fetching the partner's ledger: what may come when."""

from __future__ import annotations

from itertools import product

import pytest

from bocage_edge.relay.fault import RelayProtocolError
from bocage_edge.relay.frames import Entries, Head, Pull
from bocage_edge.relay.pulling import Puller, PullState

PAGE = Entries(4, (b"five",), has_more=False, head=b"{}")


def puller(state: PullState) -> Puller:
    made = Puller(held=4, partner_head=5, last_head=5)
    if state is not PullState.IDLE:
        made.ask()
    if state is PullState.CHECKING:
        made.on_entries(PAGE)
    assert made.state is state
    return made


@pytest.mark.parametrize(("state", "what"), list(product(PullState, ["entries", "head"])))
def test_entries_come_only_when_asked_for_and_heads_always(state: PullState, what: str) -> None:
    made = puller(state)
    if what == "head":
        made.on_head(Head(9))
        assert made.partner_head == 9
    elif state is PullState.ASKED:
        assert made.on_entries(PAGE) == PAGE
    else:
        with pytest.raises(RelayProtocolError):
            made.on_entries(PAGE)


def test_one_pull_at_a_time() -> None:
    made = puller(PullState.IDLE)
    assert made.ask() == Pull(4, 250)
    assert made.ask() is None


def test_nothing_is_asked_when_nothing_is_new() -> None:
    assert Puller(held=5, partner_head=5).ask() is None


@pytest.mark.parametrize("number", [0, 5])
def test_a_head_that_does_not_grow_is_a_fault(number: int) -> None:
    with pytest.raises(RelayProtocolError):
        puller(PullState.IDLE).on_head(Head(number))


@pytest.mark.parametrize("after", [0, 3, 5])
def test_entries_after_another_number_are_a_fault(after: int) -> None:
    with pytest.raises(RelayProtocolError):
        puller(PullState.ASKED).on_entries(Entries(after, (b"x",), has_more=False, head=b"{}"))


def test_more_entries_than_asked_for_are_a_fault() -> None:
    with pytest.raises(RelayProtocolError):
        puller(PullState.ASKED).on_entries(Entries(4, (b"x",) * 251, has_more=False, head=b"{}"))


def test_an_empty_answer_ends_the_asking_until_the_next_head() -> None:
    made = puller(PullState.ASKED)
    assert made.on_entries(Entries(4, (), has_more=False, head=b"")) is None
    assert made.ask() is None
    made.on_head(Head(6))
    assert made.ask() == Pull(4, 250)


def test_a_page_with_more_behind_it_is_followed_by_the_next() -> None:
    made = puller(PullState.CHECKING)
    made.kept(5, has_more=True)
    assert made.ask() == Pull(5, 250)


def test_what_could_not_be_kept_is_asked_for_again() -> None:
    made = puller(PullState.CHECKING)
    made.not_kept()
    assert made.ask() == Pull(4, 250)


def test_a_head_for_what_a_page_has_brought_already_is_no_fault() -> None:
    made = puller(PullState.CHECKING)
    made.kept(9, has_more=False)
    made.on_head(Head(7))
    assert made.ask() is None
