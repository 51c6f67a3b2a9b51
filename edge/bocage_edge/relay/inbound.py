"""The listener's open connection: the partner's objects come in, our ledger goes out.

    socket -> Receiver -> writer (parts, hash) -> committer (names checked, files synced, rows,
    signature: one group) -> COMMIT

While one group is being committed the next one gathers: one sync, one transaction and one signature
serve many objects. Reading stops while more than `UNDURABLE_LIMIT_BYTES` would be lost by a power
cut here: that bounds what ever travels twice.
"""

import asyncio
from collections.abc import Callable

from bocage_contract.canonical import canonical_json
from bocage_edge.relay import page, taking
from bocage_edge.relay.connection import Connection
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import (
    STORED,
    Cancel,
    Data,
    End,
    Entries,
    Head,
    Offer,
    Pull,
    Raise,
    parse_frame,
)
from bocage_edge.relay.hello import Hello
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.receiving import (
    Chunk,
    Offered,
    Raised,
    ReceiveEvent,
    Receiver,
    ReceiveState,
)
from bocage_edge.relay.session import Duty, cutting, serve
from bocage_edge.relay.taking import Decision, Incoming, Step
from bocage_edge.relay.terms import STREAMS, Terms
from bocage_edge.relay.wire import FrameType

# Chosen; see `taking.SYNC_EVERY_BYTES`.
UNDURABLE_LIMIT_BYTES = 1536 * 1024
GROUP_LIMIT = 256
RETRY_FAULT_S = 30


class InboundSession:
    """One open connection on which this box is the listener."""

    def __init__(
        self, connection: Connection, terms: Terms, doors: Doors, memory: MemoryFile, *,
        partner: Hello, head: int,
    ) -> None:  # fmt: skip
        """Begin.

        Args:
            head: last entry of our own chain, as our HELLO said it.
        """
        self._connection = connection
        self._terms = terms
        self._doors = doors
        self._memory = memory
        self.receiver = Receiver(STREAMS, max(memory.now.commit, partner.partner_commit))
        self._offers: list[Offer] = []
        self._steps: list[Step] = []
        self._incoming: dict[str, Incoming] = {}
        self._complete: list[Incoming] = []
        self._reserved_bytes = 0
        self._undurable_bytes = 0
        self._pull: Pull | None = None
        self._told_head = head
        self._decide_now = asyncio.Event()
        self._write_now = asyncio.Event()
        self._commit_now = asyncio.Event()
        self._pull_now = asyncio.Event()
        self.last_commit_at: float | None = None

    async def run(self) -> None:
        """Serve the connection until it ends; what is complete by then is still taken."""
        self._connection.hand_frames_to(self._on_frame)
        duties = [
            Duty(self._decide, self._decide_now),
            Duty(self._write, self._write_now),
            Duty(self._commit, self._commit_now),
            Duty(self._serve_ledger, self._pull_now),
        ]
        try:
            await serve(self._connection, duties)
        finally:
            with cutting(self._connection):
                await self._finish()

    def tell_head(self, number: int) -> None:
        """Say that our chain has grown, if that is news."""
        if number > self._told_head:
            self._told_head = number
            self._connection.send(Head(number).encode())

    # Frames

    def _on_frame(self, kind: FrameType, body: bytes) -> None:
        frame = parse_frame(kind, body)
        match frame:
            case Offer() | Data() | End() | Cancel() | Raise():
                event = self.receiver.on_frame(frame)
                if event is not None:
                    self._on_event(event)
            case Pull():
                if self._pull is not None:
                    raise RelayProtocolError(Fault.WRONG_STATE, "PULL before the last was answered")
                self._pull = frame
                self._pull_now.set()
            case _:
                raise RelayProtocolError(Fault.WRONG_STATE, f"{kind.name} from a dialler")

    def _on_event(self, event: ReceiveEvent) -> None:
        if isinstance(event, Raised):
            self._raise(event.offer)
            return
        if isinstance(event, Offered):
            if not event.offer.is_pushed:
                self._offers.append(event.offer)
                self._decide_now.set()
                return
            self._expect(Incoming(event.offer, reserved_bytes=event.offer.size_bytes))
        self._steps.append((event, self._incoming[event.offer.name]))
        self._write_now.set()
        if isinstance(event, Chunk):
            self._undurable_bytes += len(event.chunk)
            if self._undurable_bytes > UNDURABLE_LIMIT_BYTES:
                self._connection.pause_reading()

    def _expect(self, incoming: Incoming) -> None:
        self._incoming[incoming.offer.name] = incoming
        self._reserved_bytes += incoming.reserved_bytes

    def _raise(self, offer: Offer) -> None:
        incoming = self._incoming.get(offer.name)
        if incoming is not None:
            incoming.offer = offer

    # Offers

    async def _decide(self) -> None:
        offers, self._offers = self._offers, []
        decisions = await self._doors.work(
            taking.decide,
            self._doors,
            self._terms.id,
            offers,
            reserved_bytes=self._reserved_bytes,
            open_parts=len(self._incoming),
        )
        for each in decisions:
            self._answer(each)

    def _answer(self, decision: Decision) -> None:
        offer = decision.offer
        if decision.is_welcome:
            self._admit(decision)
        elif decision.is_lie:
            # Not raised: parts that were opened for offers after this one must be closed as well.
            self._connection.fail(
                RelayProtocolError(Fault.WRONG_CONTENT, "an object that is not the partner's")
            )
        elif decision.is_here:
            self._connection.send(self.receiver.have(offer.stream))
            self._complete.append(Incoming(offer))
            self._commit_now.set()
        else:
            frame = self.receiver.refuse(offer.stream, decision.refusal, decision.retry_after_s)
            self._connection.send(frame)

    def _admit(self, decision: Decision) -> None:
        # It may have been raised while we thought about it.
        offer = self.receiver.offer(decision.offer.stream)
        self._expect(Incoming(offer, decision.part, offer.size_bytes - decision.offset))
        self._connection.send(self.receiver.accept(offer.stream, decision.offset))

    def _answer_push(self, incoming: Incoming) -> None:
        stream = incoming.offer.stream
        if self.receiver.state(stream) not in (ReceiveState.PUSHED, ReceiveState.WHOLE):
            return  # cancelled in the meantime
        if incoming.is_lie:
            self._connection.fail(
                RelayProtocolError(Fault.WRONG_CONTENT, "an object that is not the partner's")
            )
        elif incoming.is_here:
            self._connection.send(self.receiver.have(stream))
        elif incoming.fault:
            frame = self.receiver.refuse(stream, incoming.fault, incoming.retry_after_s)
            self._connection.send(frame)
            self._forget(incoming)
        else:
            self.receiver.take(stream)

    # Bytes

    async def _write(self) -> None:
        steps, self._steps = self._steps, []
        written = await self._doors.work(
            taking.write, self._doors, self._terms.id, steps, reserved_bytes=self._reserved_bytes
        )
        for each in written.pushed:
            self._answer_push(each)
        for each in written.failed:
            await self._put_off(each)
        for each in written.left:
            self._forget(each)
        for each in written.complete:
            each.is_complete = True
            self._complete.append(each)
            self._commit_now.set()
        self._made_durable(written.durable_bytes)
        begun = [each for each in self._incoming.values() if not each.is_complete]
        if sum(each.undurable_bytes for each in begun) > UNDURABLE_LIMIT_BYTES // 2:
            await self._sync_begun(begun)

    async def _sync_begun(self, begun: list[Incoming]) -> None:
        # Many streams with a little each would otherwise stop the reading for ever.
        self._made_durable(await self._doors.work(taking.sync, begun))
        for each in [each for each in begun if each.fault]:
            await self._put_off(each)

    async def _put_off(self, incoming: Incoming) -> None:
        """Refuse what was accepted before: nothing of it counts, the partner offers it again."""
        stream = incoming.offer.stream
        if self.receiver.state(stream) in (ReceiveState.ACCEPTED, ReceiveState.COMPLETE):
            self._connection.send(self.receiver.refuse(stream, incoming.fault, RETRY_FAULT_S))
        self._forget(incoming)
        await self._doors.work(taking.leave, incoming)

    def _forget(self, incoming: Incoming) -> None:
        if self._incoming.get(incoming.offer.name) is incoming:
            del self._incoming[incoming.offer.name]
        self._reserved_bytes -= incoming.reserved_bytes
        incoming.reserved_bytes = 0
        undurable, incoming.undurable_bytes = incoming.undurable_bytes, 0
        self._made_durable(undurable)

    def _made_durable(self, count: int) -> None:
        self._undurable_bytes -= count
        if self._undurable_bytes <= UNDURABLE_LIMIT_BYTES // 2:
            self._connection.resume_reading()

    # Commits

    async def _commit(self) -> None:
        while self._complete:
            group, self._complete = self._complete[:GROUP_LIMIT], self._complete[GROUP_LIMIT:]
            await self._commit_group(group)

    async def _commit_group(self, group: list[Incoming]) -> None:
        are_right = await asyncio.gather(*(self._doors.work(taking.check, each) for each in group))
        good = [each for each, is_right in zip(group, are_right, strict=True) if is_right]
        sound = [each for each in good if not each.fault]
        await self._doors.work(taking.accept, self._doors, self._terms, sound)
        taken = [each for each in sound if not each.fault]
        for each in good:
            if each.fault:
                await self._put_off(each)
        await self._say_committed(taken)
        for each in group:
            self._forget(each)
        if not all(are_right):
            raise RelayProtocolError(Fault.WRONG_CONTENT, "an object's bytes are not its name's")

    async def _say_committed(self, taken: list[Incoming]) -> None:
        if any(each.part is not None for each in taken):
            self._doors.arrived()
            self._doors.flush()
        if not taken or self._connection.ending is not None:
            return
        names = [each.offer.name for each in taken]
        epoch, number = self._memory.now.epoch, self.receiver.last_commit + 1
        signature = await self._doors.work(
            self._doors.keeper.commit,
            self._terms.id,
            epoch,
            number,
            [(name, STORED) for name in names],
        )
        await self._doors.work(self._memory.update, commit=number)
        self._connection.send(self.receiver.commit(names, STORED, epoch, signature))
        self.last_commit_at = self._doors.clock.now()

    async def _finish(self) -> None:
        """After the end: keep what came, as far as it is worth keeping."""
        ending = self._connection.ending
        if ending is not None and ending.is_hostile:
            await self._close_parts(taking.throw_away)
            return
        try:
            await self._write()
            await self._commit()
        finally:
            await self._close_parts(taking.leave)

    async def _close_parts(self, close: Callable[[Incoming], None]) -> None:
        for each in [*self._incoming.values(), *self._complete]:
            await self._doors.work(close, each)
        self._incoming.clear()
        self._complete.clear()

    # Ledger

    async def _serve_ledger(self) -> None:
        pull = self._pull
        if pull is None:
            return
        chain = self._terms.own_chain
        raws, head = await self._doors.work(
            self._doors.keeper.entries, chain, pull.after, pull.limit
        )
        self._pull = None
        has_more = bool(raws) and head.n < self._told_head
        is_long = sum(map(len, raws)) >= page.PACKED_FROM_BYTES
        encoding = pull.encoding if is_long else page.PLAIN
        said = canonical_json(head.to_json())
        frame = Entries(pull.after, tuple(raws), has_more, said, encoding)
        self._connection.send(frame.encode())
