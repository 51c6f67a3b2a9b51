"""The receive unit's process: its loop is dull, `Receiver.step` is tested.

bell, or a second gone -> look at configuration and confirmed partners, write down refusals,
hand ledger entries to the keeper, say how it stands
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bocage_contract.ledger import draft
from bocage_edge.configuration import InForce, load
from bocage_edge.errors import EdgeError
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import LedgerWriter, flush
from bocage_edge.paths import Box
from bocage_edge.receive.hl7_reception import Hl7Reception
from bocage_edge.receive.hl7_side import Hl7Side
from bocage_edge.receive.reception import SiteReception
from bocage_edge.receive.sealing import SealingWriter
from bocage_edge.receive.server import SiteServer
from bocage_edge.receive.store import OpenWriter
from bocage_edge.seal.pool import CodecPool
from bocage_edge.spool.store import BOX_CHAIN, Spool
from bocage_edge.status import write_status
from bocage_system import logs
from bocage_system.clock import Clock
from bocage_system.daemon import notify_ready, notify_watchdog
from bocage_system.kick import Kick, ring

UNIT = "receive"
LOOK_EVERY_S = 1.0
NO_CONFIGURATION_S = 2.0
FORGET_EVERY_S = 3600.0
FINISH_WITHIN_S = 20.0

_log = logs.get(UNIT)


def run(box: Box, stop: threading.Event) -> None:
    """Take what the site sends until `stop`; then finish what is being received.

    Raises:
        OSError: the run folder or the spool cannot be used.
        SpoolError: the spool's index cannot be opened.
    """
    # pydicom warns in texts that quote what it read; silenced loggers do not print them.
    logging.captureWarnings(True)
    clock = box.clock()
    spool = Spool(box.spool, clock, unit=UNIT)
    keeper = Keeper(box.keeper_socket)
    try:
        spool.sweep()
        with CodecPool() as pool, Kick(box.doorbell(UNIT)) as kick:
            writer = functools.partial(SealingWriter, pool)
            receiver = Receiver(box, spool, keeper, writer, clock)
            notify_ready()
            while not stop.is_set():
                wait_s = receiver.step()
                notify_watchdog()
                kick.wait(wait_s)
            receiver.close(FINISH_WITHIN_S)
    finally:
        keeper.close()
        spool.close()


class KeeperDoor(LedgerWriter, Protocol):
    """What this unit asks of the keeper."""

    def link_key(self, link: str) -> bytes:
        """Give the key that names the exams of a link."""


class Receiver:
    """The unit's parts, and one round of its loop."""

    def __init__(
        self, box: Box, spool: Spool, keeper: KeeperDoor, open_writer: OpenWriter, clock: Clock
    ) -> None:
        """Hold the parts; nothing listens before the first step finds a configuration."""
        self._box = box
        self._spool = spool
        self._keeper = keeper
        self._open_writer = open_writer
        self._clock = clock
        self._stamps: tuple[tuple[int, int] | None, ...] = ()
        self._reception: SiteReception | None = None
        self._server: SiteServer | None = None
        self._hl7: Hl7Side | None = None
        self._address: tuple[str, int] | None = None  # as configured
        self._revision = 0  # the last that the ledger knows of
        self._faults: dict[str, str] = {}
        self._forget_at = 0.0

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return None if self._server is None else self._server.port

    @property
    def hl7_port(self) -> int | None:
        """Where it listens for HL7; None while it does not."""
        return None if self._hl7 is None else self._hl7.port

    def step(self) -> float:
        """Do one round; gives the seconds after which the next is due, if nobody rings."""
        self._try("configuration", self._look)
        self._try("listening", self._listen)
        if self._hl7 is not None:
            self._try("HL7 listening", self._hl7.listen)
            # Before exams are found to lack a request.
            self._try("HL7", self._hl7.step)
        if self._reception is not None:
            self._try("refusals", self._reception.step)
        self._try("old rows", self._forget)
        self._try("ledger", self._flush)
        self._say()
        return LOOK_EVERY_S if self._server is not None else NO_CONFIGURATION_S

    def close(self, within_s: float) -> None:
        """Take no more associations, let those that receive finish, and write everything down.

        Args:
            within_s: associations that are open after this are aborted.
        """
        if self._hl7 is not None:
            self._hl7.stop_listening(within_s)
            self._try("HL7", self._hl7.close)
        if self._server is not None:
            self._server.close()
            self._server.end_associations(within_s)
        if self._reception is not None:
            self._try("refusals", self._reception.close)
        self._try("ledger", self._flush)
        self._say()

    def _look(self) -> None:
        """Take up a new configuration or newly confirmed partners.

        Raises:
            ConfigError: what is there cannot be used; the last good one stays in force.
        """
        stamps = tuple(_stamp(path) for path in (self._box.desired, self._box.pins, self._box.card))
        if stamps == self._stamps and "configuration" not in self._faults:
            return
        in_force = load(self._box)
        self._stamps = stamps
        if self._reception is None:
            self._reception = self._open_reception(in_force)
            self._hl7 = self._open_hl7(in_force, self._reception)
        else:
            self._reception.use(in_force)
            if self._hl7 is not None:
                self._hl7.use(in_force)
        receive = in_force.desired.receive
        self._address = (receive.address, receive.port)
        revision = in_force.desired.revision
        if revision == self._revision:
            return
        self._revision = revision
        _log.info("configuration in force", revision=revision)
        entry = draft("configuration", self._clock.now(), unit=UNIT, revision=revision)
        self._spool.record(BOX_CHAIN, [entry])

    def _open_reception(self, in_force: InForce) -> SiteReception:
        relay, deliver = self._box.doorbell("relay"), self._box.doorbell("deliver")
        return SiteReception(
            in_force,
            spool=self._spool,
            link_key=self._keeper.link_key,
            open_writer=self._open_writer,
            ring_relay=lambda: ring(relay),
            ring_deliver=lambda: ring(deliver),
            clock=self._clock,
        )

    def _open_hl7(self, in_force: InForce, reception: SiteReception) -> Hl7Side:
        bell = self._box.doorbell("relay")
        return Hl7Side(
            Hl7Reception(
                in_force,
                spool=self._spool,
                link_key=self._keeper.link_key,
                exams=reception.exams,
                ring_relay=lambda: ring(bell),
                clock=self._clock,
            )
        )

    def _listen(self) -> None:
        """Listen where the configuration says; open associations stay through a move.

        Raises:
            OSError: the address is not ours yet, or taken.
        """
        if self._reception is None or self._address is None:
            return
        if self._server is not None and self._server.address == self._address:
            return
        if self._server is not None:
            self._server.close()
            self._server = None
        self._server = SiteServer(self._address, self._reception)
        self._server.serve()
        _log.info("listening", address=self._address[0], port=self._server.port)

    def _forget(self) -> None:
        """Let go of what was kept for 13 months: a batch a round, then not for an hour."""
        now = self._clock.monotonic()
        if now >= self._forget_at and not self._spool.forget_old():
            self._forget_at = now + FORGET_EVERY_S

    def _flush(self) -> None:
        flush(self._spool, self._keeper)

    def _try(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (EdgeError, OSError) as error:
            text = f"{type(error).__name__}: {error}"
            if self._faults.get(what) != text:
                _log.warning("cannot go on with it now", what=what, error=text)
            self._faults[what] = text
        else:
            self._faults.pop(what, None)

    def _say(self) -> None:
        status = {} if self._reception is None else self._reception.status()
        status |= {"listening": self._server is not None, "faults": dict(self._faults)}
        if self._hl7 is not None:
            status |= {"hl7": self._hl7.status()}
        write_status(self._box, UNIT, self._clock.now(), status)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
