"""Two boxes on loopback: real spools, real ledgers, real sockets; the keeper without its process.

`TwinKeeper` is the keeper's inside (ledger and key) without the socket; everything it gives and
refuses comes from the same code.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.canonical import canonical_json
from bocage_contract.configuration import DeliverRule, Link, Tunnel
from bocage_contract.destination import DicomDestination
from bocage_contract.errors import ContractError
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import Entry, EntryDraft, Head, draft, link_chain, read_entry
from bocage_contract.signing import to_be_signed
from bocage_edge.errors import KeeperError
from bocage_edge.keeper.client import PartnerLedgerError
from bocage_edge.keeper.permissions import COMMIT_TYPE
from bocage_edge.ledger.flush import flush
from bocage_edge.ledger.own import Addition, OwnLedger
from bocage_edge.ledger.partners import Partner, PartnerLedger
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.schedule import redial_delay_s
from bocage_edge.relay.service import LinkService
from bocage_edge.relay.terms import Terms
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState, OutgoingObject
from bocage_system.clock import SystemClock

LINK = "flers-vire"
HOSPITAL, PRACTICE, LINE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
PATIENCE_S = 30.0


class TwinKeeper:
    """A keeper's ledger and key, in this process."""

    def __init__(self, folder: Path, device: str, partner: str, key: Ed25519PrivateKey) -> None:
        self.device = device
        self.identity = key.public_key().public_bytes_raw()
        self._partner_device = partner
        self._key = key
        self._own = OwnLedger(folder / "own.db", key.sign)
        self._partners = PartnerLedger(folder / "partners.db")
        self.partner_identity = b""

    def close(self) -> None:
        """Let go of the databases."""
        self._own.close()
        self._partners.close()

    def append(self, source: str, entries: Sequence[tuple[int | str, str, EntryDraft]]) -> int:
        """Write entries."""
        return len(
            self._own.append(
                [
                    Addition(source, str(number), link_chain(self.device, chain), entry)
                    for number, chain, entry in entries
                ]
            )
        )

    def sign(self, purpose: str, digest: bytes) -> bytes:
        """Sign a digest."""
        return self._key.sign(to_be_signed(purpose, digest))

    def commit(
        self, link: str, epoch: int, number: int, verdicts: Sequence[tuple[str, str]]
    ) -> bytes:
        """Sign a commit."""
        payload = canonical_json(
            {
                "link": link,
                "epoch": epoch,
                "number": number,
                "verdicts": [list(verdict) for verdict in verdicts],
            }
        )
        return self._key.sign(to_be_signed(COMMIT_TYPE, payload))

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Give a page."""
        return self._own.page(chain, after, limit)

    def head_number(self, chain: str) -> int:
        """Give the last number."""
        return self._own.head(chain).n

    def partner_head_number(self, link: str) -> int:
        """Give the last number kept."""
        head = self._partners.head(self._partner(link))
        return 0 if head is None else head.n

    def accept_partner(self, link: str, entries: Sequence[bytes], head: Head) -> int:
        """Keep a page."""
        try:
            return self._partners.accept(self._partner(link), entries, head).n
        except KeeperError as error:
            if isinstance(error.__cause__, ContractError):
                raise PartnerLedgerError(error.message) from error
            raise

    def set_aside_partner(self, link: str) -> int:
        """Keep the partner's chain as evidence only."""
        held = self._partners.set_aside(self._partner(link))
        return 0 if held is None else held.n

    def partner_entries(self, link: str, after: int, limit: int) -> list[bytes]:
        """Give kept entries."""
        return self._partners.page(self._partner(link), after, limit)

    def _partner(self, link: str) -> Partner:
        return Partner(link, self._partner_device, self.partner_identity)


class TwinBox:
    """One box: its folders, spool, keeper, and what relay needs of its configuration."""

    def __init__(self, folder: Path, device: str, partner: str, seed: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "relay").mkdir(exist_ok=True)
        self.folder = folder
        self.device = device
        self.partner = partner
        self.key = Ed25519PrivateKey.from_private_bytes(
            hashlib.sha256((seed or device).encode()).digest()
        )
        self.clock = SystemClock()
        self.keeper = TwinKeeper(folder, device, partner, self.key)
        self.spool = Spool(folder / "spool", self.clock, unit="relay", reserve_bytes=1 << 20)
        self.arrived = asyncio.Event()
        self.progress = asyncio.Event()
        self.service: LinkService | None = None
        self.last_terms: Terms | None = None
        self._running: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._is_flush_wanted = False
        self.doors: Doors | None = None

    @property
    def identity(self) -> bytes:
        """Public identity key."""
        return self.keeper.identity

    def terms(self, partner: TwinBox, port: int, *, own: str, there: str) -> Terms:
        """Terms under which this box listens on `own` and dials `there`, both on loopback."""
        self.keeper.partner_identity = partner.identity
        link = Link(
            id=LINK,
            role="requesting",
            partner=partner.device,
            tunnel=Tunnel(address=own, partner_address=there, listen_port=51820, endpoint=None),
            relay_port=port,
            deliver=[DeliverRule(classes=None, destinations=["station"])],
        )
        return Terms(
            link=link,
            device=self.device,
            identity=self.identity,
            partner_identity=partner.identity,
            revision=1,
            destinations=(
                DicomDestination(
                    name="station", aet="STATION", host="127.0.0.1", port=104, calling_aet="BOCAGE"
                ),
            ),
        )

    def start(
        self, terms: Terms, redial_s: Callable[[int, float], float] = redial_delay_s
    ) -> LinkService:
        """Begin to serve the link."""
        self.last_terms = terms
        self.doors = Doors(
            self.spool, self.keeper, self.clock, on_outbox=self._flush, on_arrival=self.arrived.set
        )
        memory = MemoryFile(self.folder / "relay" / f"{LINK}.json")
        self.service = LinkService(terms, self.doors, memory, redial_s=redial_s)
        self._running = asyncio.create_task(self.service.run())
        return self.service

    async def stop(self) -> None:
        """End the service; the spool stays open."""
        if self.service is not None and self._running is not None and self.doors is not None:
            self.service.stop()
            await self._running
            if self._flushing is not None:
                await self._flushing
            self.doors.close()
        self.service = self._running = self._flushing = None

    def close(self) -> None:
        """Let go of spool and ledger."""
        self.spool.close()
        self.keeper.close()

    def _flush(self) -> None:
        self._is_flush_wanted = True
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_now())

    async def _flush_now(self) -> None:
        doors = self.doors
        if doors is None:
            return
        while self._is_flush_wanted:
            self._is_flush_wanted = False
            await doors.work(flush, self.spool, self.keeper)
            number = await doors.work(self.keeper.head_number, link_chain(self.device, LINK))
            if self.service is not None:
                self.service.tell_head(number)
            self.progress.set()

    def send(self, data: bytes, klass: ExamClass = ExamClass.ROUTINE, exam: str = "e" * 32) -> str:
        """Put an object of these bytes into the spool."""
        incoming = self.spool.incoming()
        incoming.write(data)
        digest = hashlib.sha256(b"inside" + data).hexdigest()
        return self.spool.accept_outgoing(
            incoming,
            OutgoingObject(
                link=LINK,
                klass=klass,
                kind=ObjectKind.INSTANCE,
                exam_id=exam,
                instance_key=digest[:32],
                digest=digest,
                content_digest=None,
                dataset_bytes=len(data),
                service="FLERS",
                received_at=self.clock.now(),
            ),
            [],
        )

    def states(self, direction: Direction) -> dict[ObjectState, int]:
        """Count this box's objects in one direction, by state."""
        counts: dict[ObjectState, int] = {}
        for each in self.spool.backlog():
            if each.direction is direction:
                counts[each.state] = counts.get(each.state, 0) + each.objects
        return counts

    def own_entries(self) -> list[Entry]:
        """Read the box's chain of the link."""
        found: list[Entry] = []
        while raws := self.keeper.entries(link_chain(self.device, LINK), len(found), 1000)[0]:
            found += [read_entry(raw) for raw in raws]
        return found

    def say_delivered(self, names: Sequence[str]) -> None:
        """Write what deliver would: that objects arrived at the station."""
        self.spool.record(
            LINK, [draft("delivered", self.clock.now(), object=name) for name in names]
        )
        self._flush()


class Line:
    """The line between two boxes: a forwarder that can be cut at a chosen byte.

    It listens on `LINE` and forwards to the practice; what the hospital dials goes through it.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._cuts: list[int] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.carried_bytes = 0  # from the hospital to the practice
        self.connections = 0
        self.hold_at: int | None = None  # then nothing goes on until `is_free` is set
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.answers_go = asyncio.Event()  # cleared: nothing comes back from the practice
        self.answers_go.set()

    def cut_at(self, *counts: int) -> None:
        """Cut the next connections, each after so many bytes from the hospital."""
        self._cuts += counts

    @property
    def cuts_left(self) -> int:
        """Cuts that have not happened yet."""
        return len(self._cuts)

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._forward, LINE, self._port)

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there_in, there_out = await asyncio.open_connection(PRACTICE, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there_out}
        limit = self._cuts[0] if self._cuts else None
        back = asyncio.create_task(_pump(there_in, writer, self.answers_go))
        self._tasks.add(back)
        try:
            await self._carry(reader, there_out, limit)
        except OSError:
            pass
        finally:
            for each in (writer, there_out):
                each.transport.abort()
            self._writers -= {writer, there_out}
            await back
            self._tasks.discard(back)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> None:
        carried = 0
        while data := await reader.read(65536):
            if self.hold_at is not None and self.carried_bytes >= self.hold_at:
                self.hold_at = None
                self.is_free.clear()
            await self.is_free.wait()
            if limit is not None and carried + len(data) >= limit:
                writer.write(data[: limit - carried])
                self.carried_bytes += limit - carried
                self._cuts.pop(0)
                await writer.drain()
                return
            carried += len(data)
            self.carried_bytes += len(data)
            writer.write(data)
            await writer.drain()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_go: asyncio.Event
) -> None:
    try:
        while data := await reader.read(65536):
            await may_go.wait()
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        writer.transport.abort()


def free_port() -> int:
    """Find a port that is free on all three loopback addresses of the tests."""
    with socket.socket() as probe:
        probe.bind((HOSPITAL, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def two_boxes(folder: Path) -> AsyncIterator[tuple[TwinBox, TwinBox, Line]]:
    """Give a hospital and a practice, served, with a line that can be cut; verified at the end."""
    port = free_port()
    hospital = TwinBox(folder / "hospital", "hospital", "practice")
    practice = TwinBox(folder / "practice", "practice", "hospital")
    line = Line(port)
    await line.open()
    hospital.start(hospital.terms(practice, port, own=HOSPITAL, there=LINE))
    practice.start(practice.terms(hospital, port, own=PRACTICE, there=HOSPITAL))
    try:
        yield hospital, practice, line
        assert hospital.spool.verify().is_sound
        assert practice.spool.verify().is_sound
    finally:
        await hospital.stop()
        await practice.stop()
        await line.close()
        hospital.close()
        practice.close()


async def until(condition: Callable[[], bool], box: TwinBox) -> None:
    """Wait until a condition holds; it is looked at after each step of the box's ledger."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            box.progress.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(box.progress.wait(), 0.1)
