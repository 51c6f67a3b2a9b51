"""To the stations: due first, attempts, verdicts, pauses."""

from __future__ import annotations

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import DeliveryState, ObjectState, Verdict
from tests.edge.spool.making import arrive
from tests.fakes.clock import FakeClock


def due(spool: Spool, clock: FakeClock, destination: str | None = None) -> list[tuple[str, str]]:
    found = spool.due_deliveries(clock.now(), 99, destination)
    return [(each.object.name, each.destination) for each in found]


def only(spool: Spool, clock: FakeClock, destination: str | None = None) -> int:
    (found,) = spool.due_deliveries(clock.now(), 2, destination)
    return found.id


def test_urgent_first_then_in_order_and_a_limit_for_each_destination(
    spool: Spool, clock: FakeClock
) -> None:
    one = arrive(spool, b"1", ["a", "b"])
    two = arrive(spool, b"2", ["a"])
    urgent = arrive(spool, b"3", ["a"], klass=ExamClass.URGENT)
    assert due(spool, clock) == [(urgent, "a"), (one, "a"), (one, "b"), (two, "a")]
    assert due(spool, clock, "b") == [(one, "b")]
    limited = [
        (each.object.name, each.destination) for each in spool.due_deliveries(clock.now(), 1)
    ]
    assert limited == [(urgent, "a"), (one, "b")]


def test_an_attempt_is_committed_before_it_is_made(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1")
    number = only(spool, clock)
    assert spool.begin_attempt(number, clock.now() + 30)
    assert due(spool, clock) == []
    assert spool.next_delivery_at() == clock.now() + 30
    clock.advance(30)
    (again,) = spool.due_deliveries(clock.now(), 9)
    assert (again.id, again.attempts, again.object.name) == (number, 1, name)


def test_an_object_is_retired_when_everybody_has_it(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1", ["a", "b"])
    first, second = (each.id for each in spool.due_deliveries(clock.now(), 9))
    entry = draft("delivered", 1.0, object=name)
    assert spool.settle_delivery(first, Verdict.DELIVERED, [entry]) is ObjectState.ARRIVED
    spool.open(name).close()
    assert spool.settle_delivery(second, Verdict.DELIVERED, [entry]) is ObjectState.RETIRED
    with pytest.raises(SpoolError):
        spool.open(name)
    assert spool.has(name)
    assert spool.settle_delivery(second, Verdict.DELIVERED, [entry]) is None
    assert [each.draft.kind for each in spool.pending_entries(9)] == [
        "stored",
        "delivered",
        "delivered",
    ]


def test_a_refused_instance_holds_up_nobody_and_stays(spool: Spool, clock: FakeClock) -> None:
    poisoned = arrive(spool, b"1")
    neighbour = arrive(spool, b"2")
    first, _ = (each.id for each in spool.due_deliveries(clock.now(), 9))
    spool.begin_attempt(first, clock.now() + 30)
    state = spool.settle_delivery(first, Verdict.REFUSED, reason="cannot understand (0xC000)")
    assert state is ObjectState.REFUSED
    assert due(spool, clock) == [(neighbour, "station")]
    spool.open(poisoned).close()
    (refused,) = spool.deliveries_of(poisoned)
    assert (refused.state, refused.reason) == (DeliveryState.REFUSED, "cannot understand (0xC000)")
    assert [(each.state, each.deliveries) for each in spool.delivery_backlog()] == [
        (DeliveryState.DUE, 1),
        (DeliveryState.REFUSED, 1),
    ]


def test_refused_by_one_and_wanted_by_another_is_refused_in_the_end(
    spool: Spool, clock: FakeClock
) -> None:
    name = arrive(spool, b"1", ["a", "b"])
    first, second = (each.id for each in spool.due_deliveries(clock.now(), 9))
    assert spool.settle_delivery(first, Verdict.REFUSED) is ObjectState.ARRIVED
    assert spool.settle_delivery(second, Verdict.DELIVERED) is ObjectState.REFUSED
    assert spool.deliver_to(name, ["a"]) == ["a"]
    assert spool.settle_delivery(only(spool, clock), Verdict.DELIVERED) is ObjectState.RETIRED


def test_what_everybody_has_is_not_delivered_again(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1", ["a", "b"])
    spool.settle_delivery(only(spool, clock, "a"), Verdict.DELIVERED)
    spool.settle_delivery(only(spool, clock, "b"), Verdict.REFUSED)
    with pytest.raises(SpoolError):
        spool.deliver_to(name, ["a"])
    found = spool.get(name)
    assert found is not None
    assert found.state is ObjectState.REFUSED
    with pytest.raises(SpoolError):
        spool.deliver_to("0" * 64, ["a"])


def test_a_deferred_delivery_waits_with_its_reason(spool: Spool, clock: FakeClock) -> None:
    arrive(spool, b"1")
    number = only(spool, clock)
    spool.begin_attempt(number, clock.now() + 30)
    spool.defer_delivery(number, clock.now() + 60, "peer is out of resources")
    clock.advance(59)
    assert due(spool, clock) == []
    clock.advance(1)
    (again,) = spool.due_deliveries(clock.now(), 9)
    assert again.reason == "peer is out of resources"


def test_an_attempt_cut_by_our_own_end_is_no_failed_attempt(spool: Spool, clock: FakeClock) -> None:
    arrive(spool, b"1")
    number = only(spool, clock)
    for cuts in (1, 2):
        spool.begin_attempt(number, clock.now() + 3600)
        assert spool.end_cut_attempts(lambda count: 10.0 * count) == 1
        assert due(spool, clock) == []
        clock.advance(10.0 * cuts)
        (again,) = spool.due_deliveries(clock.now(), 9)
        assert (again.id, again.attempts) == (number, 0)
    assert spool.end_cut_attempts(lambda _: 0.0) == 0


def test_an_answer_ends_the_run_of_cuts(spool: Spool, clock: FakeClock) -> None:
    arrive(spool, b"1")
    number = only(spool, clock)
    spool.begin_attempt(number, clock.now() + 30)
    spool.end_cut_attempts(lambda _: 0.0)
    spool.begin_attempt(number, clock.now() + 30)
    spool.defer_delivery(number, clock.now(), "not now")
    spool.begin_attempt(number, clock.now() + 30)
    spool.end_cut_attempts(lambda count: 7.0 * count)
    assert spool.next_delivery_at() == clock.now() + 7


def test_a_cut_attempt_is_never_later_than_it_was_due(spool: Spool, clock: FakeClock) -> None:
    arrive(spool, b"1")
    spool.begin_attempt(only(spool, clock), clock.now() + 30)
    spool.end_cut_attempts(lambda _: 3600.0)
    assert spool.next_delivery_at() == clock.now() + 30


def test_a_destination_that_is_back_is_asked_at_once(spool: Spool, clock: FakeClock) -> None:
    arrive(spool, b"1")
    deferred = only(spool, clock)
    spool.begin_attempt(deferred, clock.now() + 30)
    spool.defer_delivery(deferred, clock.now() + 3600, "no answer")
    arrive(spool, b"2")
    under_way = only(spool, clock)
    spool.begin_attempt(under_way, clock.now() + 900)
    spool.pause_destination("station", clock.now() + 600, "no answer")
    assert [each.destination for each in spool.pauses()] == ["station"]
    assert spool.release_destination("station") == 1
    assert only(spool, clock) == deferred
    assert spool.pauses() == []


def test_a_paused_destination_rests_and_others_do_not(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1", ["a", "b"])
    spool.pause_destination("a", clock.now() + 10, "no answer")
    spool.pause_destination("a", clock.now() + 60, "no answer again")
    assert due(spool, clock) == [(name, "b")]
    assert spool.next_delivery_at() == clock.now()
    clock.advance(60)
    assert len(due(spool, clock)) == 2


def test_held_objects_are_not_delivered(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1")
    number = only(spool, clock)
    spool.hold([name], "asked by the site")
    assert due(spool, clock) == []
    assert not spool.begin_attempt(number, clock.now() + 30)
    spool.release([name])
    assert spool.begin_attempts([number, 999], clock.now() + 30) == [number]


def test_a_dropped_object_is_due_nowhere(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, b"1", ["a", "b"])
    spool.drop([name], "not for us")
    assert due(spool, clock) == []
    assert {each.state for each in spool.deliveries_of(name)} == {DeliveryState.REFUSED}
