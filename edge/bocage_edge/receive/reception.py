"""The receive unit's mind: it holds the configuration in force and answers the associations.

Everything is asked from many threads; what changes stands behind one lock, and nothing slow is
done under it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bocage_contract.ledger import draft
from bocage_edge.configuration import InForce
from bocage_edge.errors import SpoolError
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.commitment import CommitmentIntake
from bocage_edge.receive.doors import NormalizedRequest, Sink, StoreRequest
from bocage_edge.receive.exam_book import ExamBook
from bocage_edge.receive.lobby import Lobby
from bocage_edge.receive.policy import (
    Admitted,
    Policy,
    Reason,
    Rejected,
    StationAdmitted,
    admit,
    policy_of,
)
from bocage_edge.receive.refusals import Book, Folded, Tally
from bocage_edge.receive.report_book import ReportBook
from bocage_edge.receive.sink import InstanceSink, RefusedSink, Verdict, answer_to
from bocage_edge.receive.store import Acceptance, Arrival, OpenWriter
from bocage_edge.receive.target import NotReady, Targets
from bocage_edge.receive.title import read_title, shown_title
from bocage_edge.receive.uid import is_conformant, uid_fault
from bocage_edge.spool.incoming import IncomingFile
from bocage_edge.spool.store import BOX_CHAIN, Spool
from bocage_system import logs
from bocage_system.clock import Clock

_log = logs.get("receive")


@dataclass(frozen=True, slots=True)
class RefusedAssociation:
    """What the ledger keeps of one; titles are already safe to show."""

    calling: str
    called: str
    address: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class RefusedInstance:
    """What the ledger keeps of an instance that was not taken."""

    link: str
    calling: str
    service: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the log that may come many times a second."""

    event: str  # "fault", "alarm", "not ready"
    what: str
    detail: str

    def log(self, count: int) -> None:
        """Write it."""
        write = _log.error if self.event == "alarm" else _log.warning
        write(self.event, what=self.what, detail=self.detail, count=count)


@dataclass(frozen=True, slots=True)
class _InForce:
    """One configuration, as the associations see it."""

    policy: Policy
    targets: Targets
    revision: int
    own_recipient: str  # the box's own opening key


class SiteReception:
    """See the module. Implements `doors.Reception`."""

    def __init__(
        self,
        in_force: InForce,
        *,
        spool: Spool,
        link_key: Callable[[str], bytes],
        open_writer: OpenWriter,
        ring_relay: Callable[[], None],
        ring_deliver: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Hold the parts.

        Args:
            link_key: asks the keeper for the key of a link.
            open_writer: begins to seal one instance.
            ring_relay: tells the relay that there is something to send.
            ring_deliver: tells deliver that storage commitment was asked for.
        """
        self._spool = spool
        self._link_key = link_key
        self._open_writer = open_writer
        self._clock = clock
        self._exams = ExamBook(spool, clock, lambda: self._now_in_force.own_recipient)
        self._reports = ReportBook(spool, clock, lambda: self._now_in_force.own_recipient)
        self._acceptance = Acceptance(
            spool, clock, ring_relay, self._count, self._exams, self._reports
        )
        self._commitments = CommitmentIntake(
            spool, clock, lambda: self._now_in_force.own_recipient, ring_deliver, self.fault
        )
        self._lock = threading.Lock()
        self._lobby = Lobby()
        self._open_associations = 0
        self._tally = Tally()
        self._refused = Book[RefusedAssociation | RefusedInstance]()
        self._said = Book[_Line]()
        self._last_alarm: dict[str, Any] | None = None
        self._now_in_force = self._look(in_force)

    @property
    def exams(self) -> ExamBook:
        """The exams that start here."""
        return self._exams

    def use(self, in_force: InForce) -> None:
        """Work by another configuration from now on; open associations stay."""
        self._now_in_force = self._look(in_force)

    @property
    def idle_timeout_s(self) -> int:
        """After how long without a PDU an association is aborted."""
        return self._now_in_force.policy.idle_timeout_s

    def may_connect(self, address: str) -> bool:
        """Whether one more connection from there gets a thread."""
        policy = self._now_in_force.policy
        with self._lock:
            may = self._lobby.enter(
                address,
                is_known=policy.knows_address(address),
                max_associations=policy.max_associations,
            )
        if not may:
            self._refuse(RefusedAssociation("-", "-", address, Reason.TOO_MANY))
        return may

    def disconnected(self, address: str) -> None:
        """Count the connection no longer."""
        with self._lock:
            self._lobby.leave(address)

    def admit(
        self, calling: bytes, called: bytes, address: str
    ) -> Admitted | StationAdmitted | Rejected:
        """Decide on an association, and note a refusal."""
        policy = self._now_in_force.policy
        verdict = admit(policy, read_title(calling), read_title(called), address)
        with self._lock:
            if not isinstance(verdict, Rejected):
                if self._open_associations >= policy.max_associations:
                    verdict = Rejected(Reason.TOO_MANY)
                else:
                    self._open_associations += 1
        if isinstance(verdict, Rejected):
            shown = shown_title(calling), shown_title(called)
            self._refuse(RefusedAssociation(*shown, address, verdict.reason))
        return verdict

    def over(self, admitted: Admitted | StationAdmitted) -> None:
        """Count the association no longer."""
        with self._lock:
            self._open_associations -= 1
        self._exams.over(id(admitted))

    def open(self, request: StoreRequest) -> Sink:
        """Begin to take an instance; what cannot be taken gets a sink that says why."""
        try:
            return self._open(request)
        except Exception as error:
            # We are in pynetdicom's thread, which would end with the association half open.
            self.fault("beginning an instance", error)
            return RefusedSink(self._say(request, Answer.FAULT, ""))

    def open_normalized(self, request: NormalizedRequest) -> Sink:
        """Begin to take what is no instance; what cannot be taken gets a sink that says why."""
        in_force = self._now_in_force

        def say(answer: Answer) -> Verdict:
            with self._lock:
                self._tally.add(f"storage commitment: {answer.name.lower()}")
            return answer, answer.comment(in_force.policy.language)

        try:
            return self._commitments.open(request, in_force.targets, say)
        except Exception as error:
            self.fault("beginning a message", error)
            return RefusedSink(say(Answer.FAULT))

    def fault(self, where: str, error: Exception) -> None:
        """Note an error that has no better place to go. Its text may quote the peer: left out."""
        self._say_once(f"fault: {where}", _Line("fault", where, type(error).__name__))

    def step(self) -> None:
        """Write down the refusals that have gathered; to be called every few seconds.

        Raises:
            SpoolError: the index failed.
        """
        now = self._clock.monotonic()
        with self._lock:
            folded, said = self._refused.due(now), self._said.due(now)
        for each in said:
            each.key.log(each.count)
        self._record(folded)
        in_force = self._now_in_force
        self._exams.settle_quiet(in_force.policy.quiet_s, in_force.policy.versions)
        self._reports.look()

    def close(self) -> None:
        """Write down everything that has gathered.

        Raises:
            SpoolError: the index failed.
        """
        with self._lock:
            folded = self._refused.rest()
        self._record(folded)

    def status(self) -> dict[str, Any]:
        """Give what the doctor and the desk are to see."""
        in_force = self._now_in_force
        with self._lock:
            return {
                "revision": in_force.revision,
                "associations": self._open_associations,
                "connections": self._lobby.connections,
                "counts": self._tally.as_dict(),
                "refusals_unlisted": self._refused.unlisted,
                "last_alarm": self._last_alarm,
                "alarms": [*self._exams.alarms(), *self._reports.alarms()],
            }

    def _look(self, in_force: InForce) -> _InForce:
        return _InForce(
            policy_of(in_force.desired),
            Targets(in_force, self._link_key),
            in_force.desired.revision,
            in_force.card.opening,
        )

    def _open(self, request: StoreRequest) -> Sink:
        in_force = self._now_in_force
        fault = _fault_of(request)
        if fault is not None:
            return RefusedSink(self._say(request, fault, ""))
        service = in_force.policy.services.get(request.admitted.service.aet)
        if service is None:
            return RefusedSink(self._say(request, Answer.SERVICE_GONE, ""))
        target = in_force.targets.find(service.link)
        if isinstance(target, NotReady):
            self._say_once("not ready", _Line("not ready", target.reason, service.link))
            if target.alarm:
                self._alarm(target.alarm, service.link)
            return RefusedSink(self._say(request, target.answer, target.partner))
        return self._begin(Arrival(request, service, target, self._clock.now()))

    def _begin(self, arrival: Arrival) -> Sink:
        def say(answer: Answer) -> Verdict:
            return self._say(arrival.request, answer, arrival.target.partner)

        incoming: IncomingFile | None = None
        try:
            incoming = self._spool.incoming()
            writer = self._open_writer(incoming.write, arrival.target.recipients, arrival)
        except Exception as error:
            # Whatever it was: the file must not be left, and the modality gets an answer.
            if incoming is not None:
                incoming.discard()
            self.fault("beginning an instance", error)
            return RefusedSink(say(answer_to(error)))
        return InstanceSink(
            arrival, incoming, writer, self._acceptance, say=say, on_fault=self.fault
        )

    def _say(self, request: StoreRequest, answer: Answer, partner: str) -> Verdict:
        comment = answer.comment(self._now_in_force.policy.language, partner=partner)
        if not answer.is_success:
            admitted = request.admitted
            self._refuse(
                RefusedInstance(
                    admitted.service.link, admitted.calling_aet, admitted.service.aet, answer
                )
            )
        elif not is_conformant(request.command.sop_instance):
            self._count("odd UID taken", request.admitted.service.link)
        return answer, comment

    def _refuse(self, refused: RefusedAssociation | RefusedInstance) -> None:
        word = (
            f"association refused: {refused.reason.value}"
            if isinstance(refused, RefusedAssociation)
            else f"instance refused: {refused.answer.name.lower()}"
        )
        with self._lock:
            self._tally.add(word)
            folded = self._refused.note(refused, self._clock.monotonic())
        if folded is None:
            return
        try:
            self._record([folded])
        except SpoolError as error:
            # A refusal stands, with or without its entry; the counter has it.
            self.fault("recording a refusal", error)

    def _record(self, folded: list[Folded[RefusedAssociation | RefusedInstance]]) -> None:
        for each in folded:
            refused, count = each.key, each.count
            if isinstance(refused, RefusedAssociation):
                self._record_association(refused, count)
            else:
                self._record_instance(refused, count)

    def _record_association(self, refused: RefusedAssociation, count: int) -> None:
        body: dict[str, str | int] = {
            "calling": refused.calling,
            "called": refused.called,
            "address": refused.address,
            "reason": refused.reason.value,
            "count": count,
        }
        _log.info("association refused", **body)
        entry = draft("association_refused", self._clock.now(), **body)
        self._spool.record(BOX_CHAIN, [entry])

    def _record_instance(self, refused: RefusedInstance, count: int) -> None:
        body: dict[str, str | int] = {
            "scope": "instance",
            "from": refused.calling,
            "service": refused.service,
            "reason": refused.answer.name.lower(),
            "count": count,
        }
        _log.warning("instance refused", link=refused.link, **body)
        entry = draft("refused", self._clock.now(), **body)
        self._spool.record(refused.link, [entry])

    def _count(self, word: str, link: str) -> None:
        with self._lock:
            self._tally.add(word)
        if word in ("changed_content", "report_held"):
            self._alarm(word, link)

    def _alarm(self, kind: str, link: str) -> None:
        with self._lock:
            self._last_alarm = {"at": self._clock.now(), "kind": kind, "link": link}
        self._say_once(f"alarm: {kind}", _Line("alarm", kind, link))

    def _say_once(self, word: str, line: _Line) -> None:
        """Count, and log what has not been logged within the minute."""
        with self._lock:
            self._tally.add(word)
            folded = self._said.note(line, self._clock.monotonic())
        if folded is not None:
            line.log(folded.count)


def _fault_of(request: StoreRequest) -> Answer | None:
    """Say why an instance may not begin, by its command alone."""
    command = request.command
    if uid_fault(command.sop_instance) is not None:
        return Answer.BAD_INSTANCE_UID
    if command.sop_class != request.abstract_syntax:
        return Answer.WRONG_CLASS
    return None
