"""The receiver's streams: every legal and every illegal word of the partner, and our decisions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import Cancel, Data, End, Offer, Raise
from bocage_edge.relay.receiving import (
    DECISIONS,
    TRANSITIONS,
    Cancelled,
    Chunk,
    Complete,
    Offered,
    Raised,
    Receiver,
    ReceiveState,
)
from bocage_edge.relay.wire import FrameType
from tests.edge.relay.examples import NAME, SIGNATURE, name_of, offer, push

WHOLE = memoryview(bytes(10))


def fresh() -> Receiver:
    receiver = Receiver(1024, 0)
    receiver.on_frame(offer())
    return receiver


def accepted(offset: int = 0) -> Receiver:
    receiver = fresh()
    receiver.accept(1, offset)
    return receiver


def complete() -> Receiver:
    receiver = accepted()
    receiver.on_frame(Data(1, 0, WHOLE))
    receiver.on_frame(End(1))
    return receiver


def pushed() -> Receiver:
    receiver = Receiver(1024, 0)
    receiver.on_frame(push())
    return receiver


def whole() -> Receiver:
    receiver = pushed()
    receiver.on_frame(Data(1, 0, WHOLE))
    receiver.on_frame(End(1))
    return receiver


def skipping() -> Receiver:
    receiver = pushed()
    receiver.have(1)
    return receiver


def draining() -> Receiver:
    receiver = accepted()
    receiver.refuse(1, "disk fault", 30)
    return receiver


def closed() -> Receiver:
    receiver = fresh()
    receiver.refuse(1, "quota", 30)
    return receiver


STATES: dict[ReceiveState, Callable[[], Receiver]] = {
    ReceiveState.OFFERED: fresh,
    ReceiveState.PUSHED: pushed,
    ReceiveState.WHOLE: whole,
    ReceiveState.SKIPPING: skipping,
    ReceiveState.ACCEPTED: accepted,
    ReceiveState.COMPLETE: complete,
    ReceiveState.DRAINING: draining,
    ReceiveState.CLOSED: closed,
}
FRAMES: dict[FrameType, Data | Cancel | End | Raise] = {
    FrameType.RAISE: Raise(1, "urgent"),
    FrameType.DATA: Data(1, 0, WHOLE),
    FrameType.END: End(1),
    FrameType.CANCEL: Cancel(1),
}


@pytest.mark.parametrize(("state", "kind"), list(product(ReceiveState, FRAMES)))
def test_the_partner_may_say_what_the_table_says_and_nothing_else(
    state: ReceiveState, kind: FrameType
) -> None:
    receiver = STATES[state]()
    assert receiver.state(1) is state
    if kind is FrameType.END and state in (ReceiveState.ACCEPTED, ReceiveState.PUSHED):
        receiver.on_frame(Data(1, 0, WHOLE))
    if (state, kind) in TRANSITIONS:
        receiver.on_frame(FRAMES[kind])
        assert receiver.state(1) is TRANSITIONS[state, kind]
    else:
        with pytest.raises(RelayProtocolError) as caught:
            receiver.on_frame(FRAMES[kind])
        assert caught.value.fault is Fault.WRONG_STATE


def decide(receiver: Receiver, decision: str) -> None:
    match decision:
        case "accept":
            receiver.accept(1, 0)
        case "take":
            receiver.take(1)
        case "have":
            receiver.have(1)
        case "refuse":
            receiver.refuse(1, "quota", 1)
        case "commit":
            receiver.commit([NAME], "stored", 1, SIGNATURE)


@pytest.mark.parametrize(
    ("state", "decision"),
    list(product(ReceiveState, ["accept", "take", "have", "refuse", "commit"])),
)
def test_we_decide_only_where_the_table_allows_it(state: ReceiveState, decision: str) -> None:
    receiver = STATES[state]()
    if (state, decision) in DECISIONS:
        decide(receiver, decision)
        assert receiver.state(1) is DECISIONS[state, decision]
    else:
        with pytest.raises(KeyError):
            decide(receiver, decision)


def test_an_object_comes_in_as_events() -> None:
    receiver = Receiver(1024, 0)
    assert receiver.on_frame(offer()) == Offered(offer())
    receiver.accept(1, 4)
    assert receiver.on_frame(Data(1, 4, WHOLE[:6])) == Chunk(offer(), WHOLE[:6])
    assert receiver.on_frame(End(1)) == Complete(offer())


def test_a_push_comes_in_as_events_before_it_is_answered() -> None:
    receiver = Receiver(1024, 0)
    assert receiver.on_frame(push()) == Offered(push())
    assert receiver.on_frame(Data(1, 0, WHOLE)) == Chunk(push(), WHOLE)
    assert receiver.on_frame(End(1)) == Complete(push())
    receiver.take(1)
    assert receiver.state(1) is ReceiveState.COMPLETE


def test_a_push_of_what_is_here_is_passed_over_and_complete_at_its_end() -> None:
    receiver = skipping()
    assert receiver.on_frame(Data(1, 0, WHOLE[:3])) is None
    assert receiver.on_frame(End(1)) == Complete(push())


def test_a_push_whose_sender_gave_up_is_not_committed() -> None:
    receiver = skipping()
    assert receiver.on_frame(Cancel(1)) == Cancelled(push())
    assert receiver.in_flight == 0


def test_a_raise_changes_the_class_of_the_offer() -> None:
    receiver = accepted()
    raised = offer(klass="urgent")
    assert receiver.on_frame(Raise(1, "urgent")) == Raised(raised)
    assert receiver.on_frame(Data(1, 0, WHOLE)) == Chunk(raised, WHOLE)
    assert receiver.offer(1) == raised


@pytest.mark.parametrize("klass", ["routine", "prior"])
def test_a_raise_that_lowers_is_a_fault(klass: str) -> None:
    with pytest.raises(RelayProtocolError):
        accepted().on_frame(Raise(1, klass))


def test_late_raises_are_passed_over_but_not_without_end() -> None:
    receiver = closed()
    for _ in range(3):
        assert receiver.on_frame(Raise(1, "urgent")) is None
    with pytest.raises(RelayProtocolError) as caught:
        receiver.on_frame(Raise(1, "urgent"))
    assert caught.value.fault is Fault.LIMIT


def test_a_raise_of_what_was_never_offered_is_a_fault() -> None:
    with pytest.raises(RelayProtocolError):
        closed().on_frame(Raise(2, "urgent"))


def test_bytes_replayed_or_skipped_are_a_fault() -> None:
    for offset in (0, 3, 5):
        with pytest.raises(RelayProtocolError):
            accepted(4).on_frame(Data(1, offset, WHOLE[:1]))


def test_more_bytes_than_offered_are_a_lie() -> None:
    receiver = accepted()
    receiver.on_frame(Data(1, 0, WHOLE))
    with pytest.raises(RelayProtocolError) as caught:
        receiver.on_frame(Data(1, 10, WHOLE[:1]))
    assert caught.value.fault is Fault.WRONG_CONTENT


def test_fewer_bytes_than_offered_are_a_lie() -> None:
    with pytest.raises(RelayProtocolError) as caught:
        accepted().on_frame(End(1))
    assert caught.value.fault is Fault.WRONG_CONTENT


def test_what_is_under_way_after_our_refusal_is_passed_over() -> None:
    receiver = draining()
    assert receiver.on_frame(Data(1, 0, WHOLE)) is None
    assert receiver.on_frame(End(1)) is None
    assert receiver.in_flight == 0


def test_a_cancelled_object_may_be_offered_again() -> None:
    receiver = accepted()
    assert receiver.on_frame(Cancel(1)) == Cancelled(offer())
    assert receiver.on_frame(offer(2)) == Offered(offer(2))


@pytest.mark.parametrize("again", [offer(1), offer(3, name_of(3)), offer(0, name_of(3))])
def test_offers_are_numbered_one_by_one(again: Offer) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        fresh().on_frame(again)
    assert caught.value.fault is Fault.WRONG_STATE


def test_an_object_offered_twice_at_once_is_a_fault() -> None:
    with pytest.raises(RelayProtocolError):
        fresh().on_frame(offer(2))


def test_more_open_streams_than_allowed_are_a_fault() -> None:
    receiver = Receiver(2, 0)
    receiver.on_frame(offer(1, name_of(1)))
    receiver.on_frame(offer(2, name_of(2)))
    with pytest.raises(RelayProtocolError) as caught:
        receiver.on_frame(offer(3, name_of(3)))
    assert caught.value.fault is Fault.LIMIT


def test_commits_are_numbered_from_the_last() -> None:
    receiver = Receiver(1024, 41)
    receiver.on_frame(offer())
    receiver.have(1)
    receiver.commit([NAME], "stored", 1, SIGNATURE)
    assert receiver.last_commit == 42
