"""What stations are asked to vouch for, and what the partner's ledger says of its own."""

from __future__ import annotations

import pytest

from bocage_edge.spool.station_commitments import (
    LOST_BY_STATION,
    FarCommitment,
    StationCommitment,
    StationOutcome,
    ToCommit,
)
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectState, Settlement, Verdict
from tests.edge.spool.making import LINK, accept, arrive, digest_of, outgoing
from tests.fakes.clock import FakeClock

TRANSACTION = "a" * 32
STATION = "station"


def delivered(spool: Spool, content: bytes, due_at: float = 0.0) -> str:
    """Deliver an object to a station that is to vouch for it."""
    name = arrive(spool, content)
    (delivery,) = spool.deliveries_of(name)
    wanted = ToCommit(STATION, b"sealed", due_at)
    spool.settle_delivery(delivery.id, Verdict.DELIVERED, to_commit=wanted)
    return name


def asked(spool: Spool) -> list[StationCommitment]:
    """Ask about everything that is due."""
    rows = spool.to_ask(STATION, 1e12, 100)
    spool.begin_asking([each.id for each in rows], STATION, TRANSACTION, 1e13)
    return rows


def said(each: StationCommitment, failure: int | None = None) -> StationOutcome:
    return StationOutcome(each.link, each.instance_key, failure)


def bodies(spool: Spool) -> list[dict[str, object]]:
    return [
        dict(each.draft.body)
        for each in spool.pending_entries(100)
        if each.draft.kind == "committed"
    ]


def test_a_station_is_asked_about_what_it_was_given(spool: Spool, clock: FakeClock) -> None:
    name = delivered(spool, b"one", clock.now() + 10.0)
    assert spool.stations_to_ask(clock.now()) == []
    clock.advance(10.0)
    assert spool.stations_to_ask(clock.now()) == [STATION]
    (row,) = spool.to_ask(STATION, clock.now(), 10)
    assert (row.object, row.link, row.sealed, row.attempts) == (name, LINK, b"sealed", 0)


def test_what_is_refused_or_not_wanted_is_not_asked_about(spool: Spool) -> None:
    name = arrive(spool, b"one")
    (delivery,) = spool.deliveries_of(name)
    spool.settle_delivery(delivery.id, Verdict.DELIVERED)
    assert spool.stations_to_ask(1e12) == []


def test_each_answer_is_an_entry_of_its_own(spool: Spool) -> None:
    first, second = delivered(spool, b"one"), delivered(spool, b"two")
    one, two = asked(spool)
    outcomes = [said(one), said(two, 0x0112)]
    assert spool.station_answered(STATION, TRANSACTION, outcomes) == 2
    assert spool.station_answered(STATION, TRANSACTION, outcomes) == 0
    exam = digest_of("exam")[:32]
    assert bodies(spool) == [
        {"object": first, "exam_id": exam, "destination": STATION, "ok": True},
        {
            "object": second,
            "exam_id": exam,
            "destination": STATION,
            "ok": False,
            "failure": 0x0112,
        },
    ]
    assert spool.to_ask(STATION, 1e15, 10) == []
    assert [(each.state, each.objects) for each in spool.station_backlog()] == [("failed", 1)]
    assert spool.lost_exams(10) == [exam]


@pytest.mark.parametrize(("station", "transaction"), [("other", TRANSACTION), (STATION, "b" * 32)])
def test_an_answer_that_nobody_asked_for_changes_nothing(
    spool: Spool, station: str, transaction: str
) -> None:
    delivered(spool, b"one")
    (one,) = asked(spool)
    assert spool.station_answered(station, transaction, [said(one, 0x0112)]) is None
    assert bodies(spool) == []


def test_an_answer_about_an_unknown_instance_changes_nothing(spool: Spool) -> None:
    delivered(spool, b"one")
    asked(spool)
    strange = StationOutcome(LINK, "f" * 32, None)
    assert spool.station_answered(STATION, TRANSACTION, [strange]) == 0


def test_an_answer_to_an_earlier_question_counts(spool: Spool) -> None:
    """An archive that takes two days is asked again meanwhile."""
    delivered(spool, b"one")
    (one,) = asked(spool)
    spool.begin_asking([one.id], STATION, "b" * 32, 1e13)
    assert spool.station_answered(STATION, TRANSACTION, [said(one)]) == 1


def test_a_question_that_was_not_taken_is_put_again(spool: Spool, clock: FakeClock) -> None:
    delivered(spool, b"one")
    (one,) = asked(spool)
    spool.not_asked([one.id], clock.now() + 30.0)
    clock.advance(30.0)
    (again,) = spool.to_ask(STATION, clock.now(), 10)
    assert (again.id, again.attempts) == (one.id, 1)


def test_a_station_that_never_answers_is_given_up(spool: Spool, clock: FakeClock) -> None:
    """The ledger says so, and does not say that it has lost anything."""
    name = delivered(spool, b"one")
    clock.advance(100.0)
    assert spool.give_up_asking(clock.now() - 200.0) == 0
    assert spool.give_up_asking(clock.now()) == 1
    (body,) = bodies(spool)
    assert (body["object"], body["answered"]) == (name, False)
    assert "ok" not in body
    assert spool.station_backlog() == []


def test_old_ones_are_forgotten_and_open_ones_kept(spool: Spool, clock: FakeClock) -> None:
    delivered(spool, b"one")
    (one,) = asked(spool)
    spool.station_answered(STATION, TRANSACTION, [said(one, 0x0112)])
    delivered(spool, b"two")
    clock.advance(10.0)
    spool.forget_station_commitments(clock.now())
    assert [each.state for each in spool.station_backlog()] == ["due"]
    assert spool.station_answered(STATION, TRANSACTION, [said(one)]) is None


def gone(spool: Spool, word: str = "a") -> str:
    """An object of ours that the partner has signed for as delivered."""
    name = accept(spool, word.encode(), outgoing(word, key="one"))
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    return name


def state_of(spool: Spool, name: str) -> ObjectState:
    found = spool.get(name)
    assert found is not None
    return found.state


def test_what_the_partners_station_vouches_for_stays_delivered(spool: Spool) -> None:
    name = gone(spool)
    spool.note_far_commitments([FarCommitment(name, STATION, None)])
    spool.note_far_commitments([FarCommitment(name, STATION, True)])
    spool.note_far_commitments([FarCommitment(name, STATION, None)])
    assert state_of(spool, name) is ObjectState.RETIRED
    assert spool.refused_exams() == []


@pytest.mark.parametrize("is_early", [False, True])
def test_what_the_partners_station_has_lost_may_be_sent_again(spool: Spool, is_early: bool) -> None:
    """Whichever comes first: another station's delivery may be what settles it."""
    name = accept(spool, b"a", outgoing("a", key="one"))
    lost = [FarCommitment(name, STATION, False)]
    if is_early:
        spool.note_far_commitments(lost)
        assert state_of(spool, name) is ObjectState.QUEUED
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    spool.note_far_commitments(lost)
    assert state_of(spool, name) is ObjectState.DROPPED
    (exam,) = spool.refused_exams()
    assert (exam.reason, exam.instances) == (LOST_BY_STATION, 1)
    # The same content again is a new object, and then there is nothing left to send.
    assert not any(
        each.is_on_the_way_or_done for each in spool.known_instances(LINK, digest_of("one")[:32])
    )
    accept(spool, b"a, sealed again", outgoing("a", key="one"))
    assert spool.refused_exams() == []


def test_a_station_that_never_answered_is_as_if_it_had_not_been_asked(spool: Spool) -> None:
    name = gone(spool)
    spool.note_far_commitments([FarCommitment(name, STATION, None)])
    spool.note_far_commitments([FarCommitment(name, STATION, None, is_withdrawn=True)])
    spool.note_far_commitments([FarCommitment(name, "other", True)])
    spool.note_far_commitments([FarCommitment(name, "other", None, is_withdrawn=True)])
    assert state_of(spool, name) is ObjectState.RETIRED
