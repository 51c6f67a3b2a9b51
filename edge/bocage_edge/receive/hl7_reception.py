"""The HL7 side of the receive unit's mind: who may connect, and what becomes of each message.

Everything is asked from many threads; what changes stands behind one lock, and nothing slow is done
under it. Whatever a message is, it gets an answer, and what is refused is counted and written down.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bocage_contract.hl7_receive import Hl7Sender
from bocage_contract.ledger import draft
from bocage_edge.configuration import InForce
from bocage_edge.errors import SpoolError
from bocage_edge.hl7.acknowledgement import (
    Verdict,
    acknowledge,
    beginning_of,
    is_answer_wanted,
)
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Message, parse
from bocage_edge.hl7.reading import Request, UnsupportedError, read_message
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.exam_book import ExamBook
from bocage_edge.receive.hl7_answer import Hl7Answer, fault_text
from bocage_edge.receive.hl7_intake import Intake, Letter
from bocage_edge.receive.hl7_policy import Hl7Policy, Role, Unrouted, hl7_policy_of, route
from bocage_edge.receive.hl7_session import Session, SessionLimits
from bocage_edge.receive.policy import Reason
from bocage_edge.receive.refusals import Book, Folded, Tally
from bocage_edge.receive.request_book import RequestBook
from bocage_edge.receive.sink import answer_to
from bocage_edge.receive.target import NotReady, Targets
from bocage_edge.spool.store import BOX_CHAIN, Spool
from bocage_system import logs
from bocage_system.clock import Clock

_log = logs.get("receive")

# Ours. One at a time has its copies in memory while it is read and sealed.
LARGE_BYTES = 1024 * 1024
STANDING_EVERY_S = 30.0
_OF_CONNECTIONS = frozenset({Reason.ADDRESS_UNKNOWN.value, Reason.TOO_MANY.value})
_ANSWERS = {
    Answer.NO_ROOM: Hl7Answer.NO_ROOM,
    Answer.DISK_FAULT: Hl7Answer.DISK_FAULT,
    Answer.NOT_CONFIRMED: Hl7Answer.NOT_CONFIRMED,
    Answer.PARTNER_CHANGED: Hl7Answer.PARTNER_CHANGED,
    Answer.KEEPER_SILENT: Hl7Answer.KEEPER_SILENT,
    Answer.SERVICE_GONE: Hl7Answer.LINK_GONE,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the ledger keeps of a message or a connection that was not taken."""

    chain: str
    sender: str  # its name in the configuration, or "-"
    reason: str
    address: str


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer and its sentence."""

    answer: Hl7Answer
    text: str
    chain: str = BOX_CHAIN
    sender: str = "-"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _InForce:
    policy: Hl7Policy | None
    targets: Targets
    language: str
    own_recipient: str  # the box's own opening key


class Hl7Reception:
    """See the module. Implements `hl7_server.Hl7Door`."""

    def __init__(
        self,
        in_force: InForce,
        *,
        spool: Spool,
        link_key: Callable[[str], bytes],
        exams: ExamBook,
        ring_relay: Callable[[], None],
        clock: Clock,
        limits: SessionLimits | None = None,
    ) -> None:
        """Hold the parts.

        Args:
            link_key: asks the keeper for the key of a link.
            exams: those that start here; shared with the DICOM side.
            limits: None: by the configuration.
        """
        self._spool = spool
        self._link_key = link_key
        self._clock = clock
        self._limits = limits
        self._requests = RequestBook(spool, clock, exams, ring_relay)
        self._intake = Intake(
            spool,
            clock,
            exams,
            self._requests,
            own_recipient=lambda: self._now_in_force.own_recipient,
            ring_relay=ring_relay,
            count=self._count,
        )
        self._lock = threading.Lock()
        self._one_large = threading.Lock()
        self._connections: Counter[str] = Counter()
        self._tally = Tally()
        self._refused = Book[Refusal]()
        self._numbers = itertools.count(1)
        self._standing: dict[str, Any] = {}
        self._standing_at: float | None = None
        self._now_in_force = self._look(in_force)

    def use(self, in_force: InForce) -> None:
        """Work by another configuration from now on; open connections stay."""
        self._now_in_force = self._look(in_force)

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen; None: not at all."""
        policy = self._now_in_force.policy
        return None if policy is None else policy.address

    # The server's questions

    def may_connect(self, address: str) -> bool:
        """Whether one more connection from there gets a thread; if so it is counted."""
        policy = self._now_in_force.policy
        known = () if policy is None else policy.senders_at(address)
        if policy is None or not known:
            self._refuse(Refusal(BOX_CHAIN, "-", Reason.ADDRESS_UNKNOWN.value, address))
            return False
        # One system that leaves its connections open keeps no other out.
        share = policy.max_connections if len(policy.senders) == 1 else policy.max_connections // 2
        with self._lock:
            may = self._connections.total() < policy.max_connections
            may = may and self._connections[address] < max(1, share)
            if may:
                self._connections[address] += 1
        if not may:
            self._refuse(Refusal(BOX_CHAIN, known[0].name, Reason.TOO_MANY.value, address))
        return may

    def disconnected(self, address: str) -> None:
        """Count the connection no longer."""
        with self._lock:
            self._connections[address] -= 1
            if self._connections[address] <= 0:
                del self._connections[address]

    def session(self, address: str) -> Session:
        """Begin to listen to a connection."""
        policy = self._now_in_force.policy
        idle_s = float(policy.idle_timeout_s) if policy is not None else 0.0
        return Session(
            lambda raw: self._take(raw, address),
            lambda beginning, answer: self._refused_unread(beginning, answer, address),
            self._limits or SessionLimits(idle_s=idle_s),
            time.monotonic(),
        )

    def fault(self, where: str, error: Exception) -> None:
        """Note an error that has no better place to go. Its text may quote the peer: left out."""
        with self._lock:
            self._tally.add(f"fault: {where}")
        _log.warning("fault", what=where, detail=type(error).__name__)

    # The unit's round

    def step(self) -> None:
        """Bind requests whose exam has come, and write down the refusals that have gathered.

        Raises:
            SpoolError: the index failed; it is tried again.
        """
        now = self._clock.monotonic()
        with self._lock:
            folded = self._refused.due(now)
        self._record(folded)
        self._requests.step()
        if self._standing_at is None or now - self._standing_at >= STANDING_EVERY_S:
            policy = self._now_in_force.policy
            wait_s = 30 * 86_400.0 if policy is None else policy.wait_s
            self._standing = dict(self._requests.standing(wait_s))
            self._standing_at = now

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
        with self._lock:
            return {
                "connections": self._connections.total(),
                "counts": self._tally.as_dict(),
                "requests": self._standing,
            }

    # One message

    def _take(self, raw: bytes, address: str) -> bytes | None:
        """Take a message and give the answer; never raises."""
        message: Message | None = None
        try:
            if len(raw) <= LARGE_BYTES:
                message, told = self._judge(raw, address)
            else:
                with self._one_large:
                    message, told = self._judge(raw, address)
        except Exception as error:
            told = self._failed(error)
        if message is None:
            message = beginning_of(raw)
        self._note(told, address)
        verdict = told.answer.verdict
        if message is not None and not is_answer_wanted(message, verdict):
            return None
        return self._acknowledged(message, verdict, told.text)

    def _judge(self, raw: bytes, address: str) -> tuple[Message | None, _Told]:
        in_force = self._now_in_force
        language = in_force.language
        try:
            message = parse(raw)
        except Hl7Error as error:
            return None, _unreadable(error, language)
        policy = in_force.policy
        senders = () if policy is None else policy.senders_at(address)
        try:
            return message, self._route(message, raw, in_force, senders)
        except UnsupportedError:
            return message, self._say(Hl7Answer.UNSUPPORTED, language)
        except Hl7Error as error:
            return message, _unreadable(error, language)
        except Exception as error:
            return message, self._failed(error)

    def _route(
        self, message: Message, raw: bytes, in_force: _InForce, senders: tuple[Hl7Sender, ...]
    ) -> _Told:
        language, policy = in_force.language, in_force.policy
        said = read_message(message)
        if policy is None:
            return self._say(Hl7Answer.LINK_GONE, language)
        role: Role = "requesting" if isinstance(said, Request) else "reading"
        routed = route(policy, senders, message, role)
        if isinstance(routed, Unrouted):
            return self._say(routed.answer, language, routed.sender)
        target = in_force.targets.find(routed.link)
        if isinstance(target, NotReady):
            answer = _ANSWERS.get(target.answer, Hl7Answer.FAULT)
            text = answer.text(language, name=target.partner)
            return _Told(answer, text, routed.link, routed.sender)
        answer = self._intake.take(Letter(raw, said, routed.sender, target, self._clock.now()))
        return _Told(answer, answer.text(language), routed.link, routed.sender)

    def _failed(self, error: Exception) -> _Told:
        answer = _ANSWERS.get(answer_to(error), Hl7Answer.FAULT)
        if answer is not Hl7Answer.NO_ROOM:
            self.fault("taking a message", error)
        return self._say(answer, self._now_in_force.language)

    def _say(self, answer: Hl7Answer, language: str, sender: str = "") -> _Told:
        return _Told(answer, answer.text(language, name=sender), sender=sender or "-")

    def _refused_unread(self, beginning: bytes, answer: Hl7Answer, address: str) -> bytes:
        """Answer a message that is not there whole."""
        told = self._say(answer, self._now_in_force.language)
        self._note(told, address)
        return self._acknowledged(beginning_of(beginning), answer.verdict, told.text)

    def _acknowledged(self, message: Message | None, verdict: Verdict, text: str) -> bytes:
        now = self._clock.now()
        with self._lock:
            number = next(self._numbers)
        control_id = f"{int(now * 1000):x}-{number:x}"[-20:]
        return acknowledge(message, verdict, text, now=now, control_id=control_id)

    # Counting

    def _note(self, told: _Told, address: str) -> None:
        if not told.answer.is_success:
            reason = told.reason or told.answer.name.lower()
            self._refuse(Refusal(told.chain, told.sender, reason, address))

    def _count(self, word: str, link: str) -> None:
        with self._lock:
            self._tally.add(f"hl7 {word}")

    def _refuse(self, refusal: Refusal) -> None:
        with self._lock:
            self._tally.add(f"hl7 refused: {refusal.reason}")
            folded = self._refused.note(refusal, self._clock.monotonic())
        if folded is None:
            return
        try:
            self._record([folded])
        except SpoolError as error:
            # A refusal stands, with or without its entry; the counter has it.
            self.fault("recording a refusal", error)

    def _record(self, folded: list[Folded[Refusal]]) -> None:
        for each in folded:
            refusal = each.key
            body: dict[str, str | int] = {
                "scope": "connection" if refusal.reason in _OF_CONNECTIONS else "message",
                "from": refusal.sender,
                "service": "HL7",
                "reason": refusal.reason,
                "address": refusal.address,
                "count": each.count,
            }
            _log.warning("HL7 refused", **body)
            self._spool.record(refusal.chain, [draft("refused", self._clock.now(), **body)])

    def _look(self, in_force: InForce) -> _InForce:
        desired = in_force.desired
        return _InForce(
            hl7_policy_of(desired),
            Targets(in_force, self._link_key),
            desired.site.language,
            in_force.card.opening,
        )


def _unreadable(error: Hl7Error, language: str) -> _Told:
    return _Told(Hl7Answer.UNREADABLE, fault_text(error.message, language))
