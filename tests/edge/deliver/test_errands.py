"""Calls beside the lanes: one for each peer, taken in by who gave them."""

from __future__ import annotations

import threading

from bocage_edge.deliver.errands import Errands

WAIT_S = 10.0


def test_what_came_of_a_call_is_taken_in_by_the_giver() -> None:
    rung = threading.Event()
    errands = Errands(rung.set)
    came: list[tuple[str | None, threading.Thread]] = []
    assert errands.start(
        "a", lambda: "word", lambda it: came.append((it, threading.current_thread()))
    )
    assert rung.wait(WAIT_S)
    assert not errands.is_idle
    errands.take_in()
    assert came == [("word", threading.current_thread())]
    assert errands.is_idle


def test_one_call_a_peer_and_a_few_together() -> None:
    go = threading.Event()
    errands = Errands(lambda: None, at_once=2)
    for peer, expected in (("a", True), ("a", False), ("b", True), ("c", False)):
        assert errands.start(peer, lambda: go.wait(WAIT_S), lambda _: None) is expected
    go.set()
    errands.join(WAIT_S)
    assert errands.is_idle
    assert errands.has_room("a")


def test_a_call_that_fails_says_nothing() -> None:
    came: list[object] = []
    errands = Errands(lambda: None)
    errands.start("a", lambda: 1 / 0, came.append)
    errands.join(WAIT_S)
    assert came == [None]
