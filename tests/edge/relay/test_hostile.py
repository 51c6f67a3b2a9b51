"""A scripted hostile partner over real sockets: each lie is cut, counted, reported; nothing kept.

The scripts hold the confirmed identity's key: a partner that was taken over, not a stranger.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bocage_contract.canonical import canonical_json
from bocage_contract.ledger import GENESIS, draft, entry_bytes, entry_hash, link_chain, sign_head
from bocage_contract.signing import to_be_signed
from bocage_edge.relay.fault import Fault
from bocage_edge.relay.frames import (
    Accept,
    Commit,
    Data,
    End,
    Entries,
    ErrorFrame,
    Frame,
    Have,
    Head,
    Offer,
    Ping,
    Pull,
    Raise,
    parse_frame,
)
from bocage_edge.relay.hello import Expected, Handshake, Hello, Opened, Side, SignThis
from bocage_edge.relay.proof import COMMIT_TYPE, HELLO_TYPE, commit_payload, is_signed_hello
from bocage_edge.relay.service import LinkService
from bocage_edge.relay.wire import (
    HEADER,
    PUSH_LIMIT_BYTES,
    FrameDecoder,
    FrameType,
    encode_preamble,
)
from bocage_edge.spool.types import Direction, ObjectState
from tests.edge.relay.examples import name_of, offer, push
from tests.edge.relay.twin import HOSPITAL, LINK, PRACTICE, TwinBox, free_port, until


class Script:
    """One connection of the hostile partner, past an honest handshake or before it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, box: TwinBox
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._box = box
        self._decoder = FrameDecoder()
        self._frames: list[tuple[FrameType, bytes]] = []

    def say(self, *frames: Frame | bytes) -> None:
        """Send frames, or bytes that only look like some."""
        for frame in frames:
            self._writer.write(frame if isinstance(frame, bytes) else frame.encode())

    async def hear(self) -> tuple[FrameType, bytes] | None:
        """Wait for a frame; None at the end of the connection."""
        while not self._frames:
            try:
                data = await asyncio.wait_for(self._reader.read(65536), 10)
            except ConnectionError:
                return None
            if not data:
                return None
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    async def hear_until(self, kind: FrameType) -> Frame:
        """Wait for a frame of one type, answering nothing else."""
        while (heard := await self.hear()) is not None:
            if heard[0] is kind:
                return parse_frame(*heard)
        raise AssertionError(f"the connection ended before {kind.name}")

    async def hear_the_end(self) -> ErrorFrame | None:
        """Read to the end; give what the last ERROR said."""
        last: ErrorFrame | None = None
        while (heard := await self.hear()) is not None:
            if heard[0] is FrameType.ERROR:
                frame = parse_frame(*heard)
                last = frame if isinstance(frame, ErrorFrame) else None
        return last

    async def shake_hands(self, side: Side, victim: TwinBox) -> Hello:
        """Go through the handshake as an honest partner does."""
        self.say(encode_preamble())
        own = Hello(
            side=side,
            device=self._box.device,
            link=LINK,
            identity=base64.b64encode(self._box.identity).decode(),
            nonce=base64.b64encode(secrets.token_bytes(32)).decode(),
            ledger=7 if side == "listener" else 0,
        )
        handshake = Handshake(own, Expected(victim.device, LINK, victim.identity), is_signed_hello)
        while self._decoder.version is None:
            self._frames += self._decoder.feed(await self._reader.read(65536))
        self.say(handshake.greeted(self._decoder.version))
        while True:
            heard = await self.hear()
            assert heard is not None
            answer, todo = handshake.on_frame(*heard)
            self.say(answer)
            if isinstance(todo, SignThis):
                self.say(handshake.proof(self._box.key.sign(to_be_signed(HELLO_TYPE, todo.digest))))
                if handshake.is_open:
                    return handshake.partner
            elif isinstance(todo, Opened):
                return todo.partner

    def commit(self, *names: str, number: int = 1, epoch: int = 1) -> Commit:
        """A commit with a signature that fits."""
        unsigned = Commit(epoch, number, tuple((name, "stored") for name in names), b"")
        payload = to_be_signed(COMMIT_TYPE, commit_payload(LINK, unsigned))
        return Commit(epoch, number, unsigned.verdicts, self._box.key.sign(payload))

    def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()


@asynccontextmanager
async def victim_alone(folder: Path) -> AsyncIterator[tuple[TwinBox, TwinBox, LinkService, int]]:
    """A served practice, and the keys of the hospital that will lie to it."""
    port = free_port()
    liar = TwinBox(folder / "liar", "hospital", "practice")
    victim = TwinBox(folder / "victim", "practice", "hospital")
    service = victim.start(victim.terms(liar, port, own=PRACTICE, there=HOSPITAL))
    try:
        yield victim, liar, service, port
        assert victim.spool.verify().is_clean
    finally:
        await victim.stop()
        victim.close()
        liar.close()


async def dial(port: int, liar: TwinBox) -> Script:
    """Connect to the victim, which may not listen yet."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(PRACTICE, port, local_addr=(HOSPITAL, 0))
        except ConnectionRefusedError:
            await asyncio.sleep(0)
            continue
        return Script(reader, writer, liar)


GOOD = b"sealed bytes"
LARGE = bytes(PUSH_LIMIT_BYTES + 1)  # not pushed: the partner is asked first
OTHER_NAME = name_of(1)


def lie_of(frames: list[Frame | bytes]) -> Callable[[Script], Awaitable[None]]:
    async def tell(script: Script) -> None:
        script.say(*frames)

    return tell


async def wrong_hash(script: Script) -> None:
    script.say(offer(1, OTHER_NAME, len(GOOD)))
    await script.hear_until(FrameType.ACCEPT)
    script.say(Data(1, 0, memoryview(GOOD)), End(1))


async def too_long(script: Script) -> None:
    script.say(offer(1, OTHER_NAME, 5))
    await script.hear_until(FrameType.ACCEPT)
    script.say(Data(1, 0, memoryview(GOOD)))


async def too_short(script: Script) -> None:
    script.say(offer(1, OTHER_NAME, 500))
    await script.hear_until(FrameType.ACCEPT)
    script.say(Data(1, 0, memoryview(GOOD)), End(1))


async def replayed_data(script: Script) -> None:
    script.say(offer(1, OTHER_NAME, 500))
    await script.hear_until(FrameType.ACCEPT)
    script.say(Data(1, 0, memoryview(GOOD)), Data(1, 0, memoryview(GOOD)))


async def pushed_wrong_hash(script: Script) -> None:
    script.say(push(1, OTHER_NAME, len(GOOD)), Data(1, 0, memoryview(GOOD)), End(1))


async def pushed_too_short(script: Script) -> None:
    script.say(push(1, OTHER_NAME, 500), Data(1, 0, memoryview(GOOD)), End(1))


async def pushed_too_long(script: Script) -> None:
    script.say(push(1, OTHER_NAME, 5), Data(1, 0, memoryview(GOOD)))


async def pushed_too_large(script: Script) -> None:
    script.say(push(1, OTHER_NAME, PUSH_LIMIT_BYTES + 1))


async def pushes_without_bytes(script: Script) -> None:
    script.say(*(push(number, name_of(number)) for number in range(1, 1026)))


async def data_before_accept_of_a_large_part(script: Script) -> None:
    script.say(offer(1, OTHER_NAME, 5_000_000))
    await script.hear_until(FrameType.ACCEPT)
    for place in range(10):
        script.say(Data(1, place * 200_000, memoryview(bytes(200_000))))
    script.say(HEADER.pack(9, 0x7F))


def path_in_a_name() -> bytes:
    body = struct.pack(">I", 1) + b"../../../../../../etc/passwd\0\0\0\0" + bytes(20)
    return HEADER.pack(len(body), FrameType.OFFER) + body


LIES_TO_A_LISTENER: dict[str, tuple[Callable[[Script], Awaitable[None]], Fault]] = {
    "wrong hash": (wrong_hash, Fault.WRONG_CONTENT),
    "too long": (too_long, Fault.WRONG_CONTENT),
    "too short": (too_short, Fault.WRONG_CONTENT),
    "data again": (replayed_data, Fault.WRONG_STATE),
    "pushed wrong hash": (pushed_wrong_hash, Fault.WRONG_CONTENT),
    "pushed too short": (pushed_too_short, Fault.WRONG_CONTENT),
    "pushed too long": (pushed_too_long, Fault.WRONG_CONTENT),
    "pushed too large": (pushed_too_large, Fault.BAD_FRAME),
    "pushes without bytes": (pushes_without_bytes, Fault.LIMIT),
    "data before the answer": (
        lie_of([offer(1), Data(1, 0, memoryview(GOOD))]),
        Fault.WRONG_STATE,
    ),
    "raise without an offer": (lie_of([Raise(1, "urgent")]), Fault.WRONG_STATE),
    "raise downwards": (lie_of([offer(1), Raise(1, "prior")]), Fault.WRONG_STATE),
    "garbage in the middle": (data_before_accept_of_a_large_part, Fault.BAD_FRAME),
    "path in a name": (lie_of([path_in_a_name()]), Fault.BAD_FRAME),
    "oversized frame": (lie_of([HEADER.pack(1 << 30, FrameType.DATA)]), Fault.BAD_FRAME),
    "unknown frame": (lie_of([HEADER.pack(4, 0x7F)]), Fault.BAD_FRAME),
    "handshake again": (lie_of([HEADER.pack(64, FrameType.PROOF) + bytes(64)]), Fault.WRONG_STATE),
    "data without an offer": (lie_of([Data(1, 0, memoryview(GOOD))]), Fault.WRONG_STATE),
    "end without an offer": (lie_of([End(9)]), Fault.WRONG_STATE),
    "offer out of turn": (lie_of([offer(5)]), Fault.WRONG_STATE),
    "offer twice": (lie_of([offer(1), offer(2)]), Fault.WRONG_STATE),
    "too many offers": (
        lie_of([offer(number, name_of(number)) for number in range(1, 1026)]),
        Fault.LIMIT,
    ),
    "a listener's frame": (lie_of([Accept(1, 0)]), Fault.WRONG_STATE),
    "two pulls at once": (lie_of([Pull(0, 10), Pull(0, 10)]), Fault.WRONG_STATE),
    "chatter": (lie_of([Ping(number) for number in range(1000)]), Fault.LIMIT),
}


@pytest.mark.parametrize("lie", list(LIES_TO_A_LISTENER))
async def test_a_lie_to_the_listener_is_cut_and_nothing_is_kept(lie: str, tmp_path: Path) -> None:
    tell, fault = LIES_TO_A_LISTENER[lie]
    async with victim_alone(tmp_path) as (victim, liar, service, port):
        script = await dial(port, liar)
        await script.shake_hands("dialler", victim)
        await tell(script)
        error = await script.hear_the_end()
        script.close()
        await until(lambda: service.legs.incoming.cuts == 1, victim)
        assert error is None or error.code == fault
        assert victim.states(Direction.IN) == {}
        await until(lambda: len(victim.own_entries()) == 1, victim)
        (entry,) = victim.own_entries()
        assert entry.kind == "partner_misbehaved"
        assert entry.body["fault"] == fault.name.lower()
        assert list((tmp_path / "victim/spool/incoming").iterdir()) == []


async def test_a_good_object_before_a_lie_is_kept_and_the_lie_is_not(tmp_path: Path) -> None:
    async with victim_alone(tmp_path) as (victim, liar, service, port):
        script = await dial(port, liar)
        await script.shake_hands("dialler", victim)
        name = liar.send(GOOD)
        script.say(offer(1, name, len(GOOD)))
        await script.hear_until(FrameType.ACCEPT)
        script.say(Data(1, 0, memoryview(GOOD)), End(1))
        await script.hear_until(FrameType.COMMIT)
        script.say(offer(2, OTHER_NAME, len(GOOD)))
        await script.hear_until(FrameType.ACCEPT)
        script.say(Data(2, 0, memoryview(GOOD)), End(2))
        await script.hear_the_end()
        script.close()
        await until(lambda: service.legs.incoming.cuts == 1, victim)
        assert victim.states(Direction.IN) == {ObjectState.ARRIVED: 1}


async def test_many_frames_right_behind_the_handshake_are_no_lie(tmp_path: Path) -> None:
    """The session is still being made: reading the ledger's head takes a while."""
    async with victim_alone(tmp_path) as (victim, liar, service, port):
        script = await dial(port, liar)
        await script.shake_hands("dialler", victim)
        bodies = [GOOD + bytes([number]) for number in range(200)]
        for stream, body in enumerate(bodies, 1):
            name = hashlib.sha256(body).hexdigest()
            script.say(
                push(stream, name, len(body)), Data(stream, 0, memoryview(body)), End(stream)
            )
        await until(
            lambda: victim.states(Direction.IN) == {ObjectState.ARRIVED: len(bodies)}, victim
        )
        assert service.legs.incoming.cuts == 0
        script.close()


async def test_our_own_object_offered_back_to_us_is_a_lie(tmp_path: Path) -> None:
    async with victim_alone(tmp_path) as (victim, liar, service, port):
        name = victim.send(GOOD)
        script = await dial(port, liar)
        await script.shake_hands("dialler", victim)
        script.say(offer(1, name, len(GOOD)))
        await script.hear_the_end()
        script.close()
        await until(lambda: service.legs.incoming.cuts == 1, victim)


async def test_a_stranger_learns_nothing(tmp_path: Path) -> None:
    async with victim_alone(tmp_path) as (victim, liar, service, port):
        for opening in (b"GET / HTTP/1.1\r\n\r\n", b"", encode_preamble() + HEADER.pack(8, 0x10)):
            script = await dial(port, liar)
            script.say(opening)
            if not opening:
                script.close()
            await script.hear_the_end()
            script.close()
        await until(lambda: service.legs.incoming.cuts == 2, victim)
        assert service.legs.incoming.connected_since is None


# Lies of a listener to a dialling victim.


@asynccontextmanager
async def victim_dials(
    folder: Path, tell: Callable[[Script, TwinBox], Awaitable[None]]
) -> AsyncIterator[tuple[TwinBox, LinkService]]:
    """A victim with one object to send, that dials a listener who lies."""
    port = free_port()
    liar = TwinBox(folder / "liar", "hospital", "practice")
    victim = TwinBox(folder / "victim", "practice", "hospital")
    told: set[asyncio.Task[None]] = set()

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = Script(reader, writer, liar)
        try:
            await script.shake_hands("listener", victim)
            await tell(script, victim)
            await script.hear_the_end()
        finally:
            script.close()

    def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(lie(reader, writer))
        told.add(task)

    server = await asyncio.start_server(visited, HOSPITAL, port)
    victim.send(LARGE)
    service = victim.start(victim.terms(liar, port, own=PRACTICE, there=HOSPITAL))
    try:
        yield victim, service
        assert victim.spool.verify().is_clean
    finally:
        await victim.stop()
        server.close()
        await asyncio.gather(*told)
        victim.close()
        liar.close()


async def offered(script: Script) -> Offer:
    frame = await script.hear_until(FrameType.OFFER)
    assert isinstance(frame, Offer)
    return frame


async def commit_unsent(script: Script, _victim: TwinBox) -> None:
    frame = await offered(script)
    script.say(script.commit(frame.name))


async def commit_badly_signed(script: Script, _victim: TwinBox) -> None:
    frame = await offered(script)
    good = script.commit(frame.name)
    script.say(Have(frame.stream), Commit(1, 1, good.verdicts, bytes(64)))


async def commit_of_another_number(script: Script, _victim: TwinBox) -> None:
    frame = await offered(script)
    script.say(Have(frame.stream), script.commit(frame.name, number=2))


async def commit_of_another_object(script: Script, _victim: TwinBox) -> None:
    frame = await offered(script)
    script.say(Have(frame.stream), script.commit(OTHER_NAME))


async def accept_beyond(script: Script, _victim: TwinBox) -> None:
    frame = await offered(script)
    script.say(Accept(frame.stream, frame.size_bytes + 1))


async def accept_nothing(script: Script, _victim: TwinBox) -> None:
    script.say(Accept(77, 0))


async def entries_unasked(script: Script, _victim: TwinBox) -> None:
    await script.hear_until(FrameType.PULL)
    script.say(Entries(0, (), has_more=False, head=b""), Entries(0, (b"x",), False, b"{}"))


async def entries_of_rubbish(script: Script, _victim: TwinBox) -> None:
    await script.hear_until(FrameType.PULL)
    script.say(Entries(0, (b"rubbish",), has_more=False, head=b"{}"))


async def entries_signed_by_another(script: Script, victim: TwinBox) -> None:
    await script.hear_until(FrameType.PULL)
    chain = link_chain("hospital", LINK)
    entry = entry_bytes(chain, 1, GENESIS, draft("delivered", 1.0, object=OTHER_NAME))
    head = sign_head(chain, 1, entry_hash(entry), victim.key.sign)
    script.say(Entries(0, (entry,), has_more=False, head=canonical_json(head.to_json())))


async def entries_with_a_gap(script: Script, _victim: TwinBox) -> None:
    await script.hear_until(FrameType.PULL)
    chain = link_chain("hospital", LINK)
    entry = entry_bytes(chain, 2, "1" * 64, draft("delivered", 1.0, object=OTHER_NAME))
    head = sign_head(chain, 2, entry_hash(entry), script._box.key.sign)
    script.say(Entries(0, (entry,), has_more=False, head=canonical_json(head.to_json())))


async def head_backwards(script: Script, _victim: TwinBox) -> None:
    script.say(Head(1))


async def a_diallers_frame(script: Script, _victim: TwinBox) -> None:
    script.say(offer(1))


LIES_TO_A_DIALLER: dict[str, tuple[Callable[[Script, TwinBox], Awaitable[None]], Fault]] = {
    "commit before the bytes": (commit_unsent, Fault.WRONG_STATE),
    "commit badly signed": (commit_badly_signed, Fault.BAD_COMMIT),
    "commit of another number": (commit_of_another_number, Fault.BAD_COMMIT),
    "commit of another object": (commit_of_another_object, Fault.WRONG_STATE),
    "accept beyond the end": (accept_beyond, Fault.BAD_FRAME),
    "accept of nothing": (accept_nothing, Fault.WRONG_STATE),
    "entries unasked": (entries_unasked, Fault.WRONG_STATE),
    "entries of rubbish": (entries_of_rubbish, Fault.BAD_ENTRIES),
    "entries signed by another": (entries_signed_by_another, Fault.BAD_ENTRIES),
    "entries with a gap": (entries_with_a_gap, Fault.BAD_ENTRIES),
    "head backwards": (head_backwards, Fault.BAD_ENTRIES),
    "a dialler's frame": (a_diallers_frame, Fault.WRONG_STATE),
}


@pytest.mark.parametrize("lie", list(LIES_TO_A_DIALLER))
async def test_a_lie_to_the_dialler_stores_nothing(lie: str, tmp_path: Path) -> None:
    tell, fault = LIES_TO_A_DIALLER[lie]
    async with victim_dials(tmp_path, tell) as (victim, service):
        await until(lambda: service.legs.outgoing.cuts == 1, victim)
        assert victim.states(Direction.OUT) == {ObjectState.QUEUED: 1}
        assert victim.keeper.partner_head_number(LINK) == 0
        await until(lambda: len(victim.own_entries()) == 1, victim)
        (entry,) = victim.own_entries()
        assert (entry.kind, entry.body["fault"]) == ("partner_misbehaved", fault.name.lower())
