"""The sender's streams: every legal and every illegal word of the partner, order, commits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import Accept, Commit, Have, Raise, Refuse
from bocage_edge.relay.sending import (
    PUSH_WINDOW_BYTES,
    RESERVED_STREAMS,
    TRANSITIONS,
    Deferred,
    Sender,
    SendState,
    Stored,
)
from bocage_edge.relay.wire import PUSH_LIMIT_BYTES, FrameType
from tests.edge.relay.examples import NAME, commit, name_of, offer, push

FRAMES: dict[FrameType, Accept | Have | Refuse | Commit] = {
    FrameType.ACCEPT: Accept(1, 0),
    FrameType.HAVE: Have(1),
    FrameType.REFUSE: Refuse(1, "quota", 60),
    FrameType.COMMIT: commit(),
}


def yes(_commit: Commit) -> bool:
    return True


def offered() -> Sender:
    sender = Sender(1024, 0, yes)
    sender.offer(offer(size_bytes=10))
    return sender


def pushing() -> Sender:
    sender = Sender(1024, 0, yes)
    sender.offer(push(size_bytes=10))
    return sender


def pushed() -> Sender:
    sender = pushing()
    sender.data(1, memoryview(bytes(10)))
    return sender


def sending() -> Sender:
    sender = offered()
    sender.on_frame(Accept(1, 0))
    return sender


def awaiting() -> Sender:
    sender = sending()
    sender.data(1, memoryview(bytes(10)))
    return sender


def cancelled() -> Sender:
    sender = sending()
    sender.cancel(1)
    return sender


def closed() -> Sender:
    sender = offered()
    sender.on_frame(Refuse(1, "quota", 60))
    return sender


STATES: dict[SendState, Callable[[], Sender]] = {
    SendState.OFFERED: offered,
    SendState.PUSHING: pushing,
    SendState.PUSHED: pushed,
    SendState.SENDING: sending,
    SendState.AWAITING: awaiting,
    SendState.CANCELLED: cancelled,
    SendState.CLOSED: closed,
}


@pytest.mark.parametrize(("state", "kind"), list(product(SendState, FRAMES)))
def test_the_partner_may_say_what_the_table_says_and_nothing_else(
    state: SendState, kind: FrameType
) -> None:
    sender = STATES[state]()
    if (state, kind) in TRANSITIONS:
        sender.on_frame(FRAMES[kind])
    else:
        with pytest.raises(RelayProtocolError) as caught:
            sender.on_frame(FRAMES[kind])
        assert caught.value.fault is Fault.WRONG_STATE


@pytest.mark.parametrize("kind", list(FRAMES))
def test_a_stream_that_was_never_offered_is_a_fault(kind: FrameType) -> None:
    with pytest.raises(RelayProtocolError):
        Sender(1024, 0, yes).on_frame(FRAMES[kind])


def test_a_commit_closes_what_it_names_and_tells_its_bytes() -> None:
    sender = awaiting()
    events, _ = sender.on_frame(commit())
    (stored,) = events
    assert isinstance(stored, Stored)
    (sent,) = stored.objects
    assert sent.offer.name == NAME
    assert sent.wire_bytes == len(offer().encode()) + (5 + 12 + 10) + (5 + 4)
    assert sender.in_flight == 0


@pytest.mark.parametrize("number", [0, 2, 1 << 60])
def test_a_commit_that_is_not_the_next_is_a_fault(number: int) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        awaiting().on_frame(commit(number=number))
    assert caught.value.fault is Fault.BAD_COMMIT


def test_a_commit_replayed_is_a_fault() -> None:
    sender = awaiting()
    sender.on_frame(commit())
    with pytest.raises(RelayProtocolError):
        sender.on_frame(commit())


def test_a_commit_whose_signature_does_not_fit_stores_nothing() -> None:
    sender = Sender(1024, 0, lambda _commit: False)
    sender.offer(offer())
    sender.on_frame(Have(1))
    with pytest.raises(RelayProtocolError) as caught:
        sender.on_frame(commit())
    assert caught.value.fault is Fault.BAD_COMMIT
    assert sender.in_flight == 1


def test_a_commit_that_names_an_object_twice_is_a_fault() -> None:
    with pytest.raises(RelayProtocolError):
        awaiting().on_frame(commit(NAME, NAME))


def test_have_alone_stores_nothing() -> None:
    sender = offered()
    events, _ = sender.on_frame(Have(1))
    assert events == []
    assert sender.in_flight == 1


def test_accept_beyond_the_end_is_a_fault() -> None:
    with pytest.raises(RelayProtocolError):
        offered().on_frame(Accept(1, 11))


def test_a_refusal_while_sending_is_answered_by_cancel() -> None:
    events, answer = sending().on_frame(Refuse(1, "no space", 60))
    assert isinstance(events[0], Deferred)
    assert answer[4] == FrameType.CANCEL


def test_a_refusal_after_the_end_needs_no_cancel() -> None:
    _, answer = awaiting().on_frame(Refuse(1, "no space", 60))
    assert answer == b""


def test_sending_goes_on_where_the_partner_is() -> None:
    sender = offered()
    sender.on_frame(Accept(1, 7))
    wanted = sender.wanted(100)
    assert wanted is not None
    assert (wanted.offset, wanted.length) == (7, 3)


def test_an_object_the_partner_has_whole_needs_only_its_end() -> None:
    sender = offered()
    sender.on_frame(Accept(1, 10))
    wanted = sender.wanted(100)
    assert wanted is not None
    assert wanted.length == 0
    assert sender.end(1)[4] == FrameType.END
    assert sender.wanted(100) is None


def test_an_urgent_object_overtakes_at_the_next_chunk() -> None:
    sender = Sender(1024, 0, yes)
    sender.offer(offer(1, name_of(1), 1000))
    sender.on_frame(Accept(1, 0))
    sender.data(1, memoryview(bytes(100)))
    sender.offer(offer(2, name_of(2), 50, "urgent"))
    sender.on_frame(Accept(2, 0))
    wanted = sender.wanted(100)
    assert wanted is not None and wanted.stream == 2
    sender.data(2, memoryview(bytes(50)))
    wanted = sender.wanted(100)
    assert wanted is not None and (wanted.stream, wanted.offset) == (1, 100)


def test_pushed_bytes_go_before_any_answer_and_in_order_of_urgency() -> None:
    sender = Sender(1024, 0, yes)
    sender.offer(push(1, name_of(1), 10))
    sender.offer(push(2, name_of(2), 10, "urgent"))
    wanted = sender.wanted(100)
    assert wanted is not None and (wanted.stream, wanted.offset, wanted.length) == (2, 0, 10)


def test_a_push_the_partner_has_is_ended_at_once_and_awaits_its_commit() -> None:
    sender = pushing()
    _, answer = sender.on_frame(Have(1))
    assert answer[4] == FrameType.END
    assert sender.wanted(100) is None
    (stored,), _ = sender.on_frame(commit())
    assert isinstance(stored, Stored)


def test_a_push_that_was_whole_when_have_came_needs_no_second_end() -> None:
    assert pushed().on_frame(Have(1)) == ([], b"")


def test_a_push_refused_half_way_is_cancelled() -> None:
    events, answer = pushing().on_frame(Refuse(1, "no space", 60))
    assert isinstance(events[0], Deferred)
    assert answer[4] == FrameType.CANCEL


def test_only_small_objects_are_pushed_and_only_so_many_bytes_without_an_answer() -> None:
    sender = Sender(1024, 0, yes)
    assert not sender.may_push(PUSH_LIMIT_BYTES + 1)
    for stream in range(1, PUSH_WINDOW_BYTES // PUSH_LIMIT_BYTES + 1):
        assert sender.may_push(PUSH_LIMIT_BYTES)
        sender.offer(push(stream, name_of(stream), PUSH_LIMIT_BYTES))
    assert not sender.may_push(1)
    sender.on_frame(Refuse(1, "disk fault", 60))
    assert not sender.may_push(1)


@pytest.mark.parametrize("answer", [Have(1), Refuse(1, "quota", 60)])
def test_after_an_unwanted_push_nothing_is_pushed_until_the_partner_asks_again(
    answer: Have | Refuse,
) -> None:
    sender = pushing()
    sender.on_frame(answer)
    assert not sender.may_push(10)
    sender.offer(offer(2, name_of(2), 10))
    sender.on_frame(Accept(2, 4))
    assert not sender.may_push(10)
    sender.offer(offer(3, name_of(3), 10))
    sender.on_frame(Accept(3, 0))
    assert sender.may_push(10)


def test_a_commit_makes_room_for_the_next_push() -> None:
    sender = Sender(1024, 0, yes)
    for stream in (1, 2):
        sender.offer(push(stream, name_of(stream), PUSH_LIMIT_BYTES))
        sender.data(stream, memoryview(bytes(PUSH_LIMIT_BYTES)))
    sender.on_frame(commit(name_of(1)))
    assert sender.may_push(PUSH_LIMIT_BYTES)


def test_a_raised_object_moves_up_where_it_stands() -> None:
    sender = Sender(1024, 0, yes)
    for stream in (1, 2, 3):
        sender.offer(offer(stream, name_of(stream), 1000))
        sender.on_frame(Accept(stream, 0))
    sender.data(1, memoryview(bytes(100)))
    frames = sender.raise_classes({name_of(3): "urgent", name_of(9): "urgent"})
    assert frames == Raise(3, "urgent").encode()
    assert [each.stream for each in sender.upcoming(5, 10)] == [3, 1, 2]
    sender.data(3, memoryview(bytes(1000)))
    wanted = sender.wanted(100)
    assert wanted is not None and (wanted.stream, wanted.offset) == (1, 100)


def test_a_raised_object_that_waits_for_its_answer_goes_first_once_it_is_there() -> None:
    sender = Sender(1024, 0, yes)
    for stream in (1, 2):
        sender.offer(offer(stream, name_of(stream), 1000))
    assert sender.least_urgent == 2
    sender.raise_classes({name_of(2): "report"})
    for stream in (1, 2):
        sender.on_frame(Accept(stream, 0))
    wanted = sender.wanted(100)
    assert wanted is not None and wanted.stream == 2


@pytest.mark.parametrize("klass", ["routine", "prior"])
def test_a_class_is_never_lowered(klass: str) -> None:
    assert sending().raise_classes({NAME: klass}) == b""


@pytest.mark.parametrize("make", [awaiting, pushed])
def test_what_has_gone_whole_is_not_raised(make: Callable[[], Sender]) -> None:
    sender = make()
    assert sender.raise_classes({NAME: "urgent"}) == b""
    assert sender.least_urgent == 0


def test_the_window_keeps_room_for_what_is_urgent() -> None:
    sender = Sender(RESERVED_STREAMS + 1, 0, yes)
    sender.offer(offer(1, name_of(1)))
    assert not sender.may_offer("routine")
    assert sender.may_offer("urgent")
    assert sender.may_offer("report")


def test_an_offer_out_of_turn_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="turn"):
        offered().offer(offer(3, name_of(3)))


def test_what_is_open_when_the_connection_goes_tells_its_bytes() -> None:
    assert sending().abandon() == {NAME: len(offer().encode())}
