"""The receiving side of a link in one process: real spool, real seals, real lanes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bocage_contract.destination import Destination, DicomDestination
from bocage_contract.exam_class import ExamClass
from bocage_edge.deliver.attempt import Remembered, Sender
from bocage_edge.deliver.echo import echo
from bocage_edge.deliver.forwarder import Forwarder, Setup
from bocage_edge.deliver.identifying import Identifying
from bocage_edge.deliver.lane import Lane, Report
from bocage_edge.deliver.letters import Hl7Sender
from bocage_edge.deliver.naming import Naming
from bocage_edge.deliver.opening import PoolCodec, SpoolOpener
from bocage_edge.deliver.reports_as_dicom import DicomSender
from bocage_edge.deliver.scu import Timeouts
from bocage_edge.deliver.vouching import Vouching
from bocage_edge.hl7.message import MEDIA_TYPE
from bocage_edge.particulars import seal_particulars
from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.document import seal_document
from bocage_edge.seal.keys import new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.syntax import EXPLICIT_LITTLE
from bocage_edge.seal.writer import InstanceWriter
from bocage_edge.spool.exams import DecidedExam, Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ArrivedObject, Delivery, Direction, OutgoingObject
from bocage_edge.spool.types import ObjectKind as SpoolKind
from tests.fakes.clock import FakeClock
from tests.fakes.instances import Instance

LINK = "flers-caen"
EXAM = "ab" * 16
LINK_KEY = bytes(range(32))
QUICK = Timeouts(connect_s=3.0, stall_s=2.0, response_s=3.0)
WAIT_S = 20.0


class Practice:
    """A box that objects have arrived at. Use as a context manager."""

    def __init__(self, root: Path, *destinations: Destination, **settings: Any) -> None:
        """Make an unlocked box with these destinations."""
        self.clock = FakeClock(settings.pop("now", 1_800_000_000.0))
        self.key = new_key()
        self.keys: tuple[str, ...] = (self.key.secret,)
        self.spool = Spool(root / "spool", self.clock, unit="deliver", reserve_bytes=0)
        self.pool = CodecPool(1)
        self.setup = Setup(
            {there.name: there for there in destinations}, reading_links=frozenset({LINK})
        )
        self.handed_over = 0
        self.timeouts = settings.pop("timeouts", QUICK)
        self.release_after_s = settings.pop("release_after_s", 5.0)
        link_key = settings.pop("link_key", lambda _link: LINK_KEY)
        self._rung = threading.Event()
        self._remembered: dict[str, Remembered] = {}
        self.forwarder = Forwarder(
            self.spool,
            self._open_lane,
            self._hand_over,
            draw=lambda: 0.0,
            wake=self._rung.set,
            naming=Naming(self.spool, link_key),
            identifying=Identifying(self.spool, lambda: self.keys, link_key),
            vouching=Vouching(lambda: self.key.recipient),
            echo_every_s=settings.pop("echo_every_s", 1e12),
        )

    def __enter__(self) -> Practice:
        """Give the box."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop the lanes; whatever a test did, the spool must be sound."""
        self.forwarder.close(self.clock.now, 10.0)
        self.pool.close()
        report = self.spool.verify()
        self.spool.close()
        assert report.is_sound, report

    def _open_lane(self, destination: Destination, report: Report) -> Lane:
        opener = SpoolOpener(self.spool, self.pool, lambda: self.keys)
        if not isinstance(destination, DicomDestination):
            letters = Hl7Sender(destination, opener, self.clock.now)
            return Lane(letters, letters.ask, report, release_after_s=self.release_after_s)
        known = self._remembered.setdefault(destination.name, Remembered())
        sender = Sender(destination, opener, PoolCodec(self.pool), known, self.timeouts)
        return Lane(
            DicomSender(sender, opener),
            lambda: echo(destination, self.timeouts),
            report,
            release_after_s=self.release_after_s,
        )

    def _hand_over(self) -> None:
        waiting = self.spool.pending_entries(1000)
        self.handed_over += len(waiting)

    def arrive(
        self,
        instance: Instance,
        destinations: Iterable[str] = ("pacs",),
        *,
        syntax: str = EXPLICIT_LITTLE,
        klass: ExamClass = ExamClass.ROUTINE,
        recipient: str | None = None,
        digest: str | None = None,
        damage: int | None = None,
        exam: str = EXAM,
        link: str = LINK,
    ) -> str:
        """Let an object arrive from the partner; gives its name.

        Args:
            digest: what the partner claims; the true one where not given.
            damage: flip a bit of the sealed bytes at this place (from the end if negative).
        """
        sealed = bytearray()
        header = Header(
            ObjectKind.INSTANCE,
            instance.sop_class,
            instance.sop_instance,
            syntax,
            "CR1",
            "FLERS",
            str(klass),
            1_800_000_000,
        )
        writer = InstanceWriter(sealed.extend, [recipient or self.key.recipient], header, self.pool)
        writer.write(instance.data_set)
        made = writer.finish()
        if damage is not None:
            sealed[damage] ^= 1
        key = hashlib.sha256(instance.sop_instance.encode()).hexdigest()[:32]
        what = (link, klass, SpoolKind.INSTANCE, exam, key, digest or made.digest)
        return self._take(bytes(sealed), what, destinations)

    def arrive_message(
        self,
        message: bytes,
        destinations: Iterable[str] = ("ris",),
        *,
        kind: SpoolKind = SpoolKind.REPORT,
        exam: str = EXAM,
        media_type: str = MEDIA_TYPE,
    ) -> str:
        """Let an HL7 message arrive from the partner; gives its object's name."""
        sealed = bytearray()
        key = hashlib.sha256(message).hexdigest()[:32]
        header = Header(
            ObjectKind(kind.value),
            "ORU^R01",
            key,
            media_type,
            "cabinet",
            "HL7",
            "report",
            1_800_000_000,
        )
        made = seal_document(sealed.extend, [self.key.recipient], header, message)
        klass = ExamClass.REPORT if kind is SpoolKind.REPORT else ExamClass.ROUTINE
        what = (LINK, klass, kind, exam, key, made.digest)
        return self._take(bytes(sealed), what, destinations)

    def _take(
        self,
        sealed: bytes,
        what: tuple[str, ExamClass, SpoolKind, str, str, str],
        destinations: Iterable[str],
    ) -> str:
        name = hashlib.sha256(sealed).hexdigest()
        part = self.spool.part(name)
        part.write(sealed)
        arrived = ArrivedObject(name, *what, len(sealed))
        self.spool.accept_arrived(part, arrived, list(destinations), [])
        return name

    def send(self, exam: str, noted: Mapping[int, bytes], recipient: str | None = None) -> None:
        """Let an exam start here, as receive does: its particulars lie sealed in the spool.

        Args:
            exam: its id; one that has particulars already keeps them.
            noted: what its first instance said, by tag.
            recipient: the box's own key, where it was another one then.
        """
        new = OutgoingObject(
            link=LINK,
            klass=ExamClass.ROUTINE,
            kind=SpoolKind.INSTANCE,
            exam_id=exam,
            instance_key=exam,
            digest=hashlib.sha256(exam.encode()).hexdigest(),
            content_digest=None,
            dataset_bytes=1,
            service="FLERS",
            received_at=self.clock.now(),
        )
        row = Exam(Direction.OUT, LINK, exam, ExamClass.ROUTINE, "FLERS", ExamState.ACCEPTED, 1.0)
        sealed = seal_particulars(noted, recipient or self.key.recipient)
        with self.spool.incoming() as incoming:
            incoming.write(exam.encode())
            self.spool.accept_outgoing(incoming, new, [], DecidedExam(lambda _: row, sealed))

    def run(self, *, steps: int = 10_000) -> None:
        """Step until nothing is due and no lane is busy; time stands still."""
        for _ in range(steps):
            self._rung.clear()
            self.forwarder.step(self.clock.now(), self.setup)
            if self.forwarder.is_idle and not self._due():
                return
            if not self.forwarder.is_idle:
                assert self._rung.wait(WAIT_S), "a lane does not report"
        raise AssertionError("it never comes to rest")

    def _due(self) -> list[Delivery]:
        if self.setup.locked is not None:
            return []
        return [
            each
            for each in self.spool.due_deliveries(self.clock.now(), 10)
            if each.destination in self.setup.destinations
        ]

    def kinds(self) -> list[str]:
        """List the kinds of the ledger entries that were made."""
        return [entry.draft.kind for entry in self.spool.pending_entries(100_000)]

    def body(self, kind: str) -> dict[str, Any]:
        """Give the body of the one entry of a kind."""
        (found,) = self.bodies(kind)
        return found

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Give the bodies of all entries of a kind, oldest first."""
        return [
            dict(entry.draft.body)
            for entry in self.spool.pending_entries(100_000)
            if entry.draft.kind == kind
        ]
