"""The sending side of the streams on one connection: frames in, events and bytes out. Pure.

    OFFERED --ACCEPT--> SENDING --(END sent)--> AWAITING --COMMIT--> CLOSED (stored)
       |  |                |  |                    |
       |  +--HAVE----------|--|------------------->|
       |                   |  +--(CANCEL sent)--> CANCELLED --REFUSE--> CANCELLED
       +--REFUSE-----------+--REFUSE---------------+--REFUSE--> CLOSED (deferred)

Which bytes go next is decided anew for every chunk: the most urgent stream that may send. An object
counts as stored only with a commit whose signature holds, whose number is the next one and which
names an object that awaits it. Not here: files, sockets, time.
"""

import heapq
from collections.abc import Callable, KeysView
from dataclasses import dataclass
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
    Refuse,
)
from bocage_edge.relay.wire import FrameType

# Chosen: so many of the partner's streams are kept free for urgent objects and reports.
RESERVED_STREAMS = 64


class SendState(Enum):
    """Where a stream of ours stands."""

    OFFERED = "offered"
    SENDING = "sending"
    AWAITING = "awaiting"
    CANCELLED = "cancelled"
    CLOSED = "closed"


# What the partner may say of a stream, and where that leads. Everything else is a fault.
TRANSITIONS: dict[tuple[SendState, FrameType], SendState] = {
    (SendState.OFFERED, FrameType.ACCEPT): SendState.SENDING,
    (SendState.OFFERED, FrameType.HAVE): SendState.AWAITING,
    (SendState.OFFERED, FrameType.REFUSE): SendState.CLOSED,
    (SendState.SENDING, FrameType.REFUSE): SendState.CLOSED,
    (SendState.AWAITING, FrameType.REFUSE): SendState.CLOSED,
    (SendState.AWAITING, FrameType.COMMIT): SendState.CLOSED,
    (SendState.CANCELLED, FrameType.REFUSE): SendState.CANCELLED,
}


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
    state: SendState = SendState.OFFERED
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

    def may_offer(self, klass: str) -> bool:
        """Whether one more object of this class may be offered now."""
        reserved = RESERVED_STREAMS if CLASSES.index(klass) > 1 else 0
        return len(self._streams) < self._limit - reserved

    @property
    def next_stream(self) -> int:
        """The number the next offer must bear."""
        return self._last_stream + 1

    def offer(self, offer: Offer) -> bytes:
        """Open a stream; give the frame to send.

        The caller has asked `may_offer` and numbered it `next_stream`.
        """
        if offer.stream != self.next_stream or offer.name in self._by_name:
            raise ValueError("an offer out of turn")
        rank = CLASSES.index(offer.klass)
        urgency = (rank, offer.arrive_by_ms or 1 << 53, offer.stream)
        frame = offer.encode()
        self._last_stream = offer.stream
        self._streams[offer.stream] = _Stream(offer, urgency, wire_bytes=len(frame))
        self._by_name[offer.name] = offer.stream
        return frame

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
                self._step(frame.stream, FrameType.HAVE)
                return [], b""
            case Refuse():
                return self._on_refuse(frame)
            case Commit():
                return [self._on_commit(frame)], b""

    def wanted(self, chunk_bytes: int) -> Wanted | None:
        """Name the bytes that should go next: of the most urgent stream that may send."""
        while self._ready:
            stream = self._streams.get(self._ready[0][1])
            if stream is not None and stream.state is SendState.SENDING:
                offer = stream.offer
                length = min(chunk_bytes, offer.size_bytes - stream.offset)
                return Wanted(offer.stream, offer.name, stream.offset, length, offer.size_bytes)
            heapq.heappop(self._ready)
        return None

    def upcoming(self, count: int, length: int) -> list[Wanted]:
        """Name the next bytes of the most urgent streams, so that they can be read ahead."""
        streams = (self._streams.get(number) for _, number in heapq.nsmallest(count, self._ready))
        return [
            Wanted(
                each.offer.stream,
                each.offer.name,
                each.offset,
                min(length, each.offer.size_bytes - each.offset),
                each.offer.size_bytes,
            )
            for each in streams
            if each is not None and each.state is SendState.SENDING
        ]

    def is_sending(self, number: int) -> bool:
        """Whether the stream may send bytes."""
        stream = self._streams.get(number)
        return stream is not None and stream.state is SendState.SENDING

    def data(self, number: int, chunk: memoryview) -> bytes:
        """Give the frame for the stream's next bytes."""
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
        stream.state = SendState.CANCELLED
        del self._by_name[stream.offer.name]
        return Cancel(number).encode()

    def abandon(self) -> dict[str, int]:
        """The connection is gone: give the bytes put on it for each object still open."""
        return {name: self._streams[number].wire_bytes for name, number in self._by_name.items()}

    def _end(self, stream: _Stream) -> bytes:
        frame = End(stream.offer.stream).encode()
        stream.wire_bytes += len(frame)
        stream.state = SendState.AWAITING
        return frame

    def _step(self, number: int, kind: FrameType) -> _Stream:
        stream = self._streams.get(number)
        state = SendState.CLOSED if stream is None else stream.state
        following = TRANSITIONS.get((state, kind))
        if stream is None or following is None:
            raise RelayProtocolError(
                Fault.WRONG_STATE, f"{kind.name} for a stream that is {state.value}"
            )
        stream.state = following
        return stream

    def _on_accept(self, frame: Accept) -> None:
        stream = self._step(frame.stream, FrameType.ACCEPT)
        if frame.offset > stream.offer.size_bytes:
            raise RelayProtocolError(Fault.BAD_FRAME, "ACCEPT beyond the end of the object")
        stream.offset = frame.offset
        heapq.heappush(self._ready, (stream.urgency, frame.stream))

    def _on_refuse(self, frame: Refuse) -> tuple[list[SendEvent], bytes]:
        was_sending = self.is_sending(frame.stream)
        stream = self._step(frame.stream, FrameType.REFUSE)
        if stream.state is SendState.CANCELLED:
            return [], b""
        self._close(stream)
        deferred = Deferred(
            stream.offer.name,
            stream.offer.klass,
            frame.reason,
            frame.retry_after_s,
            stream.wire_bytes,
        )
        # The partner passes over what is under way until it reads that no more will come.
        return [deferred], Cancel(frame.stream).encode() if was_sending else b""

    def _on_commit(self, commit: Commit) -> Stored:
        if commit.number != self._last_commit + 1:
            raise RelayProtocolError(Fault.BAD_COMMIT, "a commit is not the next one")
        if not self._is_signed(commit):
            raise RelayProtocolError(Fault.BAD_COMMIT, "a commit's signature does not fit")
        sent = []
        for name, _verdict in commit.verdicts:
            stream = self._step(self._by_name.get(name, 0), FrameType.COMMIT)
            self._close(stream)
            sent.append(Sent(stream.offer, stream.wire_bytes))
        self._last_commit = commit.number
        return Stored(commit, tuple(sent))

    def _close(self, stream: _Stream) -> None:
        stream.state = SendState.CLOSED
        del self._streams[stream.offer.stream]
        del self._by_name[stream.offer.name]
