"""The relay's process: one service a link, begun, changed and ended as the configuration says.

    bell (receive, deliver, keeper, agent) -> look at the configuration, wake the links, hand
    entries to the keeper, tell partners that our ledger has grown

Nothing here decides about exams. What is unexpected ends the process; its supervisor starts it
again and the spool says where it was.
"""

import asyncio
import contextlib
import resource
import threading
from dataclasses import dataclass
from typing import Any

from bocage_contract.exam_class import ExamClass
from bocage_edge.configuration import InForce, Loader
from bocage_edge.errors import ConfigError, EdgeError
from bocage_edge.exam.watch import Road
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import flush
from bocage_edge.paths import Box
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.report import Rates, report
from bocage_edge.relay.room import room_of
from bocage_edge.relay.service import LinkService
from bocage_edge.relay.terms import Blocked, Terms, terms_of
from bocage_edge.relay.watch import LinkWatch, Outlook
from bocage_edge.spool.store import Spool
from bocage_edge.status import write_status
from bocage_system import logs
from bocage_system.clock import Clock
from bocage_system.daemon import notify_ready, notify_watchdog
from bocage_system.kick import Kick, ring

# Chosen.
WATCH_EVERY_S = 1.0
COUNT_EVERY_S = 10.0  # what lies in the spool: a query over all of it
LOOK_EVERY_S = 2.0  # for rings that were lost, and for the status
OPEN_FILES = 4096
# Several rings, one look; several commits, one hand-over to the keeper. Neither holds up an object.
LOOK_SETTLE_S = 0.25
ENTRIES_SETTLE_S = 0.25
KEEPER_AGAIN_S = 0.5  # while it is away

_log = logs.get("relay")


def run(box: Box, stop: threading.Event) -> None:
    """Serve every link until `stop`.

    Raises:
        OSError: the run folder or the spool cannot be used.
        SpoolError: the spool's index cannot be opened.
    """
    _raise_file_limit()
    clock = box.clock()
    spool = Spool(box.spool, clock, unit="relay")
    signing, writing = Keeper(box.keeper_socket), Keeper(box.keeper_socket)
    try:
        spool.sweep()
        with Kick(box.doorbell("relay")) as kick:
            asyncio.run(serve_box(box, Parts(spool, signing, writing, clock), kick, stop))
    finally:
        signing.close()
        writing.close()
        spool.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a relay is built of.

    Args:
        signing: the keeper for what a connection waits for.
        writing: the keeper for entries, which wait for the disk: on a connection of its own.
    """

    spool: Spool
    signing: Keeper
    writing: Keeper
    clock: Clock


async def serve_box(box: Box, parts: Parts, kick: Kick, stop: threading.Event) -> None:
    """Serve every link until `stop`; see `run`."""
    relay = Relay(box, parts)
    loop = asyncio.get_running_loop()
    loop.add_reader(kick.fileno(), relay.on_ring, kick)
    waiting = threading.Thread(target=_tell_stop, args=(stop, loop, relay), daemon=True)
    waiting.start()
    try:
        await relay.run()
    finally:
        loop.remove_reader(kick.fileno())


def _tell_stop(stop: threading.Event, loop: asyncio.AbstractEventLoop, relay: "Relay") -> None:
    stop.wait()
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(relay.stop)


class Relay:
    """Every link of one box."""

    def __init__(self, box: Box, parts: Parts) -> None:
        self._box = box
        self._parts = parts
        self._loader = Loader(box)
        self._doors = Doors(
            parts.spool,
            parts.signing,
            parts.clock,
            on_outbox=self._entries_wait,
            on_arrival=lambda: ring(box.doorbell("deliver")),
        )
        self._services: dict[str, tuple[LinkService, asyncio.Task[None]]] = {}
        self._blocked: dict[str, Blocked] = {}
        self._memories: dict[str, MemoryFile] = {}
        self._fault = ""
        self._keeper_fault = ""
        self._entries_now = asyncio.Event()
        self._look_now = asyncio.Event()
        self._stopping = asyncio.Event()
        self._surprise: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rates = Rates()
        self._watches: dict[str, LinkWatch] = {}
        self._roles: dict[str, str] = {}
        self._watched_at = float("-inf")
        self._room: dict[str, Any] = {}
        self._counted_at = float("-inf")

    def on_ring(self, kick: Kick) -> None:
        """Somebody rang: look at everything."""
        kick.clear()
        for service, _ in self._services.values():
            service.ring()
        self._look_now.set()
        self._entries_now.set()

    def stop(self) -> None:
        """Finish what is in hand and come to an end."""
        self._stopping.set()
        self._look_now.set()
        self._entries_now.set()

    async def run(self) -> None:
        """Serve until `stop`.

        Raises:
            Exception: whatever was not expected.
        """
        duties = [asyncio.create_task(self._look_on()), asyncio.create_task(self._hand_over_on())]
        for duty in duties:
            duty.add_done_callback(self._watch)
        notify_ready()
        stopping = asyncio.create_task(self._stopping.wait())
        ends: list[asyncio.Future[Any]] = [stopping, self._surprise]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await self._stop_services(list(self._services))
            await asyncio.gather(*duties, stopping, return_exceptions=True)
            self._doors.close()
        if self._surprise.done():
            self._surprise.result()
        self._surprise.cancel()

    def _watch(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._surprise.done():
            self._surprise.set_exception(error)

    # Configuration

    async def _look_on(self) -> None:
        while not self._stopping.is_set():
            await self._reload()
            await self._keep_watch()
            await self._write_status()
            notify_watchdog()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_EVERY_S)
            await self._rest(LOOK_SETTLE_S)
            self._look_now.clear()

    async def _reload(self) -> None:
        try:
            in_force = await self._doors.work(self._loader.now)
        except ConfigError as error:
            # The last good one stays in force; a box without any serves no link.
            self._fault = str(error)
            return
        self._fault = ""
        await self._apply(in_force)

    async def _apply(self, in_force: InForce) -> None:
        self._roles = {link.id: link.role for link in in_force.desired.links}
        wanted = {link.id: terms_of(link, in_force) for link in in_force.desired.links}
        ending = [
            link
            for link, (service, _) in self._services.items()
            if service.terms.lasting != _lasting(wanted.get(link))
        ]
        await self._stop_services(ending)
        self._blocked = {
            link: terms for link, terms in wanted.items() if isinstance(terms, Blocked)
        }
        for link, terms in wanted.items():
            if isinstance(terms, Blocked):
                continue
            if link in self._services:
                self._services[link][0].renew(terms)
            else:
                self._start(terms)

    def _start(self, terms: Terms) -> None:
        if terms.id not in self._memories:
            self._memories[terms.id] = MemoryFile(self._box.state / "relay" / f"{terms.id}.json")
        service = LinkService(terms, self._doors, self._memories[terms.id])
        task = asyncio.create_task(service.run())
        task.add_done_callback(self._watch)
        self._services[terms.id] = service, task

    async def _stop_services(self, links: list[str]) -> None:
        ending = [self._services.pop(link) for link in links]
        for service, _ in ending:
            service.stop()
        await asyncio.gather(*(task for _, task in ending), return_exceptions=True)

    # Alarms

    async def _keep_watch(self) -> None:
        """Look at every configured link's exams, whether or not the link is served."""
        clock = self._parts.clock
        if clock.monotonic() - self._watched_at < WATCH_EVERY_S:
            return
        self._watched_at = clock.monotonic()
        for service, _ in self._services.values():
            service.renew(service.terms)  # the day may have come at which another version governs
        for link, role in self._roles.items():
            watch = self._watches.setdefault(link, LinkWatch(link))
            outlook = await self._doors.work(self._watch_one, watch, link, role, clock.now())
            if outlook.has_entries:
                self._entries_now.set()

    def _watch_one(self, watch: LinkWatch, link: str, role: str, now: float) -> Outlook:
        served = self._services.get(link)
        service = None if served is None else served[0]
        is_sender = role == "requesting"
        legs = None if service is None else service.legs
        leg = None if legs is None else legs.outgoing if is_sender else legs.incoming
        queued = self._parts.spool.queued_bytes(link) if is_sender else {}
        road = Road(
            down_since=watch.down_since(
                is_up=leg is not None and leg.connected_since is not None, now=now
            ),
            goodput_bytes_s=None if service is None else service.goodput.bytes_s or None,
            is_sender=is_sender,
            opens_at=None if service is None else service.windows.opens_at(now),
            urgent_bytes=sum(
                count for rank, count in queued.items() if rank < ExamClass.ROUTINE.rank
            ),
            ahead=service.ahead(now) if service and queued.get(ExamClass.ROUTINE.rank) else (),
        )
        return watch.look(self._parts.spool, road, now)

    # Ledger

    def _entries_wait(self) -> None:
        self._entries_now.set()

    async def _hand_over_on(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._entries_now.wait(), LOOK_EVERY_S)
            self._entries_now.clear()
            try:
                await self._hand_over()
            except EdgeError as error:
                # They wait in the spool; rings of the bell come with every object meanwhile.
                self._tell_keeper_fault(error.message)
                await asyncio.sleep(KEEPER_AGAIN_S)
                self._entries_now.set()
            else:
                self._tell_keeper_fault("")

    def _tell_keeper_fault(self, text: str) -> None:
        """Log that entries wait for the keeper, once for each time that they do."""
        if text and text != self._keeper_fault:
            _log.error("entries wait for the keeper", error=text)
        self._keeper_fault = text

    async def _hand_over(self) -> None:
        await self._doors.work(flush, self._parts.spool, self._parts.writing)
        for service, _ in list(self._services.values()):
            number = await self._doors.work(
                self._parts.writing.head_number, service.terms.own_chain
            )
            service.tell_head(number)
        await self._rest(ENTRIES_SETTLE_S)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # Status

    async def _write_status(self) -> None:
        now = self._parts.clock.now()
        services = [service for service, _ in self._services.values()]
        outlooks = {link: watch.outlook for link, watch in self._watches.items()}
        status = report(services, list(self._blocked.values()), self._rates, outlooks, now)
        if abs(now - self._counted_at) >= COUNT_EVERY_S:
            self._counted_at = now
            self._room = await self._doors.work(room_of, self._parts.spool, self._box.spool)
        said = {"fault": self._fault, "links": status, "spool": self._room}
        await self._doors.work(write_status, self._box, "relay", now, said)


def _lasting(terms: Terms | Blocked | None) -> object:
    return terms.lasting if isinstance(terms, Terms) else terms


def _raise_file_limit() -> None:
    # A part an object under way, a socket a partner; the default of 1024 is for programs that poll.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
