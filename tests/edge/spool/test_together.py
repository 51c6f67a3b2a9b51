"""Many threads, one commit: who comes while it is made is in the next."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from bocage_edge.spool.together import LARGEST_GROUP, Fates, Together

WAIT_S = 10.0


class Slow:
    """Does a group when it is told to; wishes are numbers, negative ones fail alone."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self.groups: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.may_go = threading.Semaphore(0)

    def act(self, group: Sequence[int]) -> Fates:
        """Wait for leave, then do it."""
        self.groups.append(list(group))
        self.entered.release()
        assert self.may_go.acquire(timeout=WAIT_S)
        if 0 in group:
            raise OSError("the medium")
        return [ValueError(each) if each < 0 else None for each in group]


def crowd(slow: Slow, together: Together[int], wishes: Sequence[int]) -> list[Future[None]]:
    """Let the first act, and the others come meanwhile, in their order."""
    pool = ThreadPoolExecutor(len(wishes))
    done = [pool.submit(together.do, wishes[0])]
    assert slow.entered.acquire(timeout=WAIT_S)
    for number, wish in enumerate(wishes[1:], 1):
        done.append(pool.submit(together.do, wish))
        while len(together.waiting) < number:
            threading.Event().wait(0.001)
    slow.may_go.release(len(wishes))
    pool.shutdown()
    return done


def test_who_comes_meanwhile_shares_the_next() -> None:
    """One alone, then the others together, in their order."""
    slow = Slow()
    done = crowd(slow, Together(slow.act), [1, 2, 3, 4])
    assert slow.groups == [[1], [2, 3, 4]]
    assert [each.exception() for each in done] == [None] * 4


def test_one_that_fails_leaves_the_others_done() -> None:
    """Its error is its own."""
    slow = Slow()
    done = crowd(slow, Together(slow.act), [1, 2, -3, 4])
    assert [type(each.exception()) for each in done] == [type(None)] * 2 + [ValueError, type(None)]


def test_an_error_of_the_group_is_everybodys_and_the_next_goes_on() -> None:
    """Nobody is left waiting."""
    slow = Slow()
    together = Together(slow.act)
    done = crowd(slow, together, [1, 2, 0])
    assert [type(each.exception()) for each in done] == [type(None), OSError, OSError]
    slow.may_go.release()
    together.do(5)
    assert slow.groups[-1] == [5]


def test_a_group_has_a_size() -> None:
    """So that no answer waits for a thousand others."""
    slow = Slow()
    done = crowd(slow, Together(slow.act), list(range(1, LARGEST_GROUP + 4)))
    assert [len(group) for group in slow.groups] == [1, LARGEST_GROUP, 2]
    assert all(each.exception() is None for each in done)


def test_every_wish_is_done_once() -> None:
    """However they meet."""
    done: list[int] = []

    def act(group: Sequence[int]) -> Fates:
        done.extend(group)
        return [None] * len(group)

    together = Together(act)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(together.do, range(2000)))
    assert sorted(done) == list(range(2000))
