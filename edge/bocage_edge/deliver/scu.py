"""A C-STORE SCU that sends a data set as it comes, in bounded memory.

pynetdicom makes the association, the command sets and the state machine; the data set is ours:
its own `send_c_store` encodes anew or wants a plaintext file, and queues without bound. Here an
iterator of bytes is cut to the station's PDU size and handed over while there is room.

The last fragment is held back until the iterator has ended: if it raises instead (the digest is
wrong), the association is aborted and nothing the station can call an instance has been sent.

One association is used by one thread at a time.

Source: PS3.8 9.3 (PDUs), Annex E.1 (message control header); PS3.7 9.3.1 (C-STORE).
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association as DicomAssociation
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from bocage_contract.configuration import Destination
from bocage_edge.deliver.outcome import Deferred, Refused, Scope, outcome_of_rejection
from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

# pynetdicom's own handlers put whole data sets and PDUs into log lines: slow, and not ours to tell.
_config.LOG_HANDLER_LEVEL = "none"

VERIFICATION = "1.2.840.10008.1.1"

# PS3.8 Annex E.2: bit 0 of the header says command, bit 1 says last fragment.
DATA, LAST_DATA = b"\x00", b"\x02"
PDV_OVERHEAD_BYTES = 6  # item length, context id, message control header
MEDIUM_PRIORITY = 0  # PS3.7 Table 9.3-1
NO_REASON = 2  # PS3.8 Table 9-18, result of a context

MAX_FRAGMENT_BYTES = 128 * 1024
MAX_QUEUED_PDUS = 8


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a station.

    Args:
        connect_s: for TCP, and then for its answer to the association request.
        stall_s: without a byte taken or given, in the middle of something.
        response_s: for the answer to a complete instance; a station writes 1 GB to disk in it.
    """

    connect_s: float = 15.0
    stall_s: float = 60.0
    response_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Context:
    """One proposed presentation context: what is sent, and how it is encoded."""

    sop_class: str
    transfer_syntax: str


class LinkLostError(Exception):
    """The association ended under our hands, or the station does not read on."""


class _Dialler(AE):
    """An AE for one association that lets us at its connection.

    pynetdicom forgets to close a socket whose shutdown failed, and lets go of it.
    """

    connection: socket.socket | None = None
    is_reached = False

    def _create_socket(self, *args: Any) -> AssociationSocket:
        made = super()._create_socket(*args)
        self.connection = made.socket
        return made

    def on_open(self, _event: Any, stall_s: float) -> None:
        """Set up the connection: small answers at once, and no call on it blocks for ever."""
        self.is_reached = True
        if self.connection is None:
            return
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_s * 1000))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.connection.settimeout(stall_s)


class AnswersForUs(DIMSEServiceProvider):
    """Keeps what the station answers for the thread that waits for it.

    pynetdicom's reactor looks for messages too. It is to stand still while somebody waits, but it
    may have passed that point already and then takes the answer and drops it: on a busy machine
    one of some thousand answers was lost so, and its instance sent again.
    """

    def get_msg(self, block: bool = False) -> Any:
        """Give the next message to whoever waits; nothing to whoever only looks."""
        return super().get_msg(block=True) if block else (None, None)

    def forget(self) -> None:
        """Drop what came without having been asked for."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.msg_queue.get_nowait()


class StoreAssociation:
    """An established association, as requestor."""

    def __init__(self, association: DicomAssociation, proposed: Sequence[Context]) -> None:
        """Take over an association that has just been established."""
        self._association = association
        self._answers = AnswersForUs(association)
        association.dimse = self._answers
        self._message_id = 0
        self.results: dict[Context, int] = {}
        self._ids: dict[Context, int] = {}
        self._read_contexts(proposed)

    def _read_contexts(self, proposed: Sequence[Context]) -> None:
        answered = [*self._association.accepted_contexts, *self._association.rejected_contexts]
        by_id = {answer.context_id: answer for answer in answered}
        for index, context in enumerate(proposed):
            answer = by_id[2 * index + 1]
            self.results[context] = NO_REASON if answer.result is None else answer.result
            # One syntax is proposed a context, so a station that names another is broken.
            if answer.result == 0 and answer.transfer_syntax == [context.transfer_syntax]:
                self._ids[context] = 2 * index + 1

    @property
    def is_open(self) -> bool:
        """Whether the association still stands, as far as anybody can tell without sending."""
        return bool(
            self._association.is_established
            and self._association.dul.is_alive()
            and self._association.dul.peek_next_pdu() is None
        )

    def accepts(self, context: Context) -> bool:
        """Whether the station accepted to take this class in this syntax."""
        return context in self._ids

    def proposed_for(self, sop_class: str) -> dict[str, int]:
        """Give the station's result for each syntax proposed for a class."""
        return {
            context.transfer_syntax: result
            for context, result in self.results.items()
            if context.sop_class == sop_class
        }

    def store(self, context: Context, sop_instance: str, dataset: Iterable[bytes]) -> int | None:
        """Send one instance and wait for the station's answer.

        Args:
            context: one that the station accepts.
            dataset: its bytes in `context.transfer_syntax`; an exception out of it aborts the
                association and comes through, and the station has got no complete instance.

        Returns:
            (0000,0900) Status; None where the station gave no valid response.

        Raises:
            LinkLostError: the association ended before everything was sent.
        """
        context_id = self._ids[context]
        with self._whole_or_aborted():
            request = self._store_request(context, sop_instance)
            self._send_command(request, context_id)
            for header, fragment in fragments(dataset, self._fragment_bytes()):
                self._send_pdv(context_id, header + fragment)
            return self._status_of(self._message_id)

    def echo(self) -> int | None:
        """Send a C-ECHO; the status, or None where no valid response came.

        Raises:
            LinkLostError: the association ended before it was sent.
        """
        with self._whole_or_aborted():
            self._message_id = self._message_id % 0xFFFF + 1
            primitive = C_ECHO()
            primitive.MessageID = self._message_id
            primitive.AffectedSOPClassUID = VERIFICATION
            message = C_ECHO_RQ()
            message.primitive_to_message(primitive)
            self._send_command(message, self._ids[Context(VERIFICATION, IMPLICIT_LITTLE)])
            return self._status_of(self._message_id)

    def release(self) -> None:
        """End the association in good order, or at least end it."""
        if self.is_open:
            self._association.release()
        self.abort()

    def abort(self) -> None:
        """End the association at once; does nothing where it has ended already."""
        _hang_up(self._association)

    @contextlib.contextmanager
    def _whole_or_aborted(self) -> Iterator[None]:
        """Abort unless everything went well."""
        self._answers.forget()
        whole = False
        try:
            yield
            whole = True
        finally:
            if not whole:
                self.abort()

    def _store_request(self, context: Context, sop_instance: str) -> DIMSEMessage:
        self._message_id = self._message_id % 0xFFFF + 1
        primitive = C_STORE()
        primitive.MessageID = self._message_id
        primitive.Priority = MEDIUM_PRIORITY
        primitive.AffectedSOPClassUID = context.sop_class
        primitive.AffectedSOPInstanceUID = sop_instance
        primitive.DataSet = BytesIO(b"\0")  # only says that there will be one
        message = C_STORE_RQ()
        message.primitive_to_message(primitive)
        message.data_set = BytesIO()
        return message

    def _send_command(self, message: DIMSEMessage, context_id: int) -> None:
        for pdata in message.encode_msg(context_id, self._fragment_bytes() + PDV_OVERHEAD_BYTES):
            self._wait_for_room()
            self._association.dul.send_pdu(pdata)

    def _send_pdv(self, context_id: int, pdv: bytes) -> None:
        self._wait_for_room()
        pdata = P_DATA()
        pdata.presentation_data_value_list.append((context_id, pdv))
        self._association.dul.send_pdu(pdata)

    def _fragment_bytes(self) -> int:
        return fragment_bytes(self._association.acceptor.maximum_length or 0)

    def _wait_for_room(self) -> None:
        """Wait until the queue to the station is short, noticing a station that is gone.

        The provider's thread takes from the queue, and `get` of the standard library's queue
        notifies `not_full` whatever the bound.
        """
        waiting = self._association.dul.to_provider_queue
        with waiting.not_full:
            while self.is_open:
                if waiting.not_full.wait_for(lambda: waiting._qsize() < MAX_QUEUED_PDUS, 0.5):
                    return
        raise LinkLostError

    def _status_of(self, message_id: int) -> int | None:
        """Wait for the response to a message; a station that gives another is not believed."""
        _, response = self._answers.get_msg(block=True)
        if response is None or not response.is_valid_response:
            self.abort()
            return None
        if response.MessageIDBeingRespondedTo != message_id:
            self.abort()
            return None
        return int(response.Status)


def connect(
    destination: Destination, proposed: Sequence[Context], timeouts: Timeouts
) -> StoreAssociation | Deferred | Refused:
    """Ask a station for an association.

    Args:
        proposed: 1 to 128 contexts. Propose `VERIFICATION` too: an association on which the
            station accepts nothing else then still stands, and says what it rejected.
    """
    ae = _Dialler(ae_title=destination.calling_aet)
    ae.connection_timeout = timeouts.connect_s
    ae.acse_timeout = timeouts.connect_s
    ae.dimse_timeout = timeouts.response_s
    # Idle associations are ours to release, and a station is silent while it takes 1 GB.
    ae.network_timeout = None
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION
    association = ae.associate(
        destination.host,
        destination.port,
        contexts=[build_context(it.sop_class, it.transfer_syntax) for it in proposed],
        ae_title=destination.aet,
        bind_address=_local_end(destination.host),
        evt_handlers=[(evt.EVT_CONN_OPEN, ae.on_open, [timeouts.stall_s])],
    )
    if association.is_established:
        return _usable(StoreAssociation(association, proposed))
    _hang_up(association)
    if not ae.is_reached:
        return Deferred("station cannot be reached", Scope.DESTINATION)
    return _why_not(association)


def fragments(dataset: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bytes]]:
    """Cut a data set into fragments, each with its message control header.

    Exactly one is marked last, and it is given only once the data set has ended without a fault.

    Args:
        size: of a fragment, in bytes; all but the last have it.
    """
    held = b""
    pending = bytearray()
    for block in dataset:
        view = memoryview(block)
        while len(view):
            take = size - len(pending)
            pending += view[:take]
            view = view[take:]
            if len(pending) == size:
                if held:
                    yield DATA, held
                held = bytes(pending)
                pending.clear()
        # A block may be a frame of 64 MiB: let go of it before the next one is made.
        del view, block
    if pending and held:
        yield DATA, held
        held = b""
    yield LAST_DATA, held or bytes(pending)


def fragment_bytes(maximum_length: int) -> int:
    """Choose the fragment size for a station's maximum PDU length.

    Fragments are even, as every element of a data set is, and no longer than does any good.

    Args:
        maximum_length: from its A-ASSOCIATE-AC; 0 means it sets no limit.

    Source: PS3.8 Annex D.1.
    """
    if maximum_length == 0:
        return MAX_FRAGMENT_BYTES
    return min(maximum_length - PDV_OVERHEAD_BYTES, MAX_FRAGMENT_BYTES) & ~1


def _usable(association: StoreAssociation) -> StoreAssociation | Refused:
    if association._fragment_bytes() >= 2:
        return association
    association.abort()
    return Refused("station takes no PDU of a useful size", Scope.DESTINATION)


def _why_not(association: DicomAssociation) -> Deferred | Refused:
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        return outcome_of_rejection(
            answer.result or 0, answer.result_source or 0, answer.diagnostic or 0
        )
    if association.rejected_contexts:
        return Refused("station accepts nothing we can send, not even C-ECHO", Scope.DESTINATION)
    return Deferred("station does not answer an association request", Scope.DESTINATION)


def _local_end(host: str) -> tuple[str, int]:
    """Say where to call from: any address of the right family, or loopback for loopback."""
    address = ipaddress.ip_address(host)
    if address.is_loopback:
        return host, 0
    return ("", 0) if address.version == 4 else ("::0", 0)


def _hang_up(association: DicomAssociation) -> None:
    """End an association whatever state it is in, and its threads with it.

    pynetdicom's own abort waits for a provider thread that may itself wait for the station, so
    the connection is shut first where the polite way is not through in a moment.
    """
    dul = association.dul
    connection = association.ae.connection if isinstance(association.ae, _Dialler) else None
    if dul.is_alive():
        association.abort(block=False)
        dul.join(timeout=0.2)
    if dul.is_alive() and connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        dul.join(timeout=5.0)
    association.kill()
    if association.is_alive():
        association.join(timeout=5.0)
    if connection is not None:
        connection.close()
