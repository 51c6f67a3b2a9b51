"""Storage commitment that the site's AEs asked for: decided by the ledgers, then told.

    waiting --all instances decided--> decided --N-EVENT-REPORT answered--> told

A request is decided whether or not the box is locked; the result names instances, and what was
asked lies sealed, so telling it waits for the opening key. Due moments are committed before an
attempt. Nobody gets a result that is not known: a request may wait for as long as its exam does.

Source: PS3.4 Annex J.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bocage_contract.commitment import Commitment as Configured
from bocage_contract.destination import DicomDestination
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.deliver.commitment_calls import Tell
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.forwarder import Setup
from bocage_edge.deliver.schedule import retry_delay_s
from bocage_edge.errors import SealError
from bocage_edge.exam.commitment import Carrier, Stand, look_again_s, verdict
from bocage_edge.exam.references import IMPLICIT_LITTLE, ReferencesError, Result, read_request
from bocage_edge.own_seal import open_our_own
from bocage_edge.spool.commitments import Commitment, CommitmentState, ItemSeen, ObjectOfItem
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectState
from bocage_system import logs

LOG = logs.get(__name__)

# A look at ten thousand instances takes an eighth of a second; lanes wait for it.
AT_A_TIME = 5
# Where a caller is not configured for it any more.
UNKNOWN_AFTER_S = 300
NOT_CONFIGURED = "its caller is not configured for storage commitment any more"
CANNOT_OPEN = "sealed to an opening key this box does not hold"
NOT_CONFIGURED_AGAIN_S = 300.0
GIVE_UP_AFTER_S = 7 * 86_400.0
# Afterwards its Transaction UID may be used again.
KEEP_ENDED_S = 30 * 86_400.0
TIDY_EVERY_S = 3600.0
LONGEST_WAIT_S = 5.0

_STANDS = {
    ObjectState.QUEUED: Stand.ON_THE_WAY,
    ObjectState.STORED: Stand.ON_THE_WAY,
    ObjectState.REFUSED: Stand.REFUSED,
}


class Committing:
    """See the module. For one thread."""

    def __init__(
        self,
        spool: Spool,
        errands: Errands,
        keys: Callable[[], Sequence[str]],
        tell: Tell,
        *,
        draw: Callable[[], float],
        entries_wait: Callable[[], None],
    ) -> None:
        """Hold the parts.

        Args:
            keys: gives the opening keys at hand.
            draw: jitter in [-1, 1].
            entries_wait: called when there is something for the ledger.
        """
        self._spool = spool
        self._errands = errands
        self._keys = keys
        self._tell = tell
        self._draw = draw
        self._entries_wait = entries_wait
        self._tidied_at = float("-inf")
        self._now = 0.0

    def step(self, now: float, setup: Setup) -> float:
        """Decide what can be decided, tell what can be told.

        Returns:
            Seconds until it is worth looking again, if nobody rings before.
        """
        self._now = now
        self._errands.take_in()
        for asked in self._spool.due_commitments(CommitmentState.WAITING, now, AT_A_TIME):
            self._decide(asked, now, setup)
        if setup.locked is None:
            for asked in self._spool.due_commitments(CommitmentState.DECIDED, now, AT_A_TIME):
                self._tell_one(asked, now, setup)
        if abs(now - self._tidied_at) >= TIDY_EVERY_S:
            self._tidied_at = now
            self._spool.forget_commitments(now - KEEP_ENDED_S)
        return self._wait_s(now, setup)

    def status(self) -> list[dict[str, Any]]:
        """Say what is open, for the doctor."""
        return [
            {
                "caller": each.caller,
                "state": each.state.value,
                "requests": each.requests,
                "oldest_at": each.oldest_at,
                "reason": each.reason,
            }
            for each in self._spool.commitment_backlog()
        ]

    def _decide(self, asked: Commitment, now: float, setup: Setup) -> None:
        configured = setup.commitments.get(asked.caller)
        unknown_after_s = UNKNOWN_AFTER_S if configured is None else configured.unknown_after_s
        waited_s = now - asked.asked_at
        failures = []
        for item in self._spool.items_of_commitment(asked.id):
            found = verdict(
                item.class_key,
                carriers_of(item),
                waited_s=waited_s,
                unknown_after_s=unknown_after_s,
            )
            if found is None:
                self._spool.look_again(asked.id, now + look_again_s(waited_s))
                return
            failures.append(found)
        self._spool.decide_commitment(asked.id, failures)

    def _tell_one(self, asked: Commitment, now: float, setup: Setup) -> None:
        configured = setup.commitments.get(asked.caller)
        if configured is None:
            self._spool.not_told(asked.id, now + NOT_CONFIGURED_AGAIN_S, NOT_CONFIGURED)
            return
        there = destination_of(asked, configured)
        if not self._errands.has_room(there):
            return
        result = self._result_of(asked)
        again_at = now + retry_delay_s(asked.attempts + 1, self._draw())
        if result is None:
            self._spool.not_told(asked.id, again_at, CANNOT_OPEN)
        elif self._spool.begin_telling(asked.id, again_at):
            call = self._tell
            self._errands.start(there, lambda: call(there, result), lambda it: self._end(asked, it))

    def _result_of(self, asked: Commitment) -> Result | None:
        sealed, failures = self._spool.result_of_commitment(asked.id)
        try:
            request = read_request(open_our_own(sealed, self._keys()), IMPLICIT_LITTLE)
        except (SealError, ReferencesError) as error:
            LOG.error("request cannot be opened", commitment=asked.id, error=type(error).__name__)
            return None
        outcomes = list(zip(request.references, failures, strict=True))
        return Result(
            request.transaction,
            tuple(reference for reference, failure in outcomes if not failure),
            tuple((reference, failure) for reference, failure in outcomes if failure),
        )

    def _end(self, asked: Commitment, reason: str | None) -> None:
        """Take in what an attempt to tell came to; None: it failed in an unforeseen way."""
        if reason == "":
            entries = [_entry(asked, self._now, is_told=True)]
            self._spool.end_commitment(asked, CommitmentState.TOLD, entries)
            self._entries_wait()
            return
        text = "internal fault" if reason is None else reason
        LOG.warning("result of storage commitment not taken", to=asked.caller, reason=text)
        if self._now - (asked.decided_at or self._now) >= GIVE_UP_AFTER_S:
            entries = [_entry(asked, self._now, is_told=False)]
            self._spool.end_commitment(asked, CommitmentState.GIVEN_UP, entries)
            self._entries_wait()
            return
        again_at = self._now + retry_delay_s(asked.attempts + 1, self._draw())
        self._spool.not_told(asked.id, again_at, text)

    def _wait_s(self, now: float, setup: Setup) -> float:
        states = [CommitmentState.WAITING]
        if setup.locked is None and self._errands.is_idle:
            states.append(CommitmentState.DECIDED)
        due_at = self._spool.next_commitment_at(states)
        return LONGEST_WAIT_S if due_at is None else min(max(due_at - now, 0.1), LONGEST_WAIT_S)


def carriers_of(item: ItemSeen) -> list[Carrier]:
    """Say where the objects stand that carry an instance."""
    return [
        Carrier(each.content_digest or each.digest, each.class_key, _stand_of(each))
        for each in item.objects
    ]


def destination_of(asked: Commitment, configured: Configured) -> DicomDestination:
    """Say where a result goes: we call by the AE title under which we were asked."""
    return DicomDestination(
        name="commitment",
        aet=configured.aet,
        host=configured.host,
        port=configured.port,
        calling_aet=asked.service,
    )


def _stand_of(carried: ObjectOfItem) -> Stand:
    if carried.is_lost:
        return Stand.GONE
    if carried.state is ObjectState.RETIRED:
        # By our rule it is retired by a verified `delivered` entry of the partner's, and by that
        # alone; where its station is asked to vouch for it, that is waited for too.
        return Stand.ON_THE_WAY if carried.is_awaited else Stand.DELIVERED
    return _STANDS.get(carried.state, Stand.GONE)


def _entry(asked: Commitment, now: float, *, is_told: bool) -> EntryDraft:
    return draft(
        "committed",
        now,
        transaction=asked.transaction_key,
        to=asked.caller,
        instances=asked.instances,
        failed=asked.failed,
        ok=not asked.failed,
        told=is_told,
    )
