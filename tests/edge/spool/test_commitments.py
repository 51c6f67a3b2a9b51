"""Requests for storage commitment in the index: taken once, decided once, told until taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_contract.ledger import draft
from bocage_edge.spool.commitments import (
    MAX_OPEN,
    Commitment,
    CommitmentItem,
    CommitmentState,
    NewCommitment,
    Taken,
)
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectState, Settlement, Verdict
from tests.edge.spool.making import LINK, accept, digest_of, open_spool, outgoing
from tests.fakes.clock import FakeClock

WAITING, DECIDED = CommitmentState.WAITING, CommitmentState.DECIDED
ENTRY = draft("commitment_asked", 1.0, instances=1)


def asked(word: str = "t", *instances: str, caller: str = "CR1") -> NewCommitment:
    """A request whose transaction is named by a word, for instances named by words."""
    items = [CommitmentItem(digest_of(each)[:32], "c" * 32) for each in instances or ("one",)]
    return NewCommitment(
        link=LINK,
        caller=caller,
        service="FLERS",
        transaction_key=digest_of(word)[:32],
        request_digest=digest_of(" ".join(sorted(instances))),
        items=items,
        sealed=b"sealed",
    )


def only(spool: Spool, state: CommitmentState) -> Commitment:
    (found,) = spool.due_commitments(state, 1e12, 10)
    return found


def test_a_request_is_taken_once(spool: Spool) -> None:
    """A lost answer makes a modality ask again."""
    assert spool.take_commitment(asked(), [ENTRY]) is Taken.NEW
    assert spool.take_commitment(asked(), [ENTRY]) is Taken.AGAIN
    assert len(spool.pending_entries(10)) == 1
    assert only(spool, WAITING).instances == 1


def test_another_request_under_the_same_transaction_is_not_taken(spool: Spool) -> None:
    spool.take_commitment(asked("t", "one"), [])
    assert spool.take_commitment(asked("t", "one", "two"), [ENTRY]) is Taken.CLASH
    assert only(spool, WAITING).instances == 1
    assert spool.take_commitment(asked("t", "one", caller="CT1"), []) is Taken.NEW


def test_a_caller_that_asks_without_end_is_stopped(spool: Spool) -> None:
    for number in range(MAX_OPEN):
        assert spool.take_commitment(asked(str(number)), []) is Taken.NEW
    assert spool.take_commitment(asked("more"), [ENTRY]) is Taken.FULL
    assert spool.take_commitment(asked("more", caller="CT1"), []) is Taken.NEW


def test_each_instance_is_seen_with_every_object_that_carries_it(spool: Spool) -> None:
    accept(spool, b"1", outgoing("a", key="one"))
    accept(spool, b"2", outgoing("b", key="one"))
    accept(spool, b"3", outgoing("c", key="two", link="flers-other"))
    spool.take_commitment(asked("t", "one", "two"), [])
    one, two = spool.items_of_commitment(only(spool, WAITING).id)
    assert [each.state for each in one.objects] == [ObjectState.QUEUED] * 2
    assert two.objects == []


def test_where_an_instance_stands_follows_its_object(spool: Spool) -> None:
    name = accept(spool, b"1", outgoing("a", key="one"))
    spool.take_commitment(asked("t", "one"), [])
    number = only(spool, WAITING).id
    spool.mark_stored([name])
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    (item,) = spool.items_of_commitment(number)
    assert [each.state for each in item.objects] == [ObjectState.RETIRED]


def test_what_is_decided_stays_so(spool: Spool, clock: FakeClock) -> None:
    spool.take_commitment(asked("t", "one", "two"), [])
    number = only(spool, WAITING).id
    clock.advance(5.0)
    spool.decide_commitment(number, [0, 0x0112])
    spool.decide_commitment(number, [0, 0])
    found = only(spool, DECIDED)
    assert (found.failed, found.decided_at) == (1, clock.now())
    assert spool.result_of_commitment(number) == (b"sealed", [0, 0x0112])


def test_an_attempt_is_committed_before_it_is_made(tmp_path: Path) -> None:
    """Killed in between, it is made again when it is due."""
    clock = FakeClock()
    spool = open_spool(tmp_path, clock)
    spool.take_commitment(asked(), [])
    spool.decide_commitment(only(spool, WAITING).id, [0])
    number = only(spool, DECIDED).id
    assert spool.begin_telling(number, clock.now() + 30.0)
    spool.close()
    again = open_spool(tmp_path, clock)
    assert again.due_commitments(DECIDED, clock.now(), 10) == []
    assert again.next_commitment_at([WAITING, DECIDED]) == clock.now() + 30.0
    assert only(again, DECIDED).attempts == 1
    again.close()


def test_once_told_what_it_named_is_gone(spool: Spool, clock: FakeClock) -> None:
    spool.take_commitment(asked(), [])
    spool.decide_commitment(only(spool, WAITING).id, [0])
    found = only(spool, DECIDED)
    spool.end_commitment(found, CommitmentState.TOLD, [ENTRY])
    spool.end_commitment(found, CommitmentState.TOLD, [ENTRY])
    assert len(spool.pending_entries(10)) == 1
    assert spool.result_of_commitment(found.id)[0] == b""
    assert spool.commitment_backlog() == []
    assert not spool.begin_telling(found.id, 0.0)


def test_asked_again_once_told_it_is_decided_anew(spool: Spool) -> None:
    """The asker has lost the result."""
    spool.take_commitment(asked(), [])
    spool.decide_commitment(only(spool, WAITING).id, [0x0110])
    spool.end_commitment(only(spool, DECIDED), CommitmentState.TOLD, [])
    assert spool.take_commitment(asked(), []) is Taken.NEW
    found = only(spool, WAITING)
    assert (found.failed, found.attempts) == (0, 0)


def test_old_ones_are_forgotten_with_their_items(spool: Spool, clock: FakeClock) -> None:
    spool.take_commitment(asked("old"), [])
    spool.decide_commitment(only(spool, WAITING).id, [0])
    old = only(spool, DECIDED)
    spool.end_commitment(old, CommitmentState.TOLD, [])
    spool.take_commitment(asked("open"), [])
    clock.advance(100.0)
    assert spool.forget_commitments(clock.now()) == 1
    assert spool.result_of_commitment(old.id) == (b"", [])
    assert only(spool, WAITING).instances == 1


def test_the_backlog_says_what_is_open(spool: Spool, clock: FakeClock) -> None:
    spool.take_commitment(asked("a"), [])
    spool.decide_commitment(only(spool, WAITING).id, [0])
    spool.not_told(only(spool, DECIDED).id, clock.now(), "it cannot be reached")
    spool.take_commitment(asked("b"), [])
    found = [(each.state, each.requests, each.reason) for each in spool.commitment_backlog()]
    assert found == [(DECIDED, 1, "it cannot be reached"), (WAITING, 1, "")]


@pytest.mark.parametrize("state", [WAITING, DECIDED])
def test_nothing_is_due_where_nothing_is_open(spool: Spool, state: CommitmentState) -> None:
    assert spool.next_commitment_at([state]) is None
    assert spool.due_commitments(state, 1e12, 10) == []
