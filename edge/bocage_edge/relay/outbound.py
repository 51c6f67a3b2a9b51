"""The dialler's open connection: our objects go out, the partner's ledger comes in.

Five things go on side by side, each waiting for its own event: filling the window with offers,
pumping chunks, recording commits, pulling and settling the partner's ledger, watching for life.
All state of streams is in `sending.Sender`, of the ledger in `pulling.Puller`; files, index and
keeper are reached through worker threads.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from bocage_contract.errors import ContractError, MessageError
from bocage_contract.ledger import EntryDraft, draft, link_chain, read_entry, verify_page
from bocage_contract.ledger import Head as LedgerHead
from bocage_edge.errors import KeeperError, SpoolError
from bocage_edge.relay.connection import Connection
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.exam_entries import learn
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import (
    CLASSES,
    Accept,
    Commit,
    Entries,
    Have,
    Head,
    Offer,
    Refuse,
    parse_frame,
)
from bocage_edge.relay.goodput import Goodput
from bocage_edge.relay.hello import Hello
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.pacing import Pacer
from bocage_edge.relay.proof import is_signed_commit
from bocage_edge.relay.pulling import Puller
from bocage_edge.relay.sending import Deferred, Sender, Sent, Stored, Wanted
from bocage_edge.relay.session import Duty, cutting, serve
from bocage_edge.relay.settlement import commitments_of, settlements_of
from bocage_edge.relay.terms import Terms
from bocage_edge.relay.windows import TransferWindows
from bocage_edge.relay.wire import FrameType
from bocage_edge.spool.types import StoredObject
from bocage_system import logs

# Chosen.
CHUNK_BYTES = 128 * 1024
BLOCK_BYTES = 1024 * 1024  # read ahead of one object
READ_AHEAD_OBJECTS = 16
OFFERS_AT_ONCE = 256
LOOK_AGAIN_S = 2.0  # for objects whose deferral is over, and for rings that were lost
LONGEST_REST_S = 0.1  # while there is a cap
SENT_OBJECTS_AN_ENTRY = 40  # names of 64 digits; an entry holds 4 KiB
SETTLE_AT_ONCE = 1000
NO_ROOM_S = 30.0
UNREADABLE_S = 600
# Refusals that concern more than one object: others of the class wait as well.
WIDE_REFUSALS = frozenset({"quota", "no space", "busy"})

_log = logs.get("relay")


class OutboundSession:
    """One open connection on which this box is the dialler."""

    def __init__(
        self,
        connection: Connection,
        terms: Terms,
        doors: Doors,
        memory: MemoryFile,
        partner: Hello,
        *,
        held: int,
        wire_bytes: dict[str, int],
        pacer: Pacer,
        goodput: Goodput,
        windows: TransferWindows,
    ) -> None:
        """Begin.

        Args:
            pacer, goodput, windows: the link's; they outlive the connection.
            held: last entry of the partner's chain that we hold.
            wire_bytes: name -> bytes that earlier connections spent on objects not yet committed;
                kept up to date.
        """
        self._connection = connection
        self._terms = terms
        self._doors = doors
        self._memory = memory
        self._spent = wire_bytes
        self._pacer = pacer
        self._goodput = goodput
        self._windows = windows
        self._paced_bytes = connection.sent_bytes
        last_commit = max(partner.commit, memory.now.partner_commit)
        self.sender = Sender(partner.streams, last_commit, self._is_signed)
        self._puller = Puller(held, max(partner.ledger, held), last_head=partner.ledger)
        self._blocks: dict[int, tuple[int, memoryview]] = {}
        self._recording: list[Stored] = []
        self._unrecorded: set[str] = set()
        self._deferred: list[Deferred] = []
        self._entries: Entries | None = None
        self._paused: dict[int, float] = {}  # class rank -> loop time until which it rests
        self._has_backlog = False
        self._look = asyncio.Event()
        self._pump_now = asyncio.Event()
        self._record_now = asyncio.Event()
        self._ledger_now = asyncio.Event()
        self.last_commit_at: float | None = None
        self.last_refusal: str | None = None
        self.ledger_fault = ""

    def ring(self) -> None:
        """New objects may be due."""
        self._look.set()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self._connection.hand_frames_to(self._on_frame)
        duties = [
            Duty(self._offer_due, self._look, LOOK_AGAIN_S),
            Duty(self._pump, self._pump_now),
            Duty(self._record, self._record_now),
            Duty(self._pull, self._ledger_now, NO_ROOM_S),
        ]
        self._look.set()
        self._ledger_now.set()
        try:
            await serve(self._connection, duties)
        finally:
            with cutting(self._connection):
                await self._record()
            self._goodput.cut()
            for name, count in self.sender.abandon().items():
                self._spent[name] = self._spent.get(name, 0) + count

    # Frames

    def _on_frame(self, kind: FrameType, body: bytes) -> None:
        frame = parse_frame(kind, body)
        match frame:
            case Accept() | Have() | Refuse() | Commit():
                events, answer = self.sender.on_frame(frame)
                self._connection.send(answer)
                for event in events:
                    self._on_event(event)
                self._pump_now.set()
            case Head():
                self._puller.on_head(frame)
                self._ledger_now.set()
            case Entries():
                self._entries = self._puller.on_entries(frame)
                self._ledger_now.set()
            case _:
                raise RelayProtocolError(Fault.WRONG_STATE, f"{kind.name} from a listener")

    def _on_event(self, event: Stored | Deferred) -> None:
        if isinstance(event, Stored):
            self._recording.append(event)
            self._unrecorded.update(sent.offer.name for sent in event.objects)
            self.last_commit_at = self._doors.clock.now()
            self.last_refusal = None
            self._measure(event)
        else:
            self._deferred.append(event)
            self._unrecorded.add(event.name)
            self._rest(event)
        self._record_now.set()

    def _measure(self, event: Stored) -> None:
        count = sum(sent.offer.size_bytes for sent in event.objects)
        is_idle = self.sender.in_flight == 0
        self._goodput.committed(count, self._doors.clock.monotonic(), is_idle=is_idle)

    def _rest(self, event: Deferred) -> None:
        self.last_refusal = event.reason
        if event.reason in WIDE_REFUSALS:
            until = asyncio.get_running_loop().time() + event.retry_after_s
            for rank in range(CLASSES.index(event.klass), len(CLASSES)):
                self._paused[rank] = max(until, self._paused.get(rank, 0.0))

    def _is_signed(self, commit: Commit) -> bool:
        return is_signed_commit(self._terms.partner_identity, self._terms.id, commit)

    # Offers

    async def _offer_due(self) -> None:
        await self._raise_classes()
        taken = {*self._unrecorded, *self.sender.open_names}
        wall = self._doors.clock.now()
        due = await self._doors.work(
            self._doors.spool.due_outgoing,
            self._terms.id,
            wall,
            OFFERS_AT_ONCE,
            taken,
            self._windows.least_urgent(wall),
        )
        self._has_backlog = len(due) == OFFERS_AT_ONCE
        now = asyncio.get_running_loop().time()
        for each in due:
            if not self.sender.may_offer(each.klass):
                self._has_backlog = True
                return
            if self._paused.get(each.klass.rank, 0.0) <= now:
                self._offer(each)
        if self._has_backlog and due:
            self._look_if_room()

    def _offer(self, row: StoredObject) -> None:
        # What was refused, or went over an earlier connection, may be there: then we ask first.
        is_new = row.attempts == 0 and row.name not in self._spent
        offer = offer_of(row, self.sender.next_stream)
        if is_new and self.sender.may_push(row.size_bytes):
            offer = replace(offer, is_pushed=True)
            self._pump_now.set()
        self._connection.send(self.sender.offer(offer))
        self._goodput.busy(self._doors.clock.monotonic())

    async def _raise_classes(self) -> None:
        rank = self.sender.least_urgent
        if rank > 0:
            more_urgent = await self._doors.work(
                self._doors.spool.more_urgent_outgoing, self._terms.id, rank
            )
            classes = {name: klass.value for name, klass in more_urgent.items()}
            self._connection.send(self.sender.raise_classes(classes))

    def _look_if_room(self) -> None:
        if self._has_backlog and self.sender.may_offer(CLASSES[-1]):
            self._look.set()

    # Bytes

    async def _pump(self) -> None:
        while self._connection.ending is None:
            # Waiting comes first: what is most urgent is asked once it may go.
            await self._keep_pace()
            chunk_bytes = self._pacer.chunk_bytes(CHUNK_BYTES, self._doors.clock.now())
            wanted = self.sender.wanted(chunk_bytes)
            if wanted is None:
                return
            await self._send_one(wanted)

    async def _keep_pace(self) -> None:
        loop = asyncio.get_running_loop()
        while self._connection.ending is None:
            sent_bytes = self._connection.sent_bytes
            self._pacer.spend(sent_bytes - self._paced_bytes, self._connection.segment_bytes)
            self._paced_bytes = sent_bytes
            wait_s = self._pacer.wait_s(self._doors.clock.now(), loop.time())
            if wait_s <= 0:
                return
            # Never for long: another configuration may have another cap.
            await asyncio.sleep(min(wait_s, LONGEST_REST_S))

    async def _send_one(self, wanted: Wanted) -> None:
        if wanted.length == 0:
            self._connection.send(self.sender.end(wanted.stream))
            return
        chunk = self._cut_block(wanted)
        if chunk is None:
            await self._read_ahead()
            return
        self._connection.send(self.sender.data(wanted.stream, chunk))
        await self._connection.writable()
        # The kernel may take all we have: the frames that come in must get their turn.
        await asyncio.sleep(0)

    def _cut_block(self, wanted: Wanted) -> memoryview | None:
        start, block = self._blocks.get(wanted.stream, (0, memoryview(b"")))
        begin = wanted.offset - start
        if not 0 <= begin < len(block):
            return None
        chunk = block[begin : begin + wanted.length]
        if begin + len(chunk) == len(block):
            del self._blocks[wanted.stream]
        return chunk

    async def _read_ahead(self) -> None:
        self._blocks = {
            number: block
            for number, block in self._blocks.items()
            if self.sender.is_sending(number)
        }
        wanted = self.sender.upcoming(READ_AHEAD_OBJECTS, BLOCK_BYTES)
        missing = [each for each in wanted if each.length and self._cut_is_missing(each)]
        for each, block in await self._doors.work(read_blocks, self._doors, missing):
            if isinstance(block, memoryview):
                self._blocks[each.stream] = each.offset, block
            elif self.sender.is_sending(each.stream):
                self._give_up(each, block)

    def _cut_is_missing(self, wanted: Wanted) -> bool:
        start, block = self._blocks.get(wanted.stream, (0, memoryview(b"")))
        return not start <= wanted.offset < start + len(block)

    def _give_up(self, wanted: Wanted, reason: str) -> None:
        # One file that cannot be read must not hold up the others; verify will speak of it.
        _log.error("object cannot be read", object=wanted.name, reason=reason)
        self._unrecorded.add(wanted.name)
        self._connection.send(self.sender.cancel(wanted.stream))
        self._deferred.append(Deferred(wanted.name, CLASSES[-1], reason, UNREADABLE_S, 0))
        self._record_now.set()

    # What the partner has committed or put off

    async def _record(self) -> None:
        stored, self._recording = self._recording, []
        deferred, self._deferred = self._deferred, []
        sent = [each for event in stored for each in event.objects]
        if sent:
            entries = self._sent_entries(stored)
            names = [each.offer.name for each in sent]
            await self._doors.work(self._doors.spool.mark_stored, names, entries)
            self._doors.flush()
        for each in deferred:
            due_at = self._doors.clock.now() + each.retry_after_s
            reason = f"the partner puts it off: {each.reason}"
            await self._doors.work(self._doors.spool.defer, each.name, due_at, reason)
            self._spent[each.name] = self._spent.get(each.name, 0) + each.wire_bytes
        self._unrecorded -= {each.offer.name for each in sent}
        self._unrecorded -= {each.name for each in deferred}
        if stored:
            number = stored[-1].commit.number
            goodput = self._goodput.bytes_s
            await self._doors.work(
                self._memory.update, partner_commit=number, goodput_bytes_s=goodput
            )
        self._look_if_room()

    def _sent_entries(self, stored: Iterable[Stored]) -> list[EntryDraft]:
        now = self._doors.clock.now()
        return [
            draft(
                "sent",
                now,
                exam_id=exam,
                objects=[each.offer.name for each in some],
                wire_bytes=sum(
                    each.wire_bytes + self._spent.pop(each.offer.name, 0) for each in some
                ),
                epoch=event.commit.epoch,
                commit=event.commit.number,
            )
            for event in stored
            for exam, some in by_exam(event.objects)
        ]

    # The partner's ledger

    async def _pull(self) -> None:
        came, self._entries = self._entries, None
        if came is not None and not await self._keep(came):
            return
        await self._settle()
        if await self._doors.work(self._doors.spool.has_room_for, 0):
            pull = self._puller.ask()
            self._connection.send(b"" if pull is None else pull.encode())

    async def _keep(self, came: Entries) -> bool:
        try:
            head = read_page(came, self._terms)
        except ContractError as error:
            raise RelayProtocolError(
                Fault.BAD_ENTRIES, "the partner's ledger breaks its own rules"
            ) from error
        try:
            await self._doors.work(
                self._doors.keeper.accept_partner, self._terms.id, came.entries, head
            )
        except KeeperError as error:
            # The partner's history contradicts itself, or our disk is full: exams go on.
            _log.error("the partner's ledger was not kept", link=self._terms.id, error=str(error))
            self.ledger_fault = error.message
            self._puller.not_kept()
            return False
        self.ledger_fault = ""
        self._puller.kept(head.n, has_more=came.has_more)
        return True

    async def _settle(self) -> None:
        """Bring what kept entries say into the spool, and make up for a crash between."""
        while True:
            after = self._memory.now.settled
            raws = await self._doors.work(
                self._doors.keeper.partner_entries, self._terms.id, after, SETTLE_AT_ONCE
            )
            if not raws:
                return
            entries = [read_entry(raw) for raw in raws]
            # First, so that nobody takes for delivered what a station has still to vouch for.
            commitments = commitments_of(entries)
            if commitments:
                await self._doors.work(self._doors.spool.note_far_commitments, commitments)
            settlements = settlements_of(entries)
            if settlements:
                await self._doors.work(self._doors.spool.settle, settlements)
            await self._doors.work(learn, self._doors.spool, self._terms.id, entries)
            await self._doors.work(self._memory.update, settled=entries[-1].n)


def by_exam(sent: Iterable[Sent]) -> list[tuple[str, list[Sent]]]:
    """Group objects by exam, in lots that one ledger entry can name."""
    exams: dict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        exams[each.offer.exam_id].append(each)
    return [
        (exam, some[start : start + SENT_OBJECTS_AN_ENTRY])
        for exam, some in exams.items()
        for start in range(0, len(some), SENT_OBJECTS_AN_ENTRY)
    ]


def read_page(came: Entries, terms: Terms) -> LedgerHead:
    """Check a page of the partner's ledger and give its head.

    Raises:
        ContractError: it does not hang together, follow the number asked for, or is not signed by
            the confirmed partner.
    """
    head = LedgerHead.read(came.head)
    first = read_entry(came.entries[0])
    if head.chain != link_chain(terms.link.partner, terms.id) or first.n != came.after + 1:
        raise MessageError("a page of another chain, or of another place in it")
    verify_page(came.entries, head, terms.partner_identity, after=came.after, after_hash=first.prev)
    return head


def offer_of(row: StoredObject, stream: int) -> Offer:
    """Write the offer of one object of the spool."""
    return Offer(
        stream=stream,
        name=row.name,
        size_bytes=row.size_bytes,
        klass=row.klass.value,
        kind=row.kind.value,
        exam_id=row.exam_id,
        instance_key=row.instance_key,
        digest=row.digest,
        arrive_by_ms=0 if row.arrive_by is None else int(row.arrive_by * 1000),
    )


def read_blocks(doors: Doors, wanted: list[Wanted]) -> list[tuple[Wanted, memoryview | str]]:
    """Read the next bytes of several objects; in a worker thread.

    Returns:
        Each with its bytes, or with why they cannot be read.
    """
    return [(each, _read_block(doors, each)) for each in wanted]


def _read_block(doors: Doors, wanted: Wanted) -> memoryview | str:
    try:
        with doors.spool.open(wanted.name) as file:
            file.seek(wanted.offset)
            block = file.read(wanted.length)
    except (OSError, SpoolError) as error:
        return f"unreadable ({type(error).__name__})"
    return memoryview(block) if len(block) == wanted.length else "unreadable (short)"
