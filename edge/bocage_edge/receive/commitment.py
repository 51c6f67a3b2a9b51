"""Storage commitment on the wire: requests of the site's AEs, and results of its stations.

A request becomes rows that deliver answers later; a result is brought to the objects it is about.

Success says that the request is on the disk, not that anything is committed. What it names is
sealed to the box's own opening key, which only deliver holds; the index gets keyed hashes. A data
set is gathered within bounds and read by a reader of its own, never by a data set parser.

Source: PS3.4 J.3.2, J.3.3; PS3.7 10.1.1, 10.1.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from bocage_contract.ledger import draft
from bocage_edge.exam.identity import class_key, instance_key, transaction_key
from bocage_edge.exam.references import (
    COMMITMENT_CLASS,
    COMMITMENT_INSTANCE,
    MAX_DATA_SET_BYTES,
    REQUEST_COMMITMENT,
    ReferencesError,
    TooManyReferencesError,
    read_request,
    read_result,
    transaction_digest,
    write_request,
)
from bocage_edge.own_seal import seal_for_ourselves
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.command import CommandField
from bocage_edge.receive.doors import NormalizedRequest, Sink
from bocage_edge.receive.policy import Admitted
from bocage_edge.receive.sink import RefusedSink, Say, Verdict, answer_to
from bocage_edge.receive.target import NotReady, Target, Targets
from bocage_edge.spool.commitments import CommitmentItem, NewCommitment, Taken
from bocage_edge.spool.station_commitments import StationOutcome
from bocage_edge.spool.store import Spool
from bocage_system.clock import Clock

_TAKEN = {
    Taken.NEW: Answer.STORED,
    Taken.AGAIN: Answer.STORED,
    Taken.CLASH: Answer.COMMITMENT_IN_USE,
    Taken.FULL: Answer.COMMITMENT_TOO_MANY,
}


class GatheringSink:
    """Gathers one data set within bounds, and acts on it when it is whole."""

    def __init__(
        self,
        act: Callable[[bytes], Answer],
        *,
        say: Say,
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        """Begin with nothing.

        Args:
            act: takes the data set; it is durable when this returns success.
        """
        self._act = act
        self._say = say
        self._on_fault = on_fault
        self._gathered = bytearray()
        self._is_too_large = False

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment, or swallow it where there are too many."""
        if self._is_too_large or len(self._gathered) + len(data) > MAX_DATA_SET_BYTES:
            self._is_too_large = True
            self._gathered.clear()
            return
        self._gathered += data

    def finish(self) -> Verdict:
        """Act on it, and say how it ended."""
        if self._is_too_large:
            return self._say(Answer.COMMITMENT_TOO_LARGE)
        try:
            answer = self._act(bytes(self._gathered))
        except Exception as error:
            # In the upper layer's thread, which must go on.
            self._on_fault("storage commitment", error)
            answer = answer_to(error)
        self.close()
        return self._say(answer)

    def close(self) -> None:
        """Let go of what was gathered."""
        self._gathered.clear()


class CommitmentIntake:
    """Takes requests for storage commitment. Safe to use from any thread."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        own_recipient: Callable[[], str],
        ring_deliver: Callable[[], None],
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        """Hold the parts.

        Args:
            own_recipient: gives the box's own opening key, `age1…`.
            ring_deliver: tells deliver that there is something to decide.
        """
        self._spool = spool
        self._clock = clock
        self._own_recipient = own_recipient
        self._ring_deliver = ring_deliver
        self._on_fault = on_fault

    def open(self, request: NormalizedRequest, targets: Targets, say: Say) -> Sink:
        """Begin to take a request; what cannot be taken gets a sink that says why."""
        fault = _fault_of(request)
        if fault is not None:
            return RefusedSink(say(fault))
        admitted, station = request.admitted, request.admitted.station
        if request.command.field == CommandField.N_EVENT_REPORT_RQ and station is not None:
            return GatheringSink(
                lambda raw: self._hear(request.transfer_syntax, station, targets.ready(), raw),
                say=say,
                on_fault=self._on_fault,
            )
        if not isinstance(admitted, Admitted):
            return RefusedSink(say(Answer.NO_COMMITMENT))
        target = targets.find(admitted.service.link)
        if isinstance(target, NotReady):
            return RefusedSink(say(Answer.COMMITMENT_NOT_NOW))
        return GatheringSink(
            lambda raw: self._take(request.transfer_syntax, admitted, target, raw),
            say=say,
            on_fault=self._on_fault,
        )

    def _take(self, syntax: str, admitted: Admitted, target: Target, raw: bytes) -> Answer:
        try:
            asked = read_request(raw, syntax)
        except TooManyReferencesError:
            return Answer.COMMITMENT_TOO_LARGE
        except ReferencesError:
            return Answer.COMMITMENT_UNREADABLE
        key = target.link_key
        items = [
            CommitmentItem(instance_key(key, each.sop_instance), class_key(key, each.sop_class))
            for each in asked.references
        ]
        new = NewCommitment(
            link=target.link,
            caller=admitted.calling_aet,
            service=admitted.service.aet,
            transaction_key=transaction_key(key, asked.transaction),
            request_digest=_digest_of(items),
            items=items,
            sealed=seal_for_ourselves(write_request(asked), self._own_recipient()),
        )
        entry = draft(
            "commitment_asked",
            self._clock.now(),
            transaction=new.transaction_key,
            service=new.service,
            instances=len(items),
            **{"from": new.caller},
        )
        answer = _TAKEN[self._spool.take_commitment(new, [entry])]
        self._ring_deliver()
        return answer

    def _hear(self, syntax: str, station: str, links: Sequence[Target], raw: bytes) -> Answer:
        """Bring a station's result to the objects it is about, on whichever link they came."""
        try:
            result = read_result(raw, syntax)
        except TooManyReferencesError:
            return Answer.COMMITMENT_TOO_LARGE
        except ReferencesError:
            return Answer.COMMITMENT_UNREADABLE
        failures: dict[str, int | None] = {each.sop_instance: None for each in result.committed}
        failures |= {each.sop_instance: reason for each, reason in result.failed}
        outcomes = [
            StationOutcome(target.link, instance_key(target.link_key, uid), failure)
            for target in links
            for uid, failure in failures.items()
        ]
        transaction = transaction_digest(result.transaction)
        answered = self._spool.station_answered(station, transaction, outcomes)
        return Answer.COMMITMENT_FOREIGN if answered is None else Answer.STORED


def _fault_of(request: NormalizedRequest) -> Answer | None:
    """Say why a request may not begin, by its command alone. Source: PS3.7 10.1.4.1.10."""
    command, admitted = request.command, request.admitted
    if request.abstract_syntax != COMMITMENT_CLASS or command.sop_class != COMMITMENT_CLASS:
        return Answer.NO_COMMITMENT
    if command.sop_instance != COMMITMENT_INSTANCE:
        return Answer.UNKNOWN_INSTANCE
    if command.field == CommandField.N_EVENT_REPORT_RQ:
        return None if admitted.station is not None else Answer.COMMITMENT_FOREIGN
    if not isinstance(admitted, Admitted) or not admitted.commits:
        return Answer.NO_COMMITMENT
    return None if command.type_id == REQUEST_COMMITMENT else Answer.UNKNOWN_ACTION


def _digest_of(items: list[CommitmentItem]) -> str:
    """Name what a request is about, in whatever order: 64 hex digits."""
    lines = sorted(f"{each.instance_key} {each.class_key}" for each in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
