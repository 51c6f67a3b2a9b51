"""pynetdicom's acceptor, hooked in four places; everything else is pynetdicom's.

    SiteServer        before a connection gets a thread: how many there are already
    _Acse             before anything is accepted: `Reception.admit`, then our negotiation
    _Dimse            messages out of fragments; data sets go to a `Sink` as they come
    SiteAssociation   requests are answered from here; on every end the open sinks are closed

pynetdicom's own DIMSE service gathers each data set in memory or in a plaintext temporary file.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pynetdicom import AE
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from bocage_edge.receive.answer import SOP_CLASS_NOT_SUPPORTED, SUCCESS, Answer
from bocage_edge.receive.bell import RingingQueue
from bocage_edge.receive.command import Command, echo_response, store_response
from bocage_edge.receive.message import (
    Assembler,
    DataSetFragment,
    EchoAsked,
    MessageFaultError,
    StoreBegins,
)
from bocage_edge.receive.negotiation import VERIFICATION, ContextResult, Proposed, negotiate
from bocage_edge.receive.policy import Admitted, Reason, Rejected
from bocage_edge.receive.upper_layer import TIMER_LOOK_S, DataPdu, Limits, UpperLayer

# PS3.8 9.3.4: result, source, reason. One answer whatever was wrong: a stranger who tries titles
# learns nothing from it. `LATER` is for those we know.
REJECTED = (1, 1, 1)  # permanent, service user, no reason given
REJECTED_LATER = (2, 3, 2)  # transient, presentation, local limit exceeded

# Nobody has negotiated more than one operation at a time (PS3.7 D.3.3.3), but a peer that is a
# little ahead does no harm.
MAX_UNANSWERED = 8
_LAST_COMMAND_FRAGMENT = b"\x03"  # PS3.8 E.2
_PDV_HEADER_BYTES = 6
BUSY_LOOK_S = 0.1
LAST_WORD_S = 1.0  # for an abort to be sent


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE before its data set."""

    command: Command
    abstract_syntax: str
    transfer_syntax: str
    admitted: Admitted


class Sink(Protocol):
    """Takes one data set. No method ever raises: a fault is kept for the answer."""

    def write(self, data: bytes) -> None:
        """Take a fragment (upper layer's thread)."""

    def finish(self) -> tuple[Answer, str]:
        """Say how it ended, and the comment for the technologist (association's thread)."""

    def close(self) -> None:
        """Give up what is not finished; may be called at any time, twice."""


class Reception(Protocol):
    """What decides; see `reception.py`."""

    def may_connect(self, address: str) -> bool:
        """Whether one more connection from there gets a thread; if so it is counted."""

    def disconnected(self, address: str) -> None:
        """Count the connection no longer."""

    def admit(self, calling: bytes, called: bytes, address: str) -> Admitted | Rejected:
        """Decide on an association; if admitted it is counted."""

    def over(self, admitted: Admitted) -> None:
        """Count the association no longer."""

    def open(self, request: StoreRequest) -> Sink:
        """Begin to take an instance; what cannot be taken gets a sink that says why."""

    def fault(self, where: str, error: Exception) -> None:
        """Note an error that has no better place to go."""

    @property
    def idle_timeout_s(self) -> int:
        """After how long without a PDU an association is aborted."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that is complete and waits for its answer."""

    context_id: int
    command: Command
    sink: Sink | None  # None: C-ECHO


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
        self._accept(contexts)

    def _accept(self, contexts: Sequence[PresentationContext]) -> None:
        assoc = self._assoc
        answered = negotiate([_proposed(context) for context in contexts])
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
        self.send_accept()
        assoc.is_established = True


class _Dimse(DIMSEServiceProvider):
    """Hands data sets on as they come; runs in the upper layer's thread, answers in the other."""

    _assoc: SiteAssociation

    def __init__(self, assoc: SiteAssociation) -> None:
        super().__init__(assoc)
        self._assembler = Assembler(())
        self._sink: Sink | None = None  # of the data set that is coming
        self._begun: StoreBegins | None = None
        self._waiting: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._is_broken = False
        self.is_answering = False

    def begin(self) -> None:
        """Expect messages in the contexts that were accepted."""
        self._assembler = Assembler(frozenset(self._assoc._accepted_cx))

    def receive_primitive(self, primitive: P_DATA | DataPdu) -> None:
        """Take what one P-DATA-TF brought."""
        if self._is_broken:
            return
        try:
            for context_id, value in primitive.presentation_data_value_list:
                self._take(context_id, value)
        except MessageFaultError as error:
            self._is_broken = True
            self._assoc.reception.fault("message", error)
            self.dul.event_queue.put("Evt19")

    def get_msg(self, block: bool = False) -> Any:
        """Give the next request that waits for its answer, for pynetdicom's reactor."""
        self.is_answering = True
        try:
            request = self._waiting.get_nowait()
        except queue.Empty:
            self.is_answering = False
            return None, None
        return request.context_id, request

    def close(self) -> None:
        """Give up every data set that has not been answered; both threads have ended."""
        if self._sink is not None:
            self._sink.close()
        while True:
            _, request = self.get_msg()
            if request is None:
                return
            if request.sink is not None:
                request.sink.close()

    @property
    def is_busy(self) -> bool:
        """Whether an instance is coming in, or waits for its answer."""
        return self._sink is not None or self.is_answering or not self._waiting.empty()

    def respond(self, context_id: int, response: bytes) -> None:
        """Send a command set to the peer, in fragments it can take."""
        peer_bytes = self.maximum_pdu_size or len(response) + _PDV_HEADER_BYTES
        step = max(peer_bytes - _PDV_HEADER_BYTES, 1)
        for start in range(0, len(response), step):
            fragment = response[start : start + step]
            is_last = start + step >= len(response)
            header = _LAST_COMMAND_FRAGMENT if is_last else b"\x01"
            primitive = P_DATA()
            primitive.presentation_data_value_list.append((context_id, header + fragment))
            self.dul.send_pdu(primitive)

    def _take(self, context_id: int, value: bytes) -> None:
        event = self._assembler.feed(context_id, value)
        if isinstance(event, DataSetFragment):
            self._take_fragment(event)
        elif isinstance(event, StoreBegins):
            self._begun = event
            self._sink = self._assoc.open_sink(event)
        elif isinstance(event, EchoAsked):
            self._queue(_Request(context_id, event.command, None))

    def _take_fragment(self, fragment: DataSetFragment) -> None:
        if self._sink is None or self._begun is None:
            raise MessageFaultError("a data set without its command")
        self._sink.write(fragment.data)
        if fragment.is_last:
            request = _Request(self._begun.context_id, self._begun.command, self._sink)
            self._sink = self._begun = None
            self._queue(request)

    def _queue(self, request: _Request) -> None:
        self._waiting.put(request)
        self._assoc.bell.set()
        if self._waiting.qsize() > MAX_UNANSWERED:
            raise MessageFaultError("requests without waiting for their answers")


class SiteAssociation(Association):
    """An association a peer asked for. Two threads: this one answers, `dul` reads and writes."""

    dimse: _Dimse

    def __init__(self, ae: AE, reception: Reception, limits: Limits, address: str) -> None:
        """Make it; `start` runs it."""
        super().__init__(ae, MODE_ACCEPTOR)
        self.reception = reception
        self.peer_address = address
        self.admitted: Admitted | None = None
        self.upper_layer = UpperLayer(self, limits, reception.fault)
        self.dul = self.upper_layer
        self.bell = threading.Event()
        self.dul.to_user_queue = RingingQueue(self.bell.set)
        self._connection: socket.socket | None = None
        self.acse = _Acse(self)
        self.dimse = _Dimse(self)
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

    def admit(self, *, is_sound: bool) -> Admitted | Rejected:
        """Ask whether the association may go on."""
        layer = self.upper_layer
        called = layer.called_title if is_sound else b""
        verdict = self.reception.admit(layer.calling_title, called, self.peer_address)
        if isinstance(verdict, Admitted):
            self.admitted = verdict
        return verdict

    def open_sink(self, begun: StoreBegins) -> Sink:
        """Begin to take an instance."""
        context = self._accepted_cx[begun.context_id]
        if self.admitted is None:
            raise MessageFaultError("a message before the association")
        return self.reception.open(
            StoreRequest(
                command=begun.command,
                abstract_syntax=str(context.abstract_syntax),
                transfer_syntax=str(context.transfer_syntax[0]),
                admitted=self.admitted,
            )
        )

    def _bind_defaults(self) -> None:
        """Bind none of pynetdicom's handlers: they write UIDs and titles into logs."""

    def _run_reactor(self) -> None:
        """Answer requests until the association is over; pynetdicom's, without its polling."""
        while not self._kill:
            self.bell.wait(TIMER_LOOK_S)
            self.bell.clear()
            self._answer_waiting()
            if self.is_established and self.acse.is_release_requested():
                self.acse.send_release(is_response=True)
                self.is_released = True
                break
            if self.acse.is_aborted() or not self.dul.is_alive():
                self.is_aborted = True
                break
            if self.dul.idle_timer_expired():
                self.acse.send_abort(0x00)
                break
        self.kill()

    def _answer_waiting(self) -> None:
        while True:
            context_id, request = self.dimse.get_msg()
            if request is None:
                return
            self._serve_request(request, context_id)

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """Answer one request; called by pynetdicom's reactor."""
        request: _Request = msg
        if request.sink is not None:
            answer, comment = request.sink.finish()
            response = store_response(request.command, answer.status, comment)
        else:
            abstract_syntax = self._accepted_cx[context_id].abstract_syntax
            is_echo = abstract_syntax == VERIFICATION
            status = SUCCESS if is_echo else SOP_CLASS_NOT_SUPPORTED
            response = echo_response(request.command, status)
        if self.is_established:
            self.dimse.respond(context_id, response)
        self.dimse.is_answering = False

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


class _Handler(RequestHandler):
    """Makes our association for a connection."""

    server: SiteServer

    def handle(self) -> None:
        """Start the association; it lives in threads of its own."""
        try:
            self._create_association().start()
        except Exception:
            self.server.reception.disconnected(_ip(self.client_address))
            raise

    def _create_association(self) -> Association:
        server = self.server
        assoc = SiteAssociation(self.ae, server.reception, server.limits, _ip(self.client_address))
        assoc._server = server
        assoc.name = f"AcceptorThread@{assoc.peer_address}"  # pynetdicom finds it by this
        assoc.carry(self.request)
        assoc.acceptor.maximum_length = server.limits.max_pdu_bytes
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.requestor.address_info = self.remote
        return assoc


class SiteServer(ThreadedAssociationServer):
    """Listens for the site's AEs."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], reception: Reception, limits: Limits | None = None
    ) -> None:
        """Bind and listen; `serve` runs it.

        Args:
            address: IP address and port; port 0 takes any.

        Raises:
            OSError: the address is not ours or taken.
        """
        self.reception = reception
        self.limits = limits or Limits()
        self.address = address
        ae = AE(ae_title="BOCAGE")
        super().__init__(ae, address, "BOCAGE", [], request_handler=_Handler)
        ae._servers.append(self)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def serve(self) -> None:
        """Take connections in a thread until `close`."""
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.2}, name="acceptor", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; associations that are open go on."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
            self._thread = None
        else:
            self.server_close()

    def end_associations(self, within_s: float) -> None:
        """Let associations end by themselves for a while, as soon as none of them receives.

        Args:
            within_s: what is open after this is aborted in the middle.
        """
        deadline = time.monotonic() + within_s
        threads = self.active_associations
        associations = [each for each in threads if isinstance(each, SiteAssociation)]
        waiting = associations
        while waiting and time.monotonic() < deadline:
            for assoc in waiting:
                if not assoc.dimse.is_busy:
                    assoc.end()
            waiting = [each for each in waiting if each.dimse.is_busy and each.is_alive()]
            if waiting:
                waiting[0].join(BUSY_LOOK_S)
        for assoc in waiting:
            assoc.end()
        for assoc in associations:
            assoc.join(max(deadline - time.monotonic(), LAST_WORD_S))

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection and set it up: answers at once, no call that blocks for ever."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.settimeout(self.limits.socket_timeout_s)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection gets a thread; otherwise it is closed at once."""
        return self.reception.may_connect(_ip(client_address))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note an error; socketserver would print it with what the peer sent."""
        self.reception.fault("connection", ConnectionError("an association could not be started"))

    def _bind_defaults(self) -> None:
        """Bind none of pynetdicom's handlers: they write UIDs and titles into logs."""


def _ip(address: Any) -> str:
    """Take the IP address out of a socket address, without the zone of a link-local one."""
    return str(address[0]).split("%", 1)[0]


def _proposed(context: PresentationContext) -> Proposed:
    return Proposed(
        context_id=context.context_id or 0,
        abstract_syntax=str(context.abstract_syntax or ""),
        transfer_syntaxes=tuple(str(syntax) for syntax in context.transfer_syntax),
    )
