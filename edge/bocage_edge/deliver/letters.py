"""HL7 messages to one listener: one connection that stays open, one message at a time.

A message counts as delivered once an acknowledgement says so that bears its own control id; what
was sent and not answered is unknown, and goes again under the same control id.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bocage_contract.destination import Hl7Destination
from bocage_contract.report_state import ReportState
from bocage_edge.deliver.answered import outcome_of_answer
from bocage_edge.deliver.attempt import OPENING_FAULTS, Attempt, Opened, Opener, Order, not_opened
from bocage_edge.deliver.coercion import IdentitiesHeldError
from bocage_edge.deliver.echo import EchoResult, echo
from bocage_edge.deliver.identifying import Own
from bocage_edge.deliver.mllp import UNREACHABLE, ConnectionLostError, MllpConnection, dial
from bocage_edge.deliver.outcome import Deferred, Delivered, Refused, Scope
from bocage_edge.exam.identities import Identities
from bocage_edge.hl7.acknowledgement import Answered, Verdict, acknowledge, read_answer
from bocage_edge.hl7.demographics import identities_of
from bocage_edge.hl7.errors import Hl7Error, UnwritableError
from bocage_edge.hl7.framing import END, LIMIT_BYTES
from bocage_edge.hl7.message import MEDIA_TYPE, Message, parse
from bocage_edge.hl7.outgoing import Manner, Outgoing, outgoing
from bocage_edge.hl7.reading import Report, read_message
from bocage_edge.hl7.writing import Route

# 32 MiB within it, on a line of 3 Mbit/s.
SEND_WITHIN_S = 120.0
# Messages on the connection that are no answer to ours, before we stop looking for one.
MAX_STRAY = 16
AS_IT_CAME = Own(None)
OVERTAKEN = "a later report of its exam was delivered before it"


class NotSentError(Exception):
    """A message goes nowhere, now or ever."""

    def __init__(self, outcome: Deferred | Refused) -> None:
        """Say why."""
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message ready to go, and what is to be told of it."""

    outgoing: Outgoing
    state: str  # of a report; empty: it is none
    is_unproven: bool
    identities: Identities  # as it came


class Hl7Sender:
    """What a lane drives towards an HL7 listener."""

    def __init__(
        self,
        destination: Hl7Destination,
        opener: Opener,
        now: Callable[[], float],
    ) -> None:
        """Make a sender; nothing is dialled yet.

        Args:
            now: Unix seconds.
        """
        self._destination = destination
        self._opener = opener
        self._now = now
        self._manner = manner_of(destination)
        self._connection: MllpConnection | None = None

    def deliver(self, order: Order) -> Attempt:
        """Make one attempt."""
        try:
            with self._opener(order.object, order.digest) as opened:
                letter = self._letter(whole(opened), order)
        except NotSentError as stop:
            return Attempt(stop.outcome, is_opened=True)
        except OPENING_FAULTS as fault:
            return not_opened(fault)
        attempt = self._send(letter.outgoing)
        return replace(
            attempt,
            is_opened=True,
            coerced=letter.outgoing.changed,
            is_unproven=letter.is_unproven,
            report_state=letter.state,
            identities=(letter.identities,) if order.listens else (),
        )

    def release(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    abort = release

    def ask(self) -> EchoResult:
        """Say whether the listener is there: where a connection stands, that is the answer."""
        if self._connection is not None and self._connection.is_quiet:
            return EchoResult(True, "", 0)
        return echo(self._destination)

    # -- what is sent

    def _letter(self, raw: bytes, order: Order) -> _Letter:
        try:
            message = parse(raw)
            state = state_of(message)
            if state == ReportState.PRELIMINARY and order.has_final:
                raise NotSentError(Refused(OVERTAKEN, Scope.INSTANCE))
            own = AS_IT_CAME if order.own is None else order.own(identities_of(message).study_uid)
            made = outgoing(message, self._manner, own.identities, own.coerce)
            if END in made.raw:
                raise Hl7Error("it holds the byte FS, which would end it early")
        except IdentitiesHeldError as fault:
            raise NotSentError(Deferred(str(fault), Scope.INSTANCE)) from None
        except UnwritableError:
            reason = f"a character of it is not in {self._manner.charset}, which its receiver takes"
            raise NotSentError(Refused(reason, Scope.INSTANCE)) from None
        except Hl7Error as fault:
            raise NotSentError(Refused(fault.message, Scope.INSTANCE)) from None
        return _Letter(made, state, own.is_unproven, identities_of(message))

    # -- on the wire

    def _send(self, letter: Outgoing) -> Attempt:
        was_open = self._connection is not None
        try:
            return self._exchange(letter)
        except ConnectionLostError as lost:
            self.release()
            if lost.is_sent or not was_open:
                return _untold(lost.reason)
        try:
            return self._exchange(letter)
        except ConnectionLostError as lost:
            self.release()
            return _untold(lost.reason)

    def _exchange(self, letter: Outgoing) -> Attempt:
        connection = self._at_hand()
        if connection is None:
            return Attempt(Deferred(UNREACHABLE, Scope.DESTINATION))
        connection.send(letter.raw, SEND_WITHIN_S)
        answered = self._answer(connection, letter, self._destination.answer_s)
        is_commit = answered is not None and answered.code.startswith("C")
        if answered is None:
            return self._unanswered("it did not acknowledge the message in time")
        if self._is_application_awaited and is_commit and answered.verdict is Verdict.ACCEPT:
            within_s = self._destination.application_answer_s
            answered = self._answer(connection, letter, within_s, of_application=True)
            if answered is None:
                return self._unanswered("its application did not acknowledge the message in time")
        outcome = outcome_of_answer(answered)
        acknowledged = answered.code if isinstance(outcome, Delivered) else ""
        return Attempt(outcome, is_told=True, sent_bytes=len(letter.raw), acknowledged=acknowledged)

    @property
    def _is_application_awaited(self) -> bool:
        return self._destination.application_acknowledgement

    def _at_hand(self) -> MllpConnection | None:
        """Give the connection, a new one where the old one ended or says what nobody asked."""
        if self._connection is not None and not self._connection.is_quiet:
            self.release()
        if self._connection is None:
            self._connection = dial(self._destination, self._destination.connect_s)
        return self._connection

    def _unanswered(self, reason: str) -> Attempt:
        # What comes on it later would be taken for the answer to the next message.
        self.release()
        return _untold(reason)

    def _answer(
        self,
        connection: MllpConnection,
        letter: Outgoing,
        within_s: float,
        *,
        of_application: bool = False,
    ) -> Answered | None:
        """Wait for the answer to one message; what is none, or another's, is passed over."""
        deadline = time.monotonic() + within_s
        for _ in range(MAX_STRAY):
            raw = connection.receive(deadline)
            if raw is None:
                return None
            try:
                answered = read_answer(raw)
            except Hl7Error:
                continue
            if answered.control_id != letter.control_id:
                continue
            if of_application:
                if answered.code.startswith("C"):
                    continue
                self._commit(connection, raw, answered)
            return answered
        return None

    def _commit(self, connection: MllpConnection, raw: bytes, answered: Answered) -> None:
        """Tell the application that its answer was taken, where it asks for that."""
        if answered.wants_answer:
            control_id = f"{answered.control_id[:18]}-C"
            taken = acknowledge(
                parse(raw), Verdict.ACCEPT, "", now=self._now(), control_id=control_id
            )
            # What it said stands, whether it hears of that or not.
            with contextlib.suppress(ConnectionLostError):
                connection.send(taken, self._destination.answer_s)


def manner_of(destination: Hl7Destination) -> Manner:
    """Say how a destination wants its messages."""
    is_enhanced = destination.acknowledgement == "enhanced"
    application = "AL" if destination.application_acknowledgement else "NE"
    return Manner(
        Route(
            destination.sending_application or "",
            destination.sending_facility or "",
            destination.receiving_application or "",
            destination.receiving_facility or "",
        ),
        destination.charset,
        destination.utf8_where_needed,
        accept="AL" if is_enhanced else "",
        application=application if is_enhanced else "",
    )


def whole(opened: Opened) -> bytes:
    """Read a message to its end, where its digest is proven.

    Raises:
        NotSentError: it is no HL7 message, or too large.
        CorruptObjectError, UnreadableError: as `Opened.dataset`.
    """
    if opened.is_instance or opened.transfer_syntax != MEDIA_TYPE:
        raise NotSentError(Refused("an HL7 listener takes HL7 messages only", Scope.INSTANCE))
    message = bytearray()
    for block in opened.dataset():
        message += block
        if len(message) > LIMIT_BYTES:
            raise NotSentError(Refused("it is larger than 32 MiB", Scope.INSTANCE))
    return bytes(message)


def state_of(message: Message) -> str:
    """Say what a report is to the ones before it; empty where it is none, or cannot be told."""
    try:
        said = read_message(message)
    except Hl7Error:
        return ""  # it was taken where it came from; its receiver may know better
    return said.state.value if isinstance(said, Report) else ""


def _untold(reason: str) -> Attempt:
    return Attempt(Deferred(reason, Scope.INSTANCE), is_untold=True)
