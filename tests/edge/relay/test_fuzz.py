"""Any bytes at all: decoder, readers and both state machines answer with frames or a fault.

Two kinds of input. Hypothesis makes streams of frames and of rubbish, cut anywhere. A loop of
mutations takes a good conversation and changes bytes of it; BOCAGE_FUZZ_ROUNDS says how often, and
a failure names the seed it is seen again with.
"""

from __future__ import annotations

import base64
import os
import random
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.canonical import canonical_json
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import (
    Accept,
    Cancel,
    Commit,
    Data,
    End,
    Frame,
    Have,
    Offer,
    Raise,
    Refuse,
    parse_frame,
)
from bocage_edge.relay.hello import Expected, Handshake, Hello, read_hello
from bocage_edge.relay.receiving import Offered, Receiver, ReceiveState
from bocage_edge.relay.sending import Sender
from bocage_edge.relay.wire import (
    BODY_LIMITS,
    HEADER,
    FrameDecoder,
    FrameType,
    encode_frame,
    encode_preamble,
)
from tests.edge.relay.examples import FRAMES, commit, name_of, offer, push

ROUNDS = int(os.environ.get("BOCAGE_FUZZ_ROUNDS", "400"))
LARGEST_FRAME = max(most for _, most in BODY_LIMITS.values())


def hello() -> Hello:
    key = base64.b64encode(bytes(32)).decode()
    return Hello(side="dialler", device="hospital", link="l", identity=key, nonce=key)


GOOD: list[bytes] = [
    encode_frame(FrameType.HELLO, canonical_json(hello().to_json())),
    encode_frame(FrameType.PROOF, bytes(64)),
    offer(1, name_of(1), 300).encode(),
    push(2, name_of(2), 200).encode(),
    Data(2, 0, memoryview(bytes(200))).encode(),
    End(2).encode(),
    Accept(1, 0).encode(),
    Raise(1, "urgent").encode(),
    Data(1, 0, memoryview(bytes(300))).encode(),
    End(1).encode(),
    commit(name_of(1), name_of(2)).encode(),
    Refuse(1, "no space", 60, "full").encode(),
    Have(1).encode(),
    Cancel(1).encode(),
]


def pieces(raw: bytes, chance: random.Random) -> Iterable[bytes]:
    """Cut bytes as a socket may."""
    start = 0
    while start < len(raw):
        end = start + chance.choice((1, 4, 5, 6, 17, 1000, 65536))
        yield raw[start:end]
        start = end


class Victim:
    """Everything of one side that reads what a partner writes, without a socket."""

    def __init__(self) -> None:
        self._decoder = FrameDecoder()
        self._receiver = Receiver(1024, 0)
        self._sender = Sender(1024, 0, lambda _commit: True)
        self._sender.offer(offer(1, name_of(1), 300))
        self._sender.offer(push(2, name_of(2), 200))
        self._handshake = Handshake(hello(), Expected("practice", "l", bytes(32)), lambda *_: False)
        self._handshake.greeted(1)

    def take(self, piece: bytes) -> None:
        """Read one piece; a fault is the only exception there may be."""
        for kind, body in self._decoder.feed(piece):
            self._read(kind, body)
        assert self._decoder.buffered_bytes <= LARGEST_FRAME + HEADER.size + len(piece)

    def _read(self, kind: FrameType, body: bytes) -> None:
        if kind in (FrameType.HELLO, FrameType.PROOF):
            self._handshake.on_frame(kind, body)
            return
        frame = parse_frame(kind, body)
        if isinstance(frame, Offer | Data | End | Cancel | Raise):
            event = self._receiver.on_frame(frame)
            if isinstance(event, Offered):
                self._decide(event.offer)
        elif isinstance(frame, Accept | Have | Refuse | Commit):
            self._sender.on_frame(frame)
        assert self._receiver.in_flight <= 1024

    def _decide(self, offered: Offer) -> None:
        if self._receiver.state(offered.stream) is ReceiveState.PUSHED:
            self._receiver.take(offered.stream)
        else:
            self._receiver.accept(offered.stream, 0)


def feed(raw: bytes, chance: random.Random) -> Fault | None:
    """Give bytes to a victim; how it ended."""
    victim = Victim()
    try:
        for piece in pieces(raw, chance):
            victim.take(piece)
    except RelayProtocolError as error:
        return error.fault
    return None


def test_a_good_conversation_is_no_fault_up_to_its_proof() -> None:
    raw = encode_preamble() + b"".join(GOOD[2:6])
    assert feed(raw, random.Random(1)) is None  # noqa: S311 (test data)


@given(st.lists(st.one_of(FRAMES.map(lambda frame: frame.encode()), st.binary(max_size=80))))
def test_any_frames_and_rubbish_are_read_or_a_fault(parts: list[bytes]) -> None:
    feed(encode_preamble() + b"".join(parts), random.Random(len(parts)))  # noqa: S311


@given(st.binary(max_size=200))
def test_any_first_bytes_are_read_or_a_fault(raw: bytes) -> None:
    feed(raw, random.Random(len(raw)))  # noqa: S311 (test data)


@given(st.binary(max_size=400))
def test_any_hello_is_read_or_a_fault(body: bytes) -> None:
    with pytest.raises(RelayProtocolError):
        read_hello(body)


@given(
    st.dictionaries(
        st.sampled_from(list(Hello.model_fields)),
        st.one_of(st.integers(), st.text(max_size=60), st.none(), st.lists(st.integers())),
    )
)
def test_a_hello_with_any_values_is_read_or_a_fault(changed: dict[str, object]) -> None:
    try:
        read = read_hello(canonical_json(hello().to_json() | changed))
    except RelayProtocolError as error:
        assert error.fault is Fault.BAD_FRAME
    else:
        assert read.streams >= 128


def mutated(seed: int) -> bytes:
    """A conversation with a few bytes changed, taken out, put in or said twice."""
    chance = random.Random(seed)  # noqa: S311 (test data)
    frames = [chance.choice(GOOD) for _ in range(chance.randrange(1, 12))]
    raw = bytearray(encode_preamble() + b"".join(frames))
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(16 if chance.random() < 0.9 else 0, len(raw) + 1)
        match chance.randrange(4):
            case 0 if place < len(raw):
                raw[place] ^= 1 << chance.randrange(8)
            case 1:
                del raw[place : place + chance.randrange(1, 9)]
            case 2:
                raw[place:place] = chance.randbytes(chance.randrange(1, 9))
            case _:
                raw[place:place] = raw[place : place + chance.randrange(1, 64)]
    return bytes(raw)


def test_changed_bytes_of_a_conversation_are_read_or_a_fault() -> None:
    for seed in range(ROUNDS):
        try:
            feed(mutated(seed), random.Random(seed))  # noqa: S311 (test data)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error


def test_frames_that_promise_much_cost_little() -> None:
    promises = [HEADER.pack(most, kind) for kind, (_, most) in BODY_LIMITS.items()]
    tracemalloc.start()
    try:
        for promise in promises:
            decoder = FrameDecoder()
            decoder.feed(encode_preamble() + promise)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


@given(FRAMES)
def test_what_was_read_is_written_the_same(frame: Frame) -> None:
    raw = frame.encode()
    _, number = HEADER.unpack_from(raw)
    assert parse_frame(FrameType(number), raw[HEADER.size :]).encode() == raw
