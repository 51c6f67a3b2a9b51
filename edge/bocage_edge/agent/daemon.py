"""The agent's process: one thread, a round every few seconds, dull on purpose.

Its death stops no exam: nothing waits for it but the console.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from bocage_contract.canonical import canonical_json
from bocage_contract.configuration import Desired
from bocage_contract.errors import ContractError
from bocage_contract.fleet.events import Ack, Events
from bocage_contract.fleet.presence import Status
from bocage_contract.fleet.topics import Down, Up
from bocage_contract.ledger import Head
from bocage_contract.reach import ConsoleReach
from bocage_edge.agent import commands
from bocage_edge.agent.changes import Standing
from bocage_edge.agent.conditions import Seen, judge
from bocage_edge.agent.documents import lay_down
from bocage_edge.agent.machine import look_at_machine
from bocage_edge.agent.outbox import Outbox
from bocage_edge.agent.reporting import health_of, reported_of
from bocage_edge.agent.revisions import Revisions
from bocage_edge.agent.session import Session
from bocage_edge.agent.tail import read_on
from bocage_edge.agent.unlocking import Unlocking
from bocage_edge.boot import boot_id
from bocage_edge.configuration import Loader, load_card, load_keyset
from bocage_edge.errors import ConfigError, EdgeError
from bocage_edge.implementation import VERSION
from bocage_edge.keeper.client import Keeper
from bocage_edge.paths import Box
from bocage_edge.status import statuses_of, write_status
from bocage_system import logs
from bocage_system.clock import Clock
from bocage_system.daemon import notify_ready, notify_watchdog
from bocage_system.durable import read_limited
from bocage_system.kick import Kick, ring

UNIT = "agent"
ROUND_S = 2.0
HEALTH_EVERY_S = 10.0
IN_FLIGHT = 2000  # events the console has not acknowledged, in the hands of the broker
AGAIN_AFTER_S = 30.0  # without an acknowledgement, what waits is said again
_MAX_REACH_BYTES = 4096
_log = logs.get("agent")


def run(box: Box, stop: threading.Event) -> None:
    """Speak with the console until `stop`."""
    with Kick(box.doorbell(UNIT)) as bell:
        agent = Agent(box, box.clock())
        notify_ready()
        try:
            while not stop.is_set():
                agent.step()
                notify_watchdog()
                bell.wait(ROUND_S)
        finally:
            agent.close()


class Agent:
    """The unit's parts, and one round of its loop."""

    def __init__(self, box: Box, clock: Clock) -> None:
        """Open the outbox; nothing is said before the first step."""
        self._box = box
        self._clock = clock
        self._loader = Loader(box)
        self._keeper = Keeper(box.keeper_socket)
        self._outbox = Outbox(box.outbox_db, clock.now())
        self._standing = Standing()
        self._unlocking = Unlocking()
        self._boot = boot_id(box)
        self._session: Session | None = None
        self._session_number = 0
        self._broker = ""
        self._births = 0
        self._published = 0
        self._acknowledged_at = 0.0
        self._health_at = 0.0
        self._faults: dict[str, str] = {}
        self._heads: list[Head] = []
        self._revisions = Revisions()
        self._reported = b""

    def close(self) -> None:
        """Say nothing more."""
        if self._session is not None:
            self._session.close()
        self._keeper.close()
        self._outbox.close()

    def step(self) -> None:
        """Do one round; what cannot be done now is tried in the next."""
        now, ticks = self._clock.now(), self._clock.monotonic()
        desired = self._desired()
        statuses = statuses_of(self._box)
        self._try("ledger", lambda: self._tail(desired))
        self._try("conditions", lambda: self._judge(desired, statuses, now))
        self._try("session", lambda: self._connect(desired, now))
        self._try("unlock", lambda: self._unlock(desired, statuses, ticks))
        if self._session is not None:
            self._try("console", lambda: self._listen(now))
            if self._session.is_connected:
                self._try("telling", lambda: self._tell(desired, statuses, now, ticks))
        self._say(desired, now)

    def _desired(self) -> Desired | None:
        try:
            return self._loader.now().desired
        except ConfigError:
            return None

    def _tail(self, desired: Desired | None) -> None:
        links = [] if desired is None else [link.id for link in desired.links]
        self._heads = read_on(self._keeper, self._outbox, load_card(self._box).device, links)

    def _judge(
        self, desired: Desired | None, statuses: Mapping[str, Mapping[str, Any]], now: float
    ) -> None:
        seen = Seen(
            now=now,
            is_configured=desired is not None,
            statuses=statuses,
            keeper_answers="ledger" not in self._faults,
            machine=look_at_machine(self._box.state),
        )
        events = self._standing.look(judge(seen), now)
        if events:
            self._outbox.add(events)

    def _connect(self, desired: Desired | None, now: float) -> None:
        """Keep the session to the broker that holds.

        Raises:
            ConfigError: the box is not enrolled.
        """
        reach = self._reach(desired)
        if self._session is not None and reach.broker == self._broker:
            return
        if self._session is not None:
            self._session.close()
        self._session_number = self._outbox.next_session()
        will = self._status(desired, now, online=False)
        device = load_card(self._box).device
        bell = self._box.doorbell(UNIT)
        self._session = Session(self._box, device, reach.broker, will, lambda: ring(bell))
        self._broker, self._births = reach.broker, 0

    def _reach(self, desired: Desired | None) -> ConsoleReach:
        if desired is not None and desired.console is not None:
            return desired.console
        try:
            return ConsoleReach.read(read_limited(self._box.reach, _MAX_REACH_BYTES))
        except FileNotFoundError:
            raise ConfigError("the box is not enrolled", "run: bocage-edge enrol") from None
        except (OSError, ValueError, ContractError) as error:
            raise ConfigError("where the console is cannot be read", "enrol again") from error

    def _unlock(
        self, desired: Desired | None, statuses: Mapping[str, Mapping[str, Any]], ticks: float
    ) -> None:
        if not statuses.get("deliver", {}).get("locked"):
            self._unlocking.reset()
            return
        self._unlocking.step(self._box, self._reach(desired).gate, self._boot, ticks)

    def _listen(self, now: float) -> None:
        if self._session is None:
            return
        for heard in self._session.heard():
            match heard.leaf:
                case Down.ACK:
                    ack = Ack.read(heard.payload)
                    self._outbox.forget(ack.epoch, ack.committed)
                    self._acknowledged_at = self._clock.monotonic()
                case Down.DESIRED:
                    refused = lay_down(self._box, heard.payload, now)
                    if refused is not None:
                        self._outbox.add([refused])
                case Down.COMMAND:
                    commands.take(self._box, self._outbox, heard.payload, now)

    def _tell(
        self,
        desired: Desired | None,
        statuses: Mapping[str, Mapping[str, Any]],
        now: float,
        ticks: float,
    ) -> None:
        session = self._session
        if session is None:
            return
        if session.births != self._births:
            self._births, self._published, self._health_at = session.births, 0, 0.0
            self._reported = b""
            session.publish(Up.STATUS, self._status(desired, now, online=True))
        self._tell_events(session, ticks)
        self._report(session, desired, statuses, now)
        if now - self._health_at >= HEALTH_EVERY_S or now < self._health_at:
            self._health_at = now
            session.publish(Up.HEALTH, self._health(desired, statuses, now))

    def _report(
        self,
        session: Session,
        desired: Desired | None,
        statuses: Mapping[str, Mapping[str, Any]],
        now: float,
    ) -> None:
        """Say how the configuration stands, where that has changed; a session begins with it."""
        said = statuses.get("link", {}).get("configuration") or {}
        events = self._revisions.look(said, now)
        if events:
            self._outbox.add(events)
        reported = canonical_json(
            reported_of(
                said,
                load_card(self._box).identity_key,
                self._box.card.read_bytes(),
                in_force=0 if desired is None else desired.revision,
                keyset=self._keyset_version(),
                command=self._outbox.command,
                generations=_generations(desired),
            ).to_json()
        )
        if reported != self._reported:
            self._reported = reported
            session.publish(Up.REPORTED, reported)

    def _tell_events(self, session: Session, ticks: float) -> None:
        """Publish what has not been said in this session; all of it where no answer comes."""
        if self._outbox.waiting() and ticks - self._acknowledged_at > AGAIN_AFTER_S:
            self._published, self._acknowledged_at = 0, ticks
        self._published = max(self._published, self._outbox.acknowledged)
        while self._published < self._outbox.acknowledged + IN_FLIGHT and (
            pending := self._outbox.after(self._published)
        ):
            run = Events(epoch=self._outbox.epoch, events=pending)
            session.publish(Up.EVENTS, canonical_json(run.to_json()))
            self._published = pending[-1].seq

    def _status(self, desired: Desired | None, now: float, *, online: bool) -> bytes:
        status = Status(
            online=online,
            boot=self._boot,
            session=self._session_number,
            at=int(now),
            software=VERSION,
            revision=0 if desired is None else desired.revision,
            keyset=self._keyset_version(),
            outbox_epoch=self._outbox.epoch,
            last_event=self._outbox.last,
        )
        return canonical_json(status.to_json())

    def _health(
        self, desired: Desired | None, statuses: Mapping[str, Mapping[str, Any]], now: float
    ) -> bytes:
        health = health_of(
            statuses,
            look_at_machine(self._box.state),
            self._standing.conditions(),
            self._heads,
            boot=self._boot,
            now=now,
            revision=0 if desired is None else desired.revision,
            generations=_generations(desired),
        )
        return canonical_json(health.to_json())

    def _keyset_version(self) -> int:
        try:
            return load_keyset(self._box).version
        except ConfigError:
            return 0

    def _try(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (EdgeError, ContractError, OSError) as error:
            text = f"{type(error).__name__}: {error}"
            if self._faults.get(what) != text:
                _log.warning("cannot go on with it now", what=what, error=text)
            self._faults[what] = text
        else:
            self._faults.pop(what, None)

    def _say(self, desired: Desired | None, now: float) -> None:
        status = {
            "revision": 0 if desired is None else desired.revision,
            "connected": self._session is not None and self._session.is_connected,
            "broker": self._broker,
            "waiting_events": self._outbox.waiting(),
            "unlock_refused": self._unlocking.refused,
            "faults": dict(self._faults),
        }
        write_status(self._box, UNIT, now, status)


def _generations(desired: Desired | None) -> dict[str, int]:
    return {link.id: link.tunnel.generation for link in (desired.links if desired else ())}
