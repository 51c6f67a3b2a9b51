"""pynetdicom's acceptor, hooked in four places; everything else is pynetdicom's.

SiteServer       before a connection gets a thread: how many there are already (server.py)
UpperLayer       reads PDUs within bounds (upper_layer.py)
_Acse            before anything is accepted: `Reception.admit`, then our negotiation
Dimse            messages out of fragments; data sets go to a `Sink` (dimse.py)
SiteAssociation  ends the association, and on every end closes the open sink
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket

from bocage_edge.exam.references import COMMITMENT_CLASS
from bocage_edge.receive.answer import SOP_CLASS_NOT_SUPPORTED, SUCCESS
from bocage_edge.receive.bell import RingingQueue
from bocage_edge.receive.command import (
    Command,
    CommandField,
    echo_response,
    normalized_response,
    store_response,
)
from bocage_edge.receive.dimse import Dimse
from bocage_edge.receive.doors import NormalizedRequest, Reception, Sink, StoreRequest
from bocage_edge.receive.message import MessageFaultError, NormalizedBegins, StoreBegins
from bocage_edge.receive.negotiation import (
    VERIFICATION,
    ContextResult,
    Offer,
    Proposed,
    negotiate,
)
from bocage_edge.receive.policy import Admitted, Reason, Rejected, StationAdmitted
from bocage_edge.receive.upper_layer import TIMER_LOOK_S, Limits, UpperLayer, Values

# PS3.8 9.3.4: result, source, reason. One answer whatever was wrong: a stranger who tries titles
# learns nothing from it. `LATER` is for those we know.
REJECTED = (1, 1, 1)  # permanent, service user, no reason given
REJECTED_LATER = (2, 3, 2)  # transient, presentation, local limit exceeded


class _Acse(ACSE):
    """Admits by our policy, negotiates by our rules."""

    _assoc: SiteAssociation

    def _negotiate_as_acceptor(self) -> None:
        assoc = self._assoc
        request = assoc.requestor.primitive
        if not isinstance(request, A_ASSOCIATE):  # the connection ended before any request
            assoc.kill()
            return
        contexts = request.presentation_context_definition_list
        ids = [context.context_id for context in contexts]
        verdict = assoc.admit(is_sound=len(set(ids)) == len(ids) and len(ids) > 0)
        if isinstance(verdict, Rejected):
            later = verdict.reason is Reason.TOO_MANY
            self.send_reject(*(REJECTED_LATER if later else REJECTED))
            assoc.kill()
            return
        self._accept(contexts, verdict)

    def _accept(
        self, contexts: Sequence[PresentationContext], admitted: Admitted | StationAdmitted
    ) -> None:
        assoc = self._assoc
        answered = negotiate([_proposed(context) for context in contexts], offer_to(admitted))
        assoc._accepted_cx, assoc._rejected_cx = {}, []
        for answer in answered:
            context = PresentationContext()
            context.context_id = answer.context_id
            context.transfer_syntax = [answer.transfer_syntax]
            context.result = int(answer.result)
            if answer.result is ContextResult.ACCEPTED:
                context.abstract_syntax = answer.abstract_syntax
                assoc._accepted_cx[answer.context_id] = context
            else:
                assoc._rejected_cx.append(context)
        assoc.dimse.begin()
        if admitted.station is not None:
            self._let_report()
        self.send_accept()
        assoc.is_established = True

    def _let_report(self) -> None:
        """Grant the SCP's role in storage commitment to whoever calls as one. PS3.4 J.3.1.2."""
        asked = self.requestor.role_selection.get(UID(COMMITMENT_CLASS))
        is_accepted = any(
            context.abstract_syntax == COMMITMENT_CLASS
            for context in self._assoc._accepted_cx.values()
        )
        if asked is None or not asked.scp_role or not is_accepted:
            return
        granted = SCP_SCU_RoleSelectionNegotiation()
        granted.sop_class_uid = UID(COMMITMENT_CLASS)
        granted.scu_role, granted.scp_role = False, True
        self.acceptor.add_negotiation_item(granted)


def offer_to(admitted: Admitted | StationAdmitted) -> Offer:
    """Say what a peer may have."""
    if isinstance(admitted, StationAdmitted):
        return Offer(storage=False, commitment=True)
    return Offer(commitment=admitted.commits or admitted.station is not None)


class SiteAssociation(Association):
    """An association a peer asked for.

    Two threads: `upper_layer` reads, stores and answers; this one opens and ends the association.
    """

    dimse: Dimse

    def __init__(self, ae: AE, reception: Reception, limits: Limits, address: str) -> None:
        """Make it; `start` runs it."""
        super().__init__(ae, MODE_ACCEPTOR)
        self.reception = reception
        self.peer_address = address
        self.admitted: Admitted | StationAdmitted | None = None
        self.upper_layer = UpperLayer(self, limits, reception.fault, self._take)
        self.dul = self.upper_layer
        self.bell = threading.Event()
        self.dul.to_user_queue = RingingQueue(self.bell.set)
        self._connection: socket.socket | None = None
        self.acse = _Acse(self)
        self.dimse = Dimse(self)
        # The setters carry the time-outs into the upper layer's timers.
        self.acse_timeout = limits.request_deadline_s
        self.network_timeout = reception.idle_timeout_s

    def carry(self, connection: socket.socket) -> None:
        """Run over this connection."""
        self._connection = connection
        self.set_socket(AssociationSocket(self, client_socket=connection))

    def run_reactor(self) -> None:
        """Run until the association is over, however it ends, and leave nothing open."""
        try:
            super().run_reactor()
        except Exception as error:
            self.reception.fault("association", error)
        finally:
            self._end()

    def end(self) -> None:
        """Abort it; its own thread does the rest. For another thread."""
        if self.is_established:
            # Not `abort`: that closes the socket before its PDU has been sent.
            self.acse.send_abort(0x00)
        elif self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def admit(self, *, is_sound: bool) -> Admitted | StationAdmitted | Rejected:
        """Ask whether the association may go on."""
        layer = self.upper_layer
        called = layer.called_title if is_sound else b""
        verdict = self.reception.admit(layer.calling_title, called, self.peer_address)
        if not isinstance(verdict, Rejected):
            self.admitted = verdict
        return verdict

    def open_sink(self, begun: StoreBegins) -> Sink:
        """Begin to take an instance."""
        context = self._accepted_cx[begun.context_id]
        if not isinstance(self.admitted, Admitted):
            raise MessageFaultError("an instance of somebody who may not send any")
        return self.reception.open(
            StoreRequest(
                command=begun.command,
                abstract_syntax=str(context.abstract_syntax),
                transfer_syntax=str(context.transfer_syntax[0]),
                admitted=self.admitted,
            )
        )

    def open_normalized(self, begun: NormalizedBegins) -> Sink:
        """Begin to take an N-ACTION or N-EVENT-REPORT."""
        context = self._accepted_cx[begun.context_id]
        if self.admitted is None:
            raise MessageFaultError("a message before the association")
        return self.reception.open_normalized(
            NormalizedRequest(
                command=begun.command,
                abstract_syntax=str(context.abstract_syntax),
                transfer_syntax=str(context.transfer_syntax[0]),
                admitted=self.admitted,
            )
        )

    def _bind_defaults(self) -> None:
        """Bind none of pynetdicom's handlers: they write UIDs and titles into logs."""

    def answer(self, context_id: int, command: Command, sink: Sink | None) -> bytes:
        """Write the answer to a request that is complete.

        Args:
            sink: where its data set went; None: C-ECHO.
        """
        if sink is not None:
            answer, comment = sink.finish()
            if command.field != CommandField.C_STORE_RQ:
                return normalized_response(command, answer.status, comment)
            return store_response(command, answer.status, comment)
        is_echo = self._accepted_cx[context_id].abstract_syntax == VERIFICATION
        return echo_response(command, SUCCESS if is_echo else SOP_CLASS_NOT_SUPPORTED)

    def _take(self, values: Values) -> None:
        self.dimse.take(values)

    def _run_reactor(self) -> None:
        """Wait until the association is over; pynetdicom's, without its polling."""
        while not self._kill:
            self.bell.wait(TIMER_LOOK_S)
            self.bell.clear()
            if self.is_established and self.acse.is_release_requested():
                self.acse.send_release(is_response=True)
                self.is_released = True
                break
            if self.acse.is_aborted() or not self.dul.is_alive():
                self.is_aborted = True
                break
            if self.dul.idle_timer_expired() and not self.dimse.is_answering:
                self.acse.send_abort(0x00)
                break
        self.kill()

    def _end(self) -> None:
        # The upper layer's thread must be over before its sinks are closed; a shutdown wakes it.
        self.dul.kill_dul()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        if self.dul.is_alive():
            self.dul.join()
        self.upper_layer.bell.close()
        if self._connection is not None:
            # pynetdicom loses a descriptor where the peer was gone first.
            self._connection.close()
        self.dimse.close()
        if self.admitted is not None:
            self.reception.over(self.admitted)
        self.reception.disconnected(self.peer_address)


def _proposed(context: PresentationContext) -> Proposed:
    return Proposed(
        context_id=context.context_id or 0,
        abstract_syntax=str(context.abstract_syntax or ""),
        transfer_syntaxes=tuple(str(syntax) for syntax in context.transfer_syntax),
    )
