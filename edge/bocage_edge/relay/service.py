"""One link in service: a listener for the partner's connection, a dialler for ours.

A `LinkService` lives as long as its terms. The partner's newest connection wins: where it dials
again while we still believe in the old one, the old one is ended first, so that no object has two
writers.
"""

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bocage_contract.ledger import draft
from bocage_edge.errors import EdgeError
from bocage_edge.exam.arrival import Stretch
from bocage_edge.relay.connection import Connection, ConnectionEndedError, Ending, tune
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.epochs import alarm_text
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.goodput import Goodput
from bocage_edge.relay.hello import Hello, Side
from bocage_edge.relay.inbound import InboundSession
from bocage_edge.relay.levelling import Levelling
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.outbound import OutboundSession
from bocage_edge.relay.pacing import Pacer
from bocage_edge.relay.road_ahead import Rules, stretches
from bocage_edge.relay.schedule import CONNECT_TIMEOUT_S, HOSTILE_DELAY_S, redial_delay_s
from bocage_edge.relay.session import cutting, shake_hands
from bocage_edge.relay.terms import Terms, plan_hello
from bocage_edge.relay.windows import TransferWindows, agreed_caps
from bocage_system import logs

# Chosen. Connections that have not proved who they are; the tunnel lets only the partner in.
STRANGERS_LIMIT = 8
LISTEN_AGAIN_S = 2.0
CUT_ENTRY_EVERY_S = 60.0
IPV6_FREEBIND = 78  # <linux/in6.h>; not in Python's socket module

_log = logs.get("relay")


@dataclass(slots=True)
class Leg:
    """How one direction of a link stands."""

    connected_since: float | None = None
    reason: str = "not connected yet"
    connections: int = 0
    cuts: int = 0  # connections we ended because the partner broke a rule
    last_cut: str = ""
    is_cut: bool = False  # the last connection ended so
    connection: Connection | None = None


@dataclass(slots=True)
class Legs:
    """Both directions of a link."""

    outgoing: Leg = field(default_factory=Leg)
    incoming: Leg = field(default_factory=Leg)


class LinkService:
    """Serves one link until it is stopped."""

    def __init__(
        self,
        terms: Terms,
        doors: Doors,
        memory: MemoryFile,
        *,
        redial_s: Callable[[int, float], float] = redial_delay_s,
    ) -> None:
        """Begin with no connection.

        Args:
            redial_s: seconds to wait before dialling again; as `schedule.redial_delay_s`.
        """
        self.terms = terms
        self._redial_s = redial_s
        self.legs = Legs()
        self._doors = doors
        self._memory = memory
        self._spent: dict[str, int] = {}
        self.pacer = Pacer()
        self.windows = TransferWindows(terms.conventions)
        self.goodput = Goodput(memory.now.goodput_bytes_s)
        self._stop = asyncio.Event()
        self._is_called = asyncio.Event()  # the partner is there: dialling need not wait
        self._strangers: set[Connection] = set()
        self._visits: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._levelling = Levelling(doors, memory)
        self.outbound: OutboundSession | None = None
        self.inbound: InboundSession | None = None
        self._cut_entry_at = 0.0
        self._newest: Connection | None = None
        self._surprise: BaseException | None = None
        self.renew(terms)

    async def run(self) -> None:
        """Serve until `stop`; whatever is unexpected passes on."""
        listening = asyncio.create_task(self._listen())
        try:
            await self._dial_on()
        finally:
            self.stop()
            await listening
        if self._surprise is not None:
            raise self._surprise

    def stop(self) -> None:
        """End both connections and come to an end."""
        self._stop.set()
        self._is_called.set()
        for connection in self._connections():
            connection.give_up("this box stops or has other terms now")

    def renew(self, terms: Terms) -> None:
        """Take on terms whose `lasting` is the same: a new revision, another cap, other windows."""
        self.terms = terms
        agreed = agreed_caps(terms.conventions, self._doors.clock.now())
        self.pacer.follow((terms.link.cap_mbit, terms.timezone), agreed)
        self.windows.follow(terms.conventions)

    def ahead(self, now: float) -> tuple[Stretch, ...]:
        """Say how the line will stand; nothing where its speed was never measured."""
        if not self.goodput.bytes_s:
            return ()
        terms = self.terms
        rules = Rules(terms.conventions, terms.link.cap_mbit, terms.timezone)
        return tuple(stretches(rules, self.goodput.bytes_s, now))

    def ring(self) -> None:
        """Something may be due: objects, or a partner that is there again."""
        if self.outbound is not None:
            self.outbound.ring()

    def tell_head(self, number: int) -> None:
        """Our chain of this link has entries up to this number."""
        if self.inbound is not None:
            self.inbound.tell_head(number)

    def _connections(self) -> list[Connection]:
        legs = (self.legs.outgoing.connection, self.legs.incoming.connection)
        return [each for each in (*legs, *self._strangers) if each is not None]

    # Dialling

    async def _dial_on(self) -> None:
        failures = 0
        leg = self.legs.outgoing
        while not self._stop.is_set():
            before = leg.connections
            self._is_called.clear()
            with _told(leg):
                await self._dial(leg)
            failures = 1 if leg.connections > before else failures + 1
            if leg.is_cut:
                await _pause(self._stop, HOSTILE_DELAY_S)
            else:
                # Who has just reached us can be reached: a box that comes back is met at once.
                delay_s = self._redial_s(failures, random.random())  # noqa: S311 (no secret)
                await _pause(self._is_called, delay_s)

    async def _dial(self, leg: Leg) -> None:
        leg.is_cut = False
        own = await self._own_hello("dialler")
        leg.connection = connection = await self._connect()
        try:
            with cutting(connection):
                partner = await shake_hands(connection, self.terms, self._doors, own)
                await self._opened(leg, own, partner)
                self.outbound = OutboundSession(
                    connection,
                    self.terms,
                    self._doors,
                    self._memory,
                    partner,
                    held=await self._doors.work(
                        self._doors.keeper.partner_head_number, self.terms.id
                    ),
                    wire_bytes=self._spent,
                    pacer=self.pacer,
                    goodput=self.goodput,
                    windows=self.windows,
                )
                await self.outbound.run()
        finally:
            self.outbound = None
            await connection.close()
            await self._ended(leg, connection)

    async def _connect(self) -> Connection:
        tunnel = self.terms.link.tunnel
        family = socket.AF_INET6 if ":" in tunnel.partner_address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        loop = asyncio.get_running_loop()
        try:
            tune(sock)
            sock.bind((tunnel.address, 0))
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.sock_connect(sock, (tunnel.partner_address, self.terms.link.relay_port))
        except BaseException:
            sock.close()
            raise
        _, connection = await loop.create_connection(Connection, sock=sock)
        return connection

    # Listening

    async def _listen(self) -> None:
        server = await self._serve_socket()
        if server is None:
            return
        async with server:
            await self._stop.wait()
        while self._visits:
            await asyncio.gather(*self._visits)

    async def _serve_socket(self) -> asyncio.Server | None:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            try:
                sock = listening_socket(self.terms.link.tunnel.address, self.terms.link.relay_port)
                return await loop.create_server(lambda: Connection(self._visited), sock=sock)
            except OSError as error:
                self.legs.incoming.reason = f"cannot listen: {error.strerror}"
            await _pause(self._stop, LISTEN_AGAIN_S)
        return None

    def _visited(self, connection: Connection) -> None:
        if len(self._strangers) >= STRANGERS_LIMIT or self._stop.is_set():
            connection.fail(RelayProtocolError(Fault.LIMIT, "too many connections at once"))
            return
        self._strangers.add(connection)
        visit = asyncio.create_task(self._welcome(connection))
        self._visits.add(visit)
        visit.add_done_callback(self._visit_ended)

    def _visit_ended(self, visit: asyncio.Task[None]) -> None:
        self._visits.discard(visit)
        error = None if visit.cancelled() else visit.exception()
        if error is not None:
            # Nothing that was expected: the process ends, and begins again by what the spool says.
            self._surprise = error
            self.stop()

    async def _welcome(self, connection: Connection) -> None:
        leg = self.legs.incoming
        try:
            with _told(leg), cutting(connection):
                own = await self._own_hello("listener")
                partner = await shake_hands(connection, self.terms, self._doors, own)
                connection.hold_frames()
                self._strangers.discard(connection)
                await self._take_over(connection, own, partner)
        finally:
            self._strangers.discard(connection)
            await connection.close()
            await self._ended(leg, connection)

    async def _take_over(self, connection: Connection, own: Hello, partner: Hello) -> None:
        if self._newest is not None:
            self._newest.fail(
                RelayProtocolError(Fault.SUPERSEDED, "the partner has connected anew")
            )
        self._newest = connection
        async with self._turn:
            if connection.ending is None:
                await self._receive(connection, own, partner)

    async def _receive(self, connection: Connection, own: Hello, partner: Hello) -> None:
        leg = self.legs.incoming
        leg.connection = connection
        try:
            await self._opened(leg, own, partner)
            self.inbound = InboundSession(
                connection,
                self.terms,
                self._doors,
                self._memory,
                partner=partner,
                head=own.ledger,
            )
            await self.inbound.run()
        finally:
            self.inbound = None

    # Both

    async def _own_hello(self, side: Side) -> Hello:
        ledger, partner_ledger = await self._doors.work(self._numbers)
        return plan_hello(
            self.terms,
            side,
            self._memory.now,
            nonce=secrets.token_bytes(32),
            ledger=ledger,
            partner_ledger=partner_ledger,
        )

    def _numbers(self) -> tuple[int, int]:
        keeper = self._doors.keeper
        held = keeper.partner_head_number(self.terms.id)
        # Under a new identity we hold nothing yet, but remember how far the partner was.
        return keeper.head_number(self.terms.own_chain), max(held, self._memory.now.settled)

    async def _opened(self, leg: Leg, own: Hello, partner: Hello) -> None:
        leg.connections += 1
        reason = await self._levelling.come_level(self.terms, own, partner)
        if reason:
            self._hang_up(reason)
            raise RelayProtocolError(Fault.CLOSING, reason)
        leg.connected_since = self._doors.clock.now()
        leg.reason = ""
        if leg is self.legs.outgoing:
            self._is_called.clear()
        else:
            self._called()

    def _called(self) -> None:
        """The partner has connected: dial without waiting, or ask after what we believe open."""
        outgoing = self.legs.outgoing.connection
        if outgoing is None or self.outbound is None:
            self._is_called.set()
        else:
            # Where the partner has begun anew, its kernel does not know this one and says so.
            outgoing.ping()

    def _hang_up(self, reason: str) -> None:
        for connection in (self.legs.outgoing.connection, self.legs.incoming.connection):
            if connection is not None:
                connection.give_up(reason)

    def alarm(self, now: float) -> str:
        """Say what an operator must know of the two boxes' memories; empty: nothing."""
        memory = self._memory.now
        return alarm_text(now, epoch_at=memory.epoch_at, partner_epoch_at=memory.partner_epoch_at)

    async def _ended(self, leg: Leg, connection: Connection) -> None:
        ending = connection.ending
        if leg.connection is connection:
            leg.connection = None
            leg.connected_since = None
        if ending is not None and leg.connected_since is None:
            leg.reason = ending.text
        if ending is not None and ending.is_hostile:
            leg.is_cut = True
            await self._enter_cut(leg, ending)
        elif ending is not None and ending.is_rejection:
            # The partner calls us a liar: two versions that do not fit. It is no use to hurry.
            leg.is_cut = True

    async def _enter_cut(self, leg: Leg, ending: Ending) -> None:
        """Count a cut partner; write it into the ledger, at most once a minute."""
        leg.cuts += 1
        leg.last_cut = ending.text
        _log.error("partner cut", link=self.terms.id, fault=ending.fault, text=ending.text)
        now = self._doors.clock.now()
        if now - self._cut_entry_at < CUT_ENTRY_EVERY_S:
            return
        self._cut_entry_at = now
        entry = draft(
            "partner_misbehaved",
            now,
            fault=ending.fault.name.lower() if ending.fault is not None else "",
            reason=ending.text,
            cuts=leg.cuts,
        )
        await self._doors.work(self._doors.spool.record, self.terms.id, [entry])
        self._doors.flush()


async def _pause(until: asyncio.Event, delay_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), delay_s)


@contextlib.contextmanager
def _told(leg: Leg) -> Iterator[None]:
    """Turn what ends a connection, or hinders one, into the leg's reason."""
    try:
        yield
    except ConnectionEndedError as error:
        leg.reason = error.ending.text
    except TimeoutError:
        leg.reason = "the partner's box does not answer"
    except OSError as error:
        leg.reason = f"cannot connect: {error.strerror or type(error).__name__}"
    except EdgeError as error:
        leg.reason = error.message


def listening_socket(address: str, port: int) -> socket.socket:
    """Open the port for the partner on our tunnel address, which need not be there yet.

    Raises:
        OSError: the port is taken, or the machine has no such protocol.

    Source: ip(7) IP_FREEBIND; Linux Documentation/networking/ip-sysctl, ipv6 freebind.
    """
    is_v6 = ":" in address
    sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        tune(sock)  # what a listening socket has, those it accepts inherit
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.setblocking(False)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock
