"""Asking the site's stations whether they have safely what they were given.

    delivered, ten seconds later --N-ACTION--> asked --N-EVENT-REPORT--> committed | failed

The result is waited for on the same association for a while; one that comes later comes over an
association of the station's, to receive. A station that has not answered is asked again after a
day, one that did not take the question by the usual pauses; after a week it is given up, and the
ledger says that it never answered; so does one that is not to be asked any more. Delivery depends
on none of it.

Source: PS3.4 Annex J.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.commitment_calls import Ask, Asked
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.forwarder import Setup
from bocage_edge.deliver.schedule import retry_delay_s
from bocage_edge.errors import SealError
from bocage_edge.exam.references import (
    IMPLICIT_LITTLE,
    Reference,
    ReferencesError,
    Request,
    Result,
    read_request,
    transaction_digest,
)
from bocage_edge.own_seal import open_our_own
from bocage_edge.spool.station_commitments import StationCommitment, StationOutcome
from bocage_edge.spool.store import Spool
from bocage_system import logs

LOG = logs.get(__name__)

# In one transaction; stations have bounds of their own, and a lost one is asked again.
AT_ONCE = 500
ASK_AGAIN_S = 86_400.0
GIVE_UP_AFTER_S = 7 * 86_400.0
# As long as a digest of a delivered instance is kept.
KEEP_S = 396 * 86_400.0
TIDY_EVERY_S = 3600.0
_LOST_SHOWN = 8


class Asking:
    """See the module. For one thread."""

    def __init__(
        self,
        spool: Spool,
        errands: Errands,
        keys: Callable[[], Sequence[str]],
        ask: Ask,
        *,
        draw: Callable[[], float],
        entries_wait: Callable[[], None],
    ) -> None:
        """Hold the parts; see `Committing`, which takes in what errands come to."""
        self._spool = spool
        self._errands = errands
        self._keys = keys
        self._ask = ask
        self._draw = draw
        self._entries_wait = entries_wait
        self._faults: dict[str, str] = {}
        self._tidied_at = float("-inf")
        self._now = 0.0

    def step(self, now: float, setup: Setup) -> None:
        """Ask what is due."""
        self._now = now
        if setup.locked is None and setup.revision:
            for name in self._spool.stations_to_ask(now):
                self._ask_station(name, now, setup)
        if abs(now - self._tidied_at) >= TIDY_EVERY_S:
            self._tidied_at = now
            if self._spool.give_up_asking(now - GIVE_UP_AFTER_S):
                self._entries_wait()
            self._spool.forget_station_commitments(now - KEEP_S)

    def status(self) -> dict[str, Any]:
        """Say what stations owe and have lost, for the doctor."""
        return {
            "stations": [
                {
                    "destination": each.destination,
                    "state": each.state,
                    "objects": each.objects,
                    "oldest_at": each.oldest_at,
                    "reason": self._faults.get(each.destination, ""),
                }
                for each in self._spool.station_backlog()
            ],
            "lost_exams": self._spool.lost_exams(_LOST_SHOWN),
        }

    def _ask_station(self, name: str, now: float, setup: Setup) -> None:
        there = setup.destinations.get(name)
        peer = ("station", name)
        if not self._errands.has_room(peer):
            return
        if not isinstance(there, DicomDestination) or not there.commitment:
            # The sending site waits for no word that nobody will ask for any more.
            if self._spool.give_up_asking(now, name):
                self._entries_wait()
            return
        rows = self._spool.to_ask(name, now, AT_ONCE)
        opened = {each: reference for each in rows if (reference := self._named(each)) is not None}
        closed = [each.id for each in rows if each not in opened]
        if closed:
            self._spool.not_asked(closed, now + ASK_AGAIN_S)
        if not opened:
            return
        transaction = f"2.25.{uuid.uuid4().int}"
        references = tuple(dict.fromkeys(opened.values()))
        request = Request(transaction, references)
        ids = [each.id for each in opened]
        digest = transaction_digest(transaction)
        self._spool.begin_asking(ids, name, digest, now + ASK_AGAIN_S)
        call = self._ask
        self._errands.start(
            peer, lambda: call(there, request), lambda came: self._take(opened, request, name, came)
        )

    def _named(self, each: StationCommitment) -> Reference | None:
        try:
            named = read_request(open_our_own(each.sealed, self._keys()), IMPLICIT_LITTLE)
        except (SealError, ReferencesError) as error:
            LOG.error("cannot be asked about", object=each.object, error=type(error).__name__)
            return None
        return named.references[0]

    def _take(
        self,
        opened: dict[StationCommitment, Reference],
        request: Request,
        name: str,
        came: Asked | None,
    ) -> None:
        """Take in what asking came to; None: it failed in an unforeseen way."""
        reason = "internal fault" if came is None else came.reason
        if came is None or reason:
            LOG.warning("station was not asked for commitment", destination=name, reason=reason)
            self._faults[name] = reason
            attempts = 1 + max(each.attempts for each in opened)
            again_at = self._now + retry_delay_s(attempts, self._draw())
            self._spool.not_asked([each.id for each in opened], again_at)
            return
        self._faults.pop(name, None)
        if came.result is None or came.result.transaction != request.transaction:
            return  # it comes later, to receive
        outcomes = outcomes_of(came.result, opened)
        if self._spool.station_answered(name, transaction_digest(request.transaction), outcomes):
            self._entries_wait()


def outcomes_of(result: Result, asked: dict[StationCommitment, Reference]) -> list[StationOutcome]:
    """Bring a result to the objects it is about; of what it does not name nothing is said."""
    failures: dict[str, int | None] = {each.sop_instance: None for each in result.committed}
    # Named as both, it has failed.
    failures |= {each.sop_instance: reason for each, reason in result.failed}
    return [
        StationOutcome(each.link, each.instance_key, failures[reference.sop_instance])
        for each, reference in asked.items()
        if reference.sop_instance in failures
    ]
