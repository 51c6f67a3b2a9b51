"""The deliver unit's process: its loop is dull, `Forwarder.step` is tested."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace

from bocage_contract.destination import Destination, DicomDestination
from bocage_edge.configuration import load
from bocage_edge.deliver.asking import Asking
from bocage_edge.deliver.attempt import Remembered, Sender
from bocage_edge.deliver.auditing import Auditing, AuditSetup, audit_setup
from bocage_edge.deliver.commitment_calls import ask, tell
from bocage_edge.deliver.committing import Committing
from bocage_edge.deliver.echo import echo
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.forwarder import Forwarder, Setup
from bocage_edge.deliver.gate_unlock import take_gate_secret, take_lock_wish
from bocage_edge.deliver.identifying import Identifying, LinkIdentifiers
from bocage_edge.deliver.lane import Lane, Report
from bocage_edge.deliver.letters import Hl7Sender
from bocage_edge.deliver.naming import Naming
from bocage_edge.deliver.opening import PoolCodec, SpoolOpener
from bocage_edge.deliver.reports_as_dicom import DicomSender
from bocage_edge.deliver.scu import Timeouts
from bocage_edge.deliver.unlocking import Locked, Unlocked, read_opening_keys
from bocage_edge.deliver.vouching import Vouching
from bocage_edge.errors import ConfigError
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import flush
from bocage_edge.paths import Box
from bocage_edge.seal.pool import CodecPool
from bocage_edge.spool.store import BOX_CHAIN, Spool
from bocage_edge.status import write_status
from bocage_system import logs
from bocage_system.daemon import notify_ready, notify_watchdog
from bocage_system.kick import Kick, ring

LOG = logs.get(__name__)

UNIT = "deliver"
CODEC_WORKERS = 1
STATUS_EVERY_S = 1.0
FINISH_WITHIN_S = 20.0
# An HL7 connection stays for the messages of a day; a listener that wants it back closes it.
KEEP_OPEN_S = 3600.0


class Readings:
    """What the unit reads anew before every step: configuration and opening keys."""

    def __init__(self, box: Box) -> None:
        """Read nothing yet."""
        self._box = box
        self._setup = Setup({}, faults=("no configuration yet",))
        self._stamp: tuple[int, int] | None = None
        self._keys: Unlocked | Locked = Locked("")
        self.audit: AuditSetup | None = None
        self.is_configured = False

    def identities(self) -> Sequence[str]:
        """Give the opening keys at hand; none where the box is locked."""
        keys = self._keys
        return keys.identities if isinstance(keys, Unlocked) else ()

    def own_recipient(self) -> str:
        """Give the box's own opening key, as its card has it."""
        return self._setup.own_recipient

    def read(self) -> Setup:
        """Look again; a configuration that cannot be used leaves the last good one in force."""
        self._keys = read_opening_keys(self._box.opening_key)
        self._read_configuration()
        locked = self._keys.reason if isinstance(self._keys, Locked) else None
        setup = self._setup
        return replace(setup, locked=locked, keys=len(self.identities()))

    def _read_configuration(self) -> None:
        try:
            status = self._box.desired.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            stamp = None
        if stamp is not None and stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            in_force = load(self._box)
        except ConfigError as error:
            self._setup = replace(self._setup, faults=(error.message,))
            return
        desired = in_force.desired
        self.audit, self.is_configured = audit_setup(in_force), True
        by_name: dict[str, Destination] = {there.name: there for there in desired.destinations}
        reading = {link.id: link for link in desired.links if link.role == "reading"}
        identifiers = {
            link.id: LinkIdentifiers(
                desired.device,
                link.partner,
                is_home=link.role == "requesting",
                coerce=link.coerce,
            )
            for link in desired.links
        }
        self._setup = Setup(
            by_name,
            revision=desired.revision,
            reading_links=frozenset(reading),
            reading=reading,
            identifiers=identifiers,
            own_recipient=in_force.card.opening,
            commitments={
                caller.aet: caller.commitment
                for caller in desired.receive.callers
                if caller.commitment is not None
            },
            desired=desired,
        )


def _commitment(
    spool: Spool, errands: Errands, readings: Readings, forwarder: Forwarder
) -> tuple[Committing, Asking]:
    """Make both sides of storage commitment: what we are asked, and what we ask."""

    def draw() -> float:
        return random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing

    keys, wait = readings.identities, forwarder.entries_wait
    return (
        Committing(spool, errands, keys, tell, draw=draw, entries_wait=wait),
        Asking(spool, errands, keys, ask, draw=draw, entries_wait=wait),
    )


def _heed_the_console(box: Box, spool: Spool, now: float) -> None:
    locked = take_lock_wish(box, now)
    if locked is not None:
        spool.record(BOX_CHAIN, [locked])
    brought = take_gate_secret(box, now)
    if brought is not None and brought.entry is not None:
        spool.record(BOX_CHAIN, [brought.entry])


def run(box: Box, stop: threading.Event) -> None:
    """Deliver until `stop`."""
    clock = box.clock()
    spool = Spool(box.spool, clock, unit=UNIT)
    readings = Readings(box)
    keeper = Keeper(box.keeper_socket)
    bell = box.doorbell(UNIT)
    telling = Keeper(box.keeper_socket)
    auditing = Auditing(spool, telling, readings.identities, clock, box.audit_certificate)
    with CodecPool(CODEC_WORKERS) as pool, Kick(bell) as kick, auditing:
        opener, codec = SpoolOpener(spool, pool, readings.identities), PoolCodec(pool)
        remembered: dict[str, Remembered] = {}

        def open_lane(destination: Destination, report: Report) -> Lane:
            if not isinstance(destination, DicomDestination):
                letters = Hl7Sender(destination, opener, clock.now)
                return Lane(letters, letters.ask, report, release_after_s=KEEP_OPEN_S)
            known = remembered.setdefault(destination.name, Remembered())
            sender = Sender(destination, opener, codec, known, Timeouts())
            return Lane(DicomSender(sender, opener), lambda: echo(destination), report)

        forwarder = Forwarder(
            spool,
            open_lane,
            lambda: flush(spool, keeper),
            draw=lambda: random.uniform(-1, 1),  # noqa: S311 - spreads load, guards nothing
            wake=lambda: ring(bell),
            naming=Naming(spool, keeper.link_key, auditing.heard),
            identifying=Identifying(spool, readings.identities, keeper.link_key),
            vouching=Vouching(readings.own_recipient),
        )
        errands = Errands(lambda: ring(bell))
        committing, asking = _commitment(spool, errands, readings, forwarder)
        notify_ready()
        said_at = 0.0
        while not stop.is_set():
            _heed_the_console(box, spool, clock.now())
            now, setup = clock.now(), readings.read()
            if readings.is_configured:
                auditing.use(readings.audit)
            wait_s = min(committing.step(now, setup), forwarder.step(now, setup))
            asking.step(now, setup)
            if abs(now - said_at) >= STATUS_EVERY_S:
                told = {"audit": auditing.status(), "commitment": committing.status()}
                told["vouching"] = asking.status()
                write_status(box, UNIT, now, forwarder.status(now, setup) | told)
                said_at = now
            notify_watchdog()
            kick.wait(wait_s)
        errands.join(FINISH_WITHIN_S / 4)
        forwarder.close(clock.now, FINISH_WITHIN_S)
    spool.close()
