"""What a lane drives towards a DICOM station: instances as they are, reports of HL7 made into some.

A report counts as delivered once the station has taken every instance that was made of it.
"""

from __future__ import annotations

from dataclasses import replace

from bocage_contract.report_state import ReportState
from bocage_edge.deliver.attempt import (
    OPENING_FAULTS,
    Attempt,
    Opened,
    Opener,
    Order,
    Sender,
    not_opened,
)
from bocage_edge.deliver.coercion import IdentitiesHeldError
from bocage_edge.deliver.letters import AS_IT_CAME, OVERTAKEN, NotSentError, whole
from bocage_edge.deliver.made import Made, instances_of
from bocage_edge.deliver.outcome import Deferred, Delivered, Refused, Scope
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import parse
from bocage_edge.hl7.reading import Report, read_message


class DicomSender:
    """Sends to one station; see the module."""

    def __init__(self, sender: Sender, opener: Opener) -> None:
        """Use a sender of instances for what is made as well."""
        self._sender = sender
        self._opener = opener

    def deliver(self, order: Order) -> Attempt:
        """Make one attempt."""
        if not order.is_message:
            return self._sender.deliver(order)
        try:
            with self._opener(order.object, order.digest) as opened:
                made, told = self._made(opened, order)
        except NotSentError as stop:
            return Attempt(stop.outcome, is_opened=True)
        except OPENING_FAULTS as fault:
            return not_opened(fault)
        sent_bytes = 0
        attempt = told
        for each in made:
            attempt = self._sender.deliver(replace(order, given=each, plan=None, listens=False))
            sent_bytes += attempt.sent_bytes
            if not isinstance(attempt.outcome, Delivered):
                break
        return replace(
            attempt,
            sent_bytes=sent_bytes,
            report_state=told.report_state,
            is_unproven=told.is_unproven,
        )

    def release(self) -> None:
        """End the association in good order."""
        self._sender.release()

    def abort(self) -> None:
        """End the association at once."""
        self._sender.abort()

    def _made(self, opened: Opened, order: Order) -> tuple[list[Made], Attempt]:
        """Make the instances, and say what is to be told of them."""
        try:
            message = parse(whole(opened))
            report = read_message(message)
            if not isinstance(report, Report):
                raise Hl7Error("a DICOM station takes no request of HL7")
            if report.state is ReportState.PRELIMINARY and order.has_final:
                raise Hl7Error(OVERTAKEN)
            if report.state is ReportState.DELETION:
                raise Hl7Error(
                    "it takes a report back, which DICOM cannot say: tell the PACS people"
                )
            study = report.identities.study_uid
            own = AS_IT_CAME if order.own is None else order.own(study)
            identities = own.identities or report.identities
            made = instances_of(report, identities, order.digest, message.header.text(7))
        except IdentitiesHeldError as fault:
            raise NotSentError(Deferred(str(fault), Scope.INSTANCE)) from None
        except Hl7Error as fault:
            raise NotSentError(Refused(fault.message, Scope.INSTANCE)) from None
        told = Attempt(Delivered(), is_unproven=own.is_unproven, report_state=report.state.value)
        return made, told
