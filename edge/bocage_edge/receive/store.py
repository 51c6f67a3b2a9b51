"""One C-STORE: may it begin, is it what it says, have we had it before, is it safe.

    begin   UIDs, class, link ready, room            -> a writer that seals while it arrives
    end     whole, same identity as the command      -> the same again | changed | new
    accept  bytes, name, folder, row and ledger entry in the spool  -> only then success

Two associations that bring the same instance at the same moment take turns in `end`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.exam.identities import Document, Identities
from bocage_edge.exam.identity import class_key, exam_id, instance_key
from bocage_edge.exam.matching import Refused
from bocage_edge.exam.sameness import Different, Same, compare
from bocage_edge.exam.sop_class import named_sop_class
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.decision import Coming
from bocage_edge.receive.doors import StoreRequest
from bocage_edge.receive.exam_book import ExamBook, Ruling
from bocage_edge.receive.policy import Service
from bocage_edge.receive.report_book import Placed, ReportBook, Returned, names_for
from bocage_edge.receive.target import Target
from bocage_edge.receive.turns import Turns
from bocage_edge.spool.exams import DecidedExam
from bocage_edge.spool.incoming import IncomingFile
from bocage_edge.spool.outgoing import SameInstanceError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import (
    Direction,
    KnownInstance,
    ObjectKind,
    ObjectState,
    OutgoingObject,
)
from bocage_edge.spool.unmatched import HELD
from bocage_system.clock import Clock


@dataclass(frozen=True, slots=True)
class Sealed:
    """An instance that has been sealed and identified."""

    study_uid: str
    digest: str
    content_digest: str | None
    dataset_bytes: int
    modality: str | None = None
    is_companion: bool = False
    particulars: Mapping[int, bytes] = field(default_factory=dict)  # who it is of, by tag
    is_preliminary: bool = False
    # By what an exam or a report is known.
    identities: Identities = field(default_factory=Identities)
    document: Document = field(default_factory=Document)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where an instance came from and where it goes."""

    request: StoreRequest
    service: Service
    target: Target
    received_at: float  # Unix seconds


class Outcome(Protocol):
    """Hears how it went, for counters and alarms."""

    def __call__(self, word: str, link: str) -> None:
        """Count `received`, `same_again`, `raised`, `changed_content`, `report_held`."""


class Acceptance:
    """The end of a C-STORE: sameness and accept. Safe to use from any thread."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        ring_relay: Callable[[], None],
        count: Outcome,
        exams: ExamBook,
        reports: ReportBook,
    ) -> None:
        """Hold the parts.

        Args:
            ring_relay: tells the relay that there is something to send.
            exams: decides whether an exam may be taken.
            reports: finds the exam of what comes back.
        """
        self._spool = spool
        self._clock = clock
        self._ring_relay = ring_relay
        self._count = count
        self._exams = exams
        self._reports = reports
        self._turns = Turns()

    def accept(self, arrival: Arrival, incoming: IncomingFile, sealed: Sealed) -> Answer:
        """Make one instance durable, or know it again; `incoming` is used up.

        Returns:
            STORED, or why the convention does not let it in, or of whom else it is.

        Raises:
            OSError: the medium refused.
            SpoolError: the spool did.
        """
        key = instance_key(arrival.target.link_key, arrival.request.command.sop_instance)
        coming = _coming(arrival, sealed)
        try:
            with (
                self._turns.of(f"{arrival.target.link}/{key}"),
                self._exams.judged(arrival.target.versions, coming) as ruling,
            ):
                if ruling.refusal is not None:
                    return ruling.refusal
                answer = self._accept_in_turn(arrival, incoming, sealed, key, ruling)
        finally:
            incoming.discard()
        if not answer.is_success:
            return answer
        self._exams.touch(id(arrival.request.admitted), coming)
        self._ring_relay()
        return Answer.STORED

    def _accept_in_turn(
        self, arrival: Arrival, incoming: IncomingFile, sealed: Sealed, key: str, ruling: Ruling
    ) -> Answer:
        known = self._spool.known_instances(arrival.target.link, key)
        # One the partner refused is no reason not to try again.
        known.sort(key=lambda each: not each.is_on_the_way_or_done)
        found = compare(sealed.digest, sealed.content_digest, known)
        if isinstance(found, Same) and found.known.is_on_the_way_or_done:
            self._same_again(arrival, sealed, key, found.known, ruling)
            return Answer.STORED
        placed = self._place(arrival, sealed)
        if isinstance(placed, Answer):
            return placed
        kind = "changed_content" if found is Different.CHANGED else "received"
        try:
            self._accept_new(arrival, incoming, sealed, key, kind, ruling, placed)
        except SameInstanceError:
            # Another process would have to bring it; the next time it is known.
            self._count("same_again", arrival.target.link)
            self._change_exam(arrival, sealed, ruling)
        return Answer.STORED

    def _place(self, arrival: Arrival, sealed: Sealed) -> Placed | Answer:
        """Say of which exam an instance is: its study's, unless it answers the partner's."""
        if arrival.service.exam_class is not ExamClass.REPORT:
            return Placed(exam_id(arrival.target.link_key, sealed.study_uid), None)
        came = _returned(arrival, sealed)
        placed = self._reports.place(arrival.target, came)
        if isinstance(placed, Refused):
            self._reports.note_refusal(arrival.target, came, placed)
            return Answer.OTHER_PATIENT
        return placed

    def _accept_new(
        self,
        arrival: Arrival,
        incoming: IncomingFile,
        sealed: Sealed,
        key: str,
        kind: str,
        ruling: Ruling,
        placed: Placed,
    ) -> None:
        exam, report, doubt = placed.exam_id, placed.report, placed.doubt
        name = incoming.finish()
        entry = self._entry(kind, arrival, sealed, exam, key, name, incoming.size)
        new = OutgoingObject(
            link=arrival.target.link,
            klass=min(arrival.service.exam_class, ruling.klass, key=lambda each: each.rank),
            kind=ObjectKind.INSTANCE,
            exam_id=exam,
            instance_key=key,
            digest=sealed.digest,
            content_digest=sealed.content_digest,
            dataset_bytes=sealed.dataset_bytes,
            service=arrival.service.aet,
            received_at=arrival.received_at,
            arrive_by=ruling.arrive_by,
            held=ruling.held if doubt is None else HELD,
            report_state="" if report is None or doubt is not None else report.state,
            doubt=doubt,
            class_key=class_key(arrival.target.link_key, arrival.request.command.sop_class),
        )
        decided = _decided(arrival, sealed, ruling)
        entries = [*ruling.entries, entry, *placed.entries(name, self._clock.now())]
        self._spool.accept_outgoing(incoming, new, entries, decided)
        self._count(kind, arrival.target.link)
        if doubt is not None:
            self._count("report_held", arrival.target.link)
        elif report is not None:
            target = arrival.target
            self._exams.note_report(target.link, target.versions, exam, report.format)

    def _same_again(
        self, arrival: Arrival, sealed: Sealed, key: str, known: KnownInstance, ruling: Ruling
    ) -> None:
        exam = exam_id(arrival.target.link_key, sealed.study_uid)
        service = arrival.service
        entry = self._entry("same_again", arrival, sealed, exam, key, known.object, None)
        self._spool.again(known.object, [entry])
        self._count("same_again", arrival.target.link)
        is_done = known.state is ObjectState.RETIRED
        if not is_done and service.exam_class.rank < known.klass.rank:
            raised = self._entry("raised", arrival, sealed, exam, key, known.object, None)
            if self._spool.raise_class(known.object, service.exam_class, [raised]):
                self._count("raised", arrival.target.link)
        self._change_exam(arrival, sealed, ruling)

    def _change_exam(self, arrival: Arrival, sealed: Sealed, ruling: Ruling) -> None:
        if ruling.change is not None:
            target = arrival.target
            exam = exam_id(target.link_key, sealed.study_uid)
            self._spool.change_exam(Direction.OUT, target.link, exam, ruling.change, ruling.entries)

    def _entry(
        self,
        kind: str,
        arrival: Arrival,
        sealed: Sealed,
        exam: str,
        key: str,
        name: str,
        sealed_bytes: int | None,
    ) -> EntryDraft:
        body: dict[str, str | int | None] = {
            "exam_class": arrival.service.exam_class.value,
            "dataset_bytes": sealed.dataset_bytes,
            "digest": sealed.digest,
            "exam_id": exam,
            "from": arrival.request.admitted.calling_aet,
            "instance_key": key,
            "object": name,
            "service": arrival.service.aet,
            "sop_class": named_sop_class(arrival.request.command.sop_class),
        }
        if sealed_bytes is not None:
            body["sealed_bytes"] = sealed_bytes
        return draft(kind, self._clock.now(), **body)


def _decided(arrival: Arrival, sealed: Sealed, ruling: Ruling) -> DecidedExam | None:
    if ruling.change is None:
        return None
    # Both once an exam, with the instance that decided.
    is_first = ruling.particulars is not None
    names = names_for(arrival.target, sealed.identities).rows() if is_first else ()
    return DecidedExam(ruling.change, ruling.particulars, names)


def _returned(arrival: Arrival, sealed: Sealed) -> Returned:
    command = arrival.request.command
    return Returned(
        command.sop_class,
        command.sop_instance,
        sealed.study_uid,
        sealed.identities,
        sealed.document,
        sealed.is_preliminary,
        sealed.particulars,
    )


def _coming(arrival: Arrival, sealed: Sealed) -> Coming:
    return Coming(
        link=arrival.target.link,
        exam_id=exam_id(arrival.target.link_key, sealed.study_uid),
        service=arrival.service.aet,
        exam_class=arrival.service.exam_class,
        modality=sealed.modality,
        is_companion=sealed.is_companion,
        sop_class=arrival.request.command.sop_class,
        at=arrival.received_at,
        particulars=sealed.particulars,
    )


OpenWriter = Callable[[Callable[[bytes], None], Sequence[str], Arrival], "Writer"]


class Writer(Protocol):
    """Seals one data set as it comes; see `seal/writer.py`."""

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment.

        Raises:
            OSError, SpoolError: what the file under it raises.
            SealError: it cannot be sealed.
        """

    def finish(self) -> Sealed | Answer:
        """Seal the rest. Gives what the instance is, or why it cannot be taken."""

    def abort(self) -> None:
        """Give up."""
