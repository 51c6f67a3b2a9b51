"""The receiving side of the streams on one connection: frames in, events out. Pure.

    OFFERED --accept--> ACCEPTED --END--> COMPLETE --commit--> CLOSED
       |                 |    |              ^   |
       +--have-----------|----|--------------+   +--refuse--> CLOSED
       |                 |    +--refuse--> DRAINING --END, CANCEL--> CLOSED
       +--refuse--> CLOSED  +--CANCEL--> CLOSED

    PUSHED --take--> ACCEPTED            (its bytes come before we have decided)
       |  +--have--> SKIPPING --END--> COMPLETE, --CANCEL--> CLOSED
       |  +--refuse--> DRAINING
       +--END--> WHOLE --take, have--> COMPLETE, --refuse--> CLOSED

Words in capitals come from the partner, the others are our decisions. DRAINING: we have refused a
stream whose bytes come; what is still under way is passed over. SKIPPING: the same, for an object
that is here already. Not here: files, hashes, quotas, signatures.
"""

from dataclasses import dataclass, replace
from enum import Enum

from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import (
    CLASSES,
    Accept,
    Cancel,
    Commit,
    Data,
    End,
    Have,
    Offer,
    Raise,
    Refuse,
)
from bocage_edge.relay.wire import FrameType

# A class can be raised three times; a RAISE may come late for every stream there ever was.
RAISES_A_STREAM = 3


class ReceiveState(Enum):
    """Where a stream of the partner's stands."""

    OFFERED = "offered"
    PUSHED = "pushed"
    WHOLE = "whole"
    ACCEPTED = "accepted"
    COMPLETE = "complete"
    SKIPPING = "skipping"
    DRAINING = "draining"
    CLOSED = "closed"


# What the partner may say of a stream, and where that leads. Everything else is a fault.
TRANSITIONS: dict[tuple[ReceiveState, FrameType], ReceiveState] = {
    (ReceiveState.PUSHED, FrameType.DATA): ReceiveState.PUSHED,
    (ReceiveState.PUSHED, FrameType.END): ReceiveState.WHOLE,
    (ReceiveState.PUSHED, FrameType.CANCEL): ReceiveState.CLOSED,
    (ReceiveState.ACCEPTED, FrameType.DATA): ReceiveState.ACCEPTED,
    (ReceiveState.ACCEPTED, FrameType.END): ReceiveState.COMPLETE,
    (ReceiveState.ACCEPTED, FrameType.CANCEL): ReceiveState.CLOSED,
    (ReceiveState.SKIPPING, FrameType.DATA): ReceiveState.SKIPPING,
    (ReceiveState.SKIPPING, FrameType.END): ReceiveState.COMPLETE,
    (ReceiveState.SKIPPING, FrameType.CANCEL): ReceiveState.CLOSED,
    (ReceiveState.DRAINING, FrameType.DATA): ReceiveState.DRAINING,
    (ReceiveState.DRAINING, FrameType.END): ReceiveState.CLOSED,
    (ReceiveState.DRAINING, FrameType.CANCEL): ReceiveState.CLOSED,
    (ReceiveState.OFFERED, FrameType.RAISE): ReceiveState.OFFERED,
    (ReceiveState.PUSHED, FrameType.RAISE): ReceiveState.PUSHED,
    (ReceiveState.ACCEPTED, FrameType.RAISE): ReceiveState.ACCEPTED,
    (ReceiveState.COMPLETE, FrameType.RAISE): ReceiveState.COMPLETE,
    (ReceiveState.SKIPPING, FrameType.RAISE): ReceiveState.SKIPPING,
    (ReceiveState.DRAINING, FrameType.RAISE): ReceiveState.DRAINING,
    (ReceiveState.CLOSED, FrameType.RAISE): ReceiveState.CLOSED,
}
# Our decisions.
DECISIONS: dict[tuple[ReceiveState, str], ReceiveState] = {
    (ReceiveState.OFFERED, "accept"): ReceiveState.ACCEPTED,
    (ReceiveState.OFFERED, "have"): ReceiveState.COMPLETE,
    (ReceiveState.OFFERED, "refuse"): ReceiveState.CLOSED,
    (ReceiveState.PUSHED, "take"): ReceiveState.ACCEPTED,
    (ReceiveState.PUSHED, "have"): ReceiveState.SKIPPING,
    (ReceiveState.PUSHED, "refuse"): ReceiveState.DRAINING,
    (ReceiveState.WHOLE, "take"): ReceiveState.COMPLETE,
    (ReceiveState.WHOLE, "have"): ReceiveState.COMPLETE,
    (ReceiveState.WHOLE, "refuse"): ReceiveState.CLOSED,
    (ReceiveState.ACCEPTED, "refuse"): ReceiveState.DRAINING,
    (ReceiveState.COMPLETE, "refuse"): ReceiveState.CLOSED,
    (ReceiveState.COMPLETE, "commit"): ReceiveState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Offered:
    """Decide: `accept` (for a pushed object `take`), `have` or `refuse`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Chunk:
    """Append these bytes to the object's part."""

    offer: Offer
    chunk: memoryview


@dataclass(frozen=True, slots=True)
class Complete:
    """Every byte is here: check the name, store, commit."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Cancelled:
    """No more bytes will come; the part stays for another time."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Raised:
    """The object is more urgent than it was offered; `offer` says how much."""

    offer: Offer


ReceiveEvent = Offered | Chunk | Complete | Cancelled | Raised


@dataclass(slots=True)
class _Stream:
    offer: Offer
    state: ReceiveState
    offset: int = 0


class Receiver:
    """Every stream the partner has open on one connection."""

    def __init__(self, streams_limit: int, last_commit: int) -> None:
        """Begin with no stream.

        Args:
            streams_limit: what our HELLO said we take at once.
            last_commit: number after which our commits go on by one.
        """
        self._limit = streams_limit
        self._streams: dict[int, _Stream] = {}
        self._by_name: dict[str, int] = {}
        self._last_stream = 0
        self._late_raises = 0
        self.last_commit = last_commit

    @property
    def in_flight(self) -> int:
        """Streams that are open."""
        return len(self._streams)

    def on_frame(self, frame: Offer | Data | End | Cancel | Raise) -> ReceiveEvent | None:
        """Take one frame of the partner's.

        Returns:
            What the shell must do; None for bytes that are passed over.

        Raises:
            RelayProtocolError: the partner breaks the table above or a limit.
        """
        match frame:
            case Offer():
                return self._on_offer(frame)
            case Data():
                return self._on_data(frame)
            case End():
                return self._on_end(frame)
            case Cancel():
                return self._on_cancel(frame)
            case Raise():
                return self._on_raise(frame)

    def state(self, number: int) -> ReceiveState:
        """Say where a stream stands."""
        stream = self._streams.get(number)
        return ReceiveState.CLOSED if stream is None else stream.state

    def offer(self, number: int) -> Offer:
        """Give the offer of an open stream, in the class it has now."""
        return self._streams[number].offer

    def accept(self, number: int, offset: int) -> bytes:
        """Ask for the object from `offset` on; give the frame to send."""
        stream = self._decide(number, "accept")
        stream.offset = offset
        return Accept(number, offset).encode()

    def take(self, number: int) -> None:
        """Keep a pushed object's bytes; nothing is said, they come anyway."""
        self._decide(number, "take")

    def have(self, number: int) -> bytes:
        """Say that the object is here already; it must be in a commit soon."""
        self._decide(number, "have")
        return Have(number).encode()

    def refuse(self, number: int, reason: str, retry_after_s: int, text: str = "") -> bytes:
        """Defer the object; give the frame to send."""
        self._decide(number, "refuse")
        return Refuse(number, reason, retry_after_s, text).encode()

    def commit(self, names: list[str], verdict: str, epoch: int, signature: bytes) -> bytes:
        """Close the streams of a group that is stored; the number was `last_commit` + 1."""
        self.last_commit += 1
        for name in names:
            self._decide(self._by_name[name], "commit")
        verdicts = tuple((name, verdict) for name in names)
        return Commit(epoch, self.last_commit, verdicts, signature).encode()

    def _decide(self, number: int, decision: str) -> _Stream:
        stream = self._streams[number]
        self._go(stream, DECISIONS[stream.state, decision])
        return stream

    def _step(self, number: int, kind: FrameType) -> _Stream:
        stream = self._streams.get(number)
        state = ReceiveState.CLOSED if stream is None else stream.state
        following = TRANSITIONS.get((state, kind))
        if stream is None or following is None:
            raise RelayProtocolError(
                Fault.WRONG_STATE, f"{kind.name} for a stream that is {state.value}"
            )
        return stream

    def _on_offer(self, offer: Offer) -> Offered:
        if offer.stream != self._last_stream + 1:
            raise RelayProtocolError(Fault.WRONG_STATE, "an offer's number is not the next one")
        if offer.name in self._by_name:
            raise RelayProtocolError(Fault.WRONG_STATE, "an object is offered twice at once")
        if len(self._streams) >= self._limit:
            raise RelayProtocolError(Fault.LIMIT, f"more than {self._limit} open streams")
        self._last_stream = offer.stream
        state = ReceiveState.PUSHED if offer.is_pushed else ReceiveState.OFFERED
        self._streams[offer.stream] = _Stream(offer, state)
        self._by_name[offer.name] = offer.stream
        return Offered(offer)

    def _on_data(self, frame: Data) -> Chunk | None:
        stream = self._step(frame.stream, FrameType.DATA)
        if stream.state in _PASSED_OVER:
            return None
        if frame.offset != stream.offset:
            raise RelayProtocolError(Fault.WRONG_STATE, "bytes come again or leave a gap")
        stream.offset += len(frame.chunk)
        if stream.offset > stream.offer.size_bytes:
            raise RelayProtocolError(Fault.WRONG_CONTENT, "an object is longer than it was offered")
        return Chunk(stream.offer, frame.chunk)

    def _on_end(self, frame: End) -> Complete | None:
        stream = self._step(frame.stream, FrameType.END)
        if stream.state not in _PASSED_OVER and stream.offset != stream.offer.size_bytes:
            raise RelayProtocolError(
                Fault.WRONG_CONTENT, "an object is shorter than it was offered"
            )
        was_draining = stream.state is ReceiveState.DRAINING
        self._go(stream, TRANSITIONS[stream.state, FrameType.END])
        return None if was_draining else Complete(stream.offer)

    def _on_cancel(self, frame: Cancel) -> Cancelled | None:
        stream = self._step(frame.stream, FrameType.CANCEL)
        was_draining = stream.state is ReceiveState.DRAINING
        self._go(stream, TRANSITIONS[stream.state, FrameType.CANCEL])
        return None if was_draining else Cancelled(stream.offer)

    def _on_raise(self, frame: Raise) -> Raised | None:
        if frame.stream not in self._streams and 0 < frame.stream <= self._last_stream:
            # Our refusal crossed it on the way.
            self._late_raises += 1
            if self._late_raises > RAISES_A_STREAM * self._last_stream:
                raise RelayProtocolError(Fault.LIMIT, "RAISE too often")
            return None
        stream = self._step(frame.stream, FrameType.RAISE)
        if CLASSES.index(frame.klass) >= CLASSES.index(stream.offer.klass):
            raise RelayProtocolError(Fault.WRONG_STATE, "RAISE to a class that is not more urgent")
        stream.offer = replace(stream.offer, klass=frame.klass)
        return None if stream.state in _PASSED_OVER else Raised(stream.offer)

    def _go(self, stream: _Stream, state: ReceiveState) -> None:
        stream.state = state
        if state is ReceiveState.CLOSED:
            del self._streams[stream.offer.stream]
            del self._by_name[stream.offer.name]


_PASSED_OVER = frozenset({ReceiveState.DRAINING, ReceiveState.SKIPPING})
