"""One message whose link is known: have we had it, which exam is it of, is it safe.

    again      same sender, control id and bytes  -> taken, no second object
    request    its exam is here and accepted      -> sealed, travels with it
               no exam, or none that is certain   -> sealed, waits (`request_book`)
               cancels one that waits             -> that one is kept back, nothing travels
    report     answers an exam that came here     -> sealed, travels back
               no certain exam                    -> sealed, held for a person
               the exam is another patient's      -> refused

Accepted only after bytes, name, folder, row and ledger entry are in the spool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.exam.identity import NO_EXAM, message_key
from bocage_edge.exam.matching import Held, Matched, Refused
from bocage_edge.hl7.message import MEDIA_TYPE
from bocage_edge.hl7.reading import Action, Report, Request
from bocage_edge.particulars import noted, seal_particulars
from bocage_edge.receive.exam_book import ExamBook
from bocage_edge.receive.hl7_answer import Hl7Answer
from bocage_edge.receive.report_book import match_report, names_for
from bocage_edge.receive.request_book import (
    Bound,
    RequestBook,
    request_entry,
    request_held,
    waiting_names,
)
from bocage_edge.receive.store import Outcome
from bocage_edge.receive.target import Target
from bocage_edge.receive.turns import Turns
from bocage_edge.seal.container import Header
from bocage_edge.seal.container import ObjectKind as SealedKind
from bocage_edge.seal.document import document_digest, seal_document
from bocage_edge.spool.exams import DecidedExam, Exam, ExamChange
from bocage_edge.spool.outgoing import SameInstanceError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Doubt, ObjectKind, OutgoingObject, Waiting
from bocage_edge.spool.unmatched import HELD
from bocage_system.clock import Clock

SERVICE = "HL7"
_REMEMBERED_REFUSALS = 4096
_ORDERS = frozenset({Action.NEW, Action.CHANGE})


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, whose it is and where it goes."""

    raw: bytes
    said: Request | Report
    sender: str
    target: Target
    at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a letter belongs: what the index and the ledger are to say of it."""

    kind: ObjectKind
    klass: ExamClass
    exam_id: str = NO_EXAM
    arrive_by: float | None = None
    held: str | None = None
    waiting: Waiting | None = None
    change: ExamChange | None = None
    report_state: str = ""
    doubt: Doubt | None = None


class Intake:
    """See the module. Safe to use from any thread."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        exams: ExamBook,
        requests: RequestBook,
        *,
        own_recipient: Callable[[], str],
        ring_relay: Callable[[], None],
        count: Outcome,
    ) -> None:
        """Hold the parts.

        Args:
            own_recipient: gives the box's own opening key, `age1…`.
            ring_relay: tells the relay that there is something to send.
        """
        self._own_recipient = own_recipient
        self._spool = spool
        self._clock = clock
        self._exams = exams
        self._requests = requests
        self._ring_relay = ring_relay
        self._count = count
        self._turns = Turns()
        self._refused: set[tuple[str, str, str]] = set()

    def take(self, letter: Letter) -> Hl7Answer:
        """Make one message durable, or know it again.

        Raises:
            OSError: the medium refused.
            SpoolError: the spool did.
        """
        key = message_key(letter.target.link_key, letter.sender, letter.said.control_id)
        with self._turns.of(f"{letter.target.link}/{key}"):
            if self._is_known(letter, key):
                return Hl7Answer.TAKEN
            if isinstance(letter.said, Request):
                return self._request(letter, letter.said, key)
            return self._report(letter, letter.said, key)

    def _is_known(self, letter: Letter, key: str) -> bool:
        digest = document_digest(_header(letter, key, ExamClass.ROUTINE), letter.raw)
        for known in self._spool.known_instances(letter.target.link, key):
            if known.digest == digest and known.is_on_the_way_or_done:
                again = draft(
                    "same_again",
                    self._clock.now(),
                    digest=digest,
                    instance_key=key,
                    object=known.object,
                    service=SERVICE,
                    **{"from": letter.sender},
                )
                self._spool.again(known.object, [again])
                self._count("same_again", letter.target.link)
                return True
        return False

    # Requests

    def _request(self, letter: Letter, said: Request, key: str) -> Hl7Answer:
        link = letter.target.link
        names = names_for(letter.target, said.identities)
        found = self._requests.find(link, names)
        if isinstance(found, Bound):
            with self._exams.turn(link, found.exam.exam_id):
                self._seal_bound(letter, said, key, found)
            if said.action in _ORDERS:
                self._exams.has_request(link, found.exam.exam_id)
            return Hl7Answer.TAKEN
        if said.action is Action.CANCEL:
            cancelled = self._requests.cancelled(link, names)
            entry = draft(
                "request_cancelled", letter.at, instance_key=key, objects=list(cancelled[:32])
            )
            self._spool.cancel_requests(link, cancelled, [entry])
            self._count("request_cancelled", link)
            return Hl7Answer.TAKEN
        waiting = Waiting(waiting_names(names), said.action in _ORDERS, letter.at)
        place = _Place(ObjectKind.REQUEST, ExamClass.ROUTINE, held=found.held, waiting=waiting)

        def entries(name: str, sealed: EntryDraft) -> list[EntryDraft]:
            waits = [replace_kind(sealed, "request_waits")]
            return [*waits, *([request_held(name, found, letter.at)] if found.reason else [])]

        name = self._accept(letter, key, place, entries)
        if name is not None:
            self._requests.look_again(name)
        self._count("request_held" if found.reason else "request_waits", link)
        return Hl7Answer.TAKEN

    def _seal_bound(self, letter: Letter, said: Request, key: str, found: Bound) -> None:
        # Within the exam's turn nobody raises it meanwhile.
        exam = self._exams.now(found.exam)
        place = _Place(
            ObjectKind.REQUEST,
            exam.klass,
            exam.exam_id,
            exam.arrive_by,
            change=_with_request(letter.at, exam) if said.action in _ORDERS else None,
        )
        bound = Bound(exam, found.by)
        self._accept(
            letter,
            key,
            place,
            lambda name, sealed: [sealed, request_entry(name, bound, letter.at)],
        )
        self._count("request", letter.target.link)

    # Reports

    def _report(self, letter: Letter, said: Report, key: str) -> Hl7Answer:
        link = letter.target.link
        found = match_report(self._spool, letter.target, said.identities)
        state, form = said.state.value, f"hl7-{said.event[:3].lower()}"
        if isinstance(found, Matched):
            place = _Place(ObjectKind.REPORT, ExamClass.REPORT, found.exam_id, report_state=state)
            by = found.by.value
            self._accept(
                letter,
                key,
                place,
                lambda name, sealed: [
                    sealed,
                    draft(
                        "report",
                        letter.at,
                        exam_id=found.exam_id,
                        object=name,
                        report_state=state,
                        format=form,
                        matched_by=by,
                    ),
                ],
            )
            self._exams.note_report(link, letter.target.versions, found.exam_id, form)
            self._count("report", link)
            return Hl7Answer.TAKEN
        if isinstance(found, Held):
            self._hold_report(letter, key, found, state, form)
            return Hl7Answer.TAKEN
        self._count("report_refused", link)
        self._refuse_report(letter, key, found)
        return Hl7Answer.PATIENT_CONTRADICTS

    def _refuse_report(self, letter: Letter, key: str, found: Refused) -> None:
        """Write it down, once for a message and an exam, however often it is sent."""
        refused = letter.target.link, key, found.exam_id
        if refused in self._refused:
            return
        body = {"exam_id": found.exam_id, "reason": found.reason, "from": letter.sender}
        self._spool.record(letter.target.link, [draft("report_refused", letter.at, **body)])
        if len(self._refused) >= _REMEMBERED_REFUSALS:
            self._refused.clear()
        self._refused.add(refused)

    def _hold_report(self, letter: Letter, key: str, found: Held, state: str, form: str) -> None:
        names = names_for(letter.target, letter.said.identities)
        doubt = Doubt(
            found.reason.value,
            state,
            form,
            names.rows(),
            names.exam_id,
            seal_particulars(noted(letter.said.identities), self._own_recipient()),
        )
        place = _Place(ObjectKind.REPORT, ExamClass.REPORT, held=HELD, doubt=doubt)
        self._accept(
            letter,
            key,
            place,
            lambda name, sealed: [
                sealed,
                draft("report_held", letter.at, object=name, reason=doubt.reason),
            ],
        )
        self._count("report_held", letter.target.link)

    # Sealing

    def _accept(
        self,
        letter: Letter,
        key: str,
        place: _Place,
        entries: Callable[[str, EntryDraft], Sequence[EntryDraft]],
    ) -> str | None:
        """Seal a message and make it durable.

        Args:
            entries: what the ledger is to say, of the object's name and its `received` entry.

        Returns:
            The object's name; None where the same was accepted a moment ago.
        """
        header = _header(letter, key, place.klass)
        incoming = self._spool.incoming()
        try:
            sealed = seal_document(incoming.write, letter.target.recipients, header, letter.raw)
            name = incoming.finish()
            new = OutgoingObject(
                link=letter.target.link,
                klass=place.klass,
                kind=place.kind,
                exam_id=place.exam_id,
                instance_key=key,
                digest=sealed.digest,
                content_digest=None,
                dataset_bytes=sealed.document_bytes,
                service=SERVICE,
                received_at=letter.at,
                arrive_by=place.arrive_by,
                held=place.held,
                report_state=place.report_state,
                waiting=place.waiting,
                doubt=place.doubt,
            )
            said = _received(letter, new, name, incoming.size)
            decided = None if place.change is None else DecidedExam(place.change)
            self._spool.accept_outgoing(incoming, new, entries(name, said), decided)
        except SameInstanceError:
            return None
        finally:
            incoming.discard()
        self._ring_relay()
        return name


def replace_kind(entry: EntryDraft, kind: str) -> EntryDraft:
    """Say the same under another word."""
    return entry.model_copy(update={"kind": kind})


def _received(letter: Letter, new: OutgoingObject, name: str, size: int) -> EntryDraft:
    body: dict[str, str | int] = {
        "document": new.kind.value,
        "exam_class": new.klass.value,
        "dataset_bytes": new.dataset_bytes,
        "digest": new.digest,
        "from": letter.sender,
        "instance_key": new.instance_key,
        "object": name,
        "sealed_bytes": size,
        "service": SERVICE,
    }
    if new.exam_id != NO_EXAM:
        body["exam_id"] = new.exam_id
    if isinstance(letter.said, Report):
        body |= {
            "report_state": letter.said.state.value,
            "format": f"hl7-{letter.said.event[:3].lower()}",
        }
    return draft("received", letter.at, **body)


def _header(letter: Letter, key: str, klass: ExamClass) -> Header:
    kind = SealedKind.REQUEST if isinstance(letter.said, Request) else SealedKind.REPORT
    return Header(
        kind=kind,
        sop_class=letter.said.event,
        sop_instance=key,
        transfer_syntax=MEDIA_TYPE,
        calling_aet=letter.sender,
        called_aet=SERVICE,
        service=klass.value,
        received_at=int(letter.at),
        study=letter.said.identities.study_uid or None,
    )


def _with_request(at: float, exam: Exam) -> ExamChange:
    def become(before: Exam | None) -> Exam:
        there = before or exam
        return there if there.request_at is not None else replace(there, request_at=at)

    return become
