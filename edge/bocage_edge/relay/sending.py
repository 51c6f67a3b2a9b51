"""The sending side of the streams on one connection: frames in, events and bytes out. Pure.

    OFFERED --ACCEPT--> SENDING --(END sent)--> AWAITING --COMMIT--> CLOSED (stored)
       |  |                |  |                  ^  |
       |  +--HAVE----------|--|------------------+  |
       |                   |  +--(CANCEL sent)--> CANCELLED --REFUSE, HAVE--> CANCELLED
       +--REFUSE-----------+--REFUSE----------------+--REFUSE--> CLOSED (deferred)

    PUSHING --(END sent)--> PUSHED --COMMIT--> CLOSED (stored)
       |  +--HAVE, END sent---|--HAVE--> AWAITING
       +--REFUSE--------------+--REFUSE--> CLOSED (deferred)

A small object is pushed: its bytes follow its offer without waiting for an answer, so that small
objects do not pay a round trip each. What a push may cost is bounded: the bytes of pushes without
an answer by `PUSH_WINDOW_BYTES`, and after the first that was not wanted nothing is pushed until
the partner asks for an object from its first byte again.

Which bytes go next is decided anew for every chunk: the most urgent stream that may send. An object
counts as stored only with a commit whose signature holds, whose number is the next one and which
names an object that awaits it. Not here: files, sockets, time.
"""

import heapq
from collections.abc import Callable, KeysView, Mapping
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
from bocage_edge.relay.wire import PUSH_LIMIT_BYTES, FrameType

# Chosen: so many of the partner's streams are kept free for urgent objects and reports.
RESERVED_STREAMS = 64
# Chosen: the line's bytes in flight at 100 Mbit/s and 160 ms. It also bounds what travels for
# nothing where the partner turns out to have everything.
PUSH_WINDOW_BYTES = 2 * 1024 * 1024


class SendState(Enum):
    """Where a stream of ours stands."""

    OFFERED = "offered"
    PUSHING = "pushing"
    SENDING = "sending"
    PUSHED = "pushed"
    AWAITING = "awaiting"
    CANCELLED = "cancelled"
    CLOSED = "closed"


# What the partner may say of a stream, and where that leads. Everything else is a fault.
TRANSITIONS: dict[tuple[SendState, FrameType], SendState] = {
    (SendState.OFFERED, FrameType.ACCEPT): SendState.SENDING,
    (SendState.OFFERED, FrameType.HAVE): SendState.AWAITING,
    (SendState.OFFERED, FrameType.REFUSE): SendState.CLOSED,
    (SendState.PUSHING, FrameType.HAVE): SendState.AWAITING,
    (SendState.PUSHING, FrameType.REFUSE): SendState.CLOSED,
    (SendState.SENDING, FrameType.REFUSE): SendState.CLOSED,
    (SendState.PUSHED, FrameType.HAVE): SendState.AWAITING,
    (SendState.PUSHED, FrameType.REFUSE): SendState.CLOSED,
    (SendState.PUSHED, FrameType.COMMIT): SendState.CLOSED,
    (SendState.AWAITING, FrameType.REFUSE): SendState.CLOSED,
    (SendState.AWAITING, FrameType.COMMIT): SendState.CLOSED,
    (SendState.CANCELLED, FrameType.REFUSE): SendState.CANCELLED,
    (SendState.CANCELLED, FrameType.HAVE): SendState.CANCELLED,
}
# States in which the stream's next bytes may go.
_WITH_BYTES = frozenset({SendState.PUSHING, SendState.SENDING})
# States in which the class may still be raised: END has not been sent.
_RAISABLE = _WITH_BYTES | {SendState.OFFERED}


@dataclass(frozen=True, slots=True)
class Sent:
    """One object the partner has committed, and the bytes put on this connection for it."""

    offer: Offer
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The partner has signed that these are safe with it."""

    commit: Commit
    objects: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Deferred:
    """The partner does not take the object now."""

    name: str
    klass: str
    reason: str
    retry_after_s: int
    wire_bytes: int


SendEvent = Stored | Deferred


@dataclass(slots=True)
class _Stream:
    offer: Offer
    urgency: tuple[int, int, int]
    state: SendState
    offset: int = 0
    wire_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bytes that should go next: `length` of `name` from `offset`; 0 when only END is left."""

    stream: int
    name: str
    offset: int
    length: int
    size_bytes: int


class Sender:
    """Every stream this box has open on one connection."""

    def __init__(
        self, streams_limit: int, last_commit: int, is_signed: Callable[[Commit], bool]
    ) -> None:
        """Begin with no stream.

        Args:
            streams_limit: what the partner's HELLO takes at once.
            last_commit: number after which the partner's commits go on by one.
            is_signed: whether the partner's identity signed a commit.
        """
        self._limit = streams_limit
        self._last_commit = last_commit
        self._is_signed = is_signed
        self._streams: dict[int, _Stream] = {}
        self._by_name: dict[str, int] = {}
        self._ready: list[tuple[tuple[int, int, int], int]] = []
        self._last_stream = 0
        self._pushed_bytes = 0
        self._is_push_wanted = True

    @property
    def in_flight(self) -> int:
        """Streams that are open."""
        return len(self._by_name)

    @property
    def last_commit(self) -> int:
        """Number of the last commit that held."""
        return self._last_commit

    @property
    def open_names(self) -> KeysView[str]:
        """Names of the objects whose stream is open."""
        return self._by_name.keys()

    @property
    def least_urgent(self) -> int:
        """Rank of the least urgent stream that can still be raised; 0 where there is none."""
        return max(
            (each.urgency[0] for each in self._streams.values() if each.state in _RAISABLE),
            default=0,
        )

    def may_offer(self, klass: str) -> bool:
        """Whether one more object of this class may be offered now."""
        reserved = RESERVED_STREAMS if CLASSES.index(klass) > 1 else 0
        return len(self._streams) < self._limit - reserved

    def may_push(self, size_bytes: int) -> bool:
        """Whether the bytes of an object of this size may follow its offer at once."""
        is_small = size_bytes <= PUSH_LIMIT_BYTES
        return (
            is_small
            and self._is_push_wanted
            and self._pushed_bytes + size_bytes <= PUSH_WINDOW_BYTES
        )

    @property
    def next_stream(self) -> int:
        """The number the next offer must bear."""
        return self._last_stream + 1

    def offer(self, offer: Offer) -> bytes:
        """Open a stream; give the frame to send.

        The caller has asked `may_offer`, for a push `may_push`, and numbered it `next_stream`.
        """
        if offer.stream != self.next_stream or offer.name in self._by_name:
            raise ValueError("an offer out of turn")
        frame = offer.encode()
        state = SendState.PUSHING if offer.is_pushed else SendState.OFFERED
        stream = _Stream(offer, _urgency(offer), state, wire_bytes=len(frame))
        self._last_stream = offer.stream
        self._streams[offer.stream] = stream
        self._by_name[offer.name] = offer.stream
        if offer.is_pushed:
            self._pushed_bytes += offer.size_bytes
            self._make_ready(stream)
        return frame

    def raise_classes(self, classes: Mapping[str, str]) -> bytes:
        """Move streams up whose object is more urgent now; give the frames that say so.

        Args:
            classes: object name -> class it has now; others are left alone.
        """
        frames = [
            self._raise(self._streams[self._by_name[name]], klass)
            for name, klass in classes.items()
            if name in self._by_name
        ]
        return b"".join(frames)

    def on_frame(self, frame: Accept | Have | Refuse | Commit) -> tuple[list[SendEvent], bytes]:
        """Take what the partner says of our streams.

        Returns:
            What the shell must record, and bytes to send.

        Raises:
            RelayProtocolError: the partner breaks the table above, or its signature.
        """
        match frame:
            case Accept():
                self._on_accept(frame)
                return [], b""
            case Have():
                return [], self._on_have(frame)
            case Refuse():
                return self._on_refuse(frame)
            case Commit():
                return [self._on_commit(frame)], b""

    def wanted(self, chunk_bytes: int) -> Wanted | None:
        """Name the bytes that should go next: of the most urgent stream that may send."""
        while self._ready:
            urgency, number = self._ready[0]
            stream = self._streams.get(number)
            if stream is not None and stream.state in _WITH_BYTES and stream.urgency == urgency:
                return _next_of(stream, chunk_bytes)
            heapq.heappop(self._ready)
        return None

    def upcoming(self, count: int, length: int) -> list[Wanted]:
        """Name the next bytes of the most urgent streams, so that they can be read ahead."""
        found = []
        for urgency, number in heapq.nsmallest(count, self._ready):
            stream = self._streams.get(number)
            if stream is not None and stream.state in _WITH_BYTES and stream.urgency == urgency:
                found.append(_next_of(stream, length))
        return found

    def is_sending(self, number: int) -> bool:
        """Whether the stream may send bytes."""
        stream = self._streams.get(number)
        return stream is not None and stream.state in _WITH_BYTES

    def data(self, number: int, chunk: memoryview) -> bytes:
        """Give the frame for the stream's next bytes, with END after the last of them."""
        stream = self._streams[number]
        frame = Data(number, stream.offset, chunk).encode()
        stream.offset += len(chunk)
        stream.wire_bytes += len(frame)
        return frame + (self._end(stream) if stream.offset == stream.offer.size_bytes else b"")

    def end(self, number: int) -> bytes:
        """Give the END of a stream of which the partner had every byte already."""
        return self._end(self._streams[number])

    def cancel(self, number: int) -> bytes:
        """Give up a stream that was sending: its file cannot be read."""
        stream = self._streams[number]
        self._answered(stream)
        stream.state = SendState.CANCELLED
        del self._by_name[stream.offer.name]
        return Cancel(number).encode()

    def abandon(self) -> dict[str, int]:
        """The connection is gone: give the bytes put on it for each object still open."""
        return {name: self._streams[number].wire_bytes for name, number in self._by_name.items()}

    def _end(self, stream: _Stream) -> bytes:
        frame = End(stream.offer.stream).encode()
        stream.wire_bytes += len(frame)
        is_push = stream.state is SendState.PUSHING
        stream.state = SendState.PUSHED if is_push else SendState.AWAITING
        return frame

    def _make_ready(self, stream: _Stream) -> None:
        heapq.heappush(self._ready, (stream.urgency, stream.offer.stream))

    def _raise(self, stream: _Stream, klass: str) -> bytes:
        if stream.state not in _RAISABLE or CLASSES.index(klass) >= stream.urgency[0]:
            return b""
        stream.offer = replace(stream.offer, klass=klass)
        stream.urgency = _urgency(stream.offer)
        if stream.state in _WITH_BYTES:
            self._make_ready(stream)
        frame = Raise(stream.offer.stream, klass).encode()
        stream.wire_bytes += len(frame)
        return frame

    def _step(self, number: int, kind: FrameType) -> tuple[_Stream, SendState]:
        stream = self._streams.get(number)
        state = SendState.CLOSED if stream is None else stream.state
        following = TRANSITIONS.get((state, kind))
        if stream is None or following is None:
            raise RelayProtocolError(
                Fault.WRONG_STATE, f"{kind.name} for a stream that is {state.value}"
            )
        self._answered(stream)
        stream.state = following
        return stream, state

    def _answered(self, stream: _Stream) -> None:
        if stream.state in (SendState.PUSHING, SendState.PUSHED):
            self._pushed_bytes -= stream.offer.size_bytes

    def _on_accept(self, frame: Accept) -> None:
        stream, _ = self._step(frame.stream, FrameType.ACCEPT)
        if frame.offset > stream.offer.size_bytes:
            raise RelayProtocolError(Fault.BAD_FRAME, "ACCEPT beyond the end of the object")
        stream.offset = frame.offset
        self._is_push_wanted = self._is_push_wanted or frame.offset == 0
        self._make_ready(stream)

    def _on_have(self, frame: Have) -> bytes:
        _, before = self._step(frame.stream, FrameType.HAVE)
        if before in (SendState.PUSHING, SendState.PUSHED):
            self._is_push_wanted = False
        # The partner passes over what is under way until it reads that no more will come.
        return End(frame.stream).encode() if before is SendState.PUSHING else b""

    def _on_refuse(self, frame: Refuse) -> tuple[list[SendEvent], bytes]:
        stream, before = self._step(frame.stream, FrameType.REFUSE)
        if stream.state is SendState.CANCELLED:
            return [], b""
        if before in (SendState.PUSHING, SendState.PUSHED):
            self._is_push_wanted = False
        self._close(stream)
        deferred = Deferred(
            stream.offer.name,
            stream.offer.klass,
            frame.reason,
            frame.retry_after_s,
            stream.wire_bytes,
        )
        return [deferred], Cancel(frame.stream).encode() if before in _WITH_BYTES else b""

    def _on_commit(self, commit: Commit) -> Stored:
        if commit.number != self._last_commit + 1:
            raise RelayProtocolError(Fault.BAD_COMMIT, "a commit is not the next one")
        if not self._is_signed(commit):
            raise RelayProtocolError(Fault.BAD_COMMIT, "a commit's signature does not fit")
        sent = []
        for name, _verdict in commit.verdicts:
            stream, _ = self._step(self._by_name.get(name, 0), FrameType.COMMIT)
            self._close(stream)
            sent.append(Sent(stream.offer, stream.wire_bytes))
        self._last_commit = commit.number
        return Stored(commit, tuple(sent))

    def _close(self, stream: _Stream) -> None:
        stream.state = SendState.CLOSED
        del self._streams[stream.offer.stream]
        del self._by_name[stream.offer.name]


def _urgency(offer: Offer) -> tuple[int, int, int]:
    return CLASSES.index(offer.klass), offer.arrive_by_ms or 1 << 53, offer.stream


def _next_of(stream: _Stream, length: int) -> Wanted:
    offer = stream.offer
    left = offer.size_bytes - stream.offset
    return Wanted(offer.stream, offer.name, stream.offset, min(length, left), offer.size_bytes)
