"""What a station is to be asked about an instance it has just been given."""

from __future__ import annotations

from collections.abc import Callable

from bocage_contract.destination import Destination, DicomDestination
from bocage_edge.deliver.attempt import Attempt
from bocage_edge.deliver.outcome import Delivered
from bocage_edge.exam.references import Reference, Request, write_request
from bocage_edge.own_seal import seal_for_ourselves
from bocage_edge.spool.station_commitments import ToCommit

# So that the instances of a study are asked about together.
ASK_AFTER_S = 10.0
# Where a transaction stands in a request; each is asked in one of its own, made when it is asked.
NO_TRANSACTION = "2.25.0"


class Vouching:
    """See the module."""

    def __init__(self, own_recipient: Callable[[], str]) -> None:
        """Hold the parts.

        Args:
            own_recipient: gives the box's own opening key, `age1…`.
        """
        self._own_recipient = own_recipient

    def wanted(
        self, destination: Destination | None, attempt: Attempt, now: float
    ) -> ToCommit | None:
        """Say what to ask the station afterwards; None: nothing.

        Args:
            destination: as it is configured; None: it is not any more.
        """
        if not isinstance(destination, DicomDestination) or not destination.commitment:
            return None
        if not isinstance(attempt.outcome, Delivered):
            return None
        reference = Reference(attempt.sop_class, attempt.sop_instance)
        named = write_request(Request(NO_TRANSACTION, (reference,)))
        sealed = seal_for_ourselves(named, self._own_recipient())
        return ToCommit(destination.name, sealed, now + ASK_AFTER_S)
