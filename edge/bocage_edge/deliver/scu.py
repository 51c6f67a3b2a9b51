"""A C-STORE SCU that sends a data set as it comes, in bounded memory.

pynetdicom negotiates the association; from then on its socket is ours (`channel`). Its own
`send_c_store` encodes anew or wants a plaintext file, queues without bound, and has two threads an
association that wake every millisecond. Here an iterator of bytes is cut to the station's PDU size
and goes straight to the socket.

The last fragment is held back until the iterator has ended: if it raises instead (the digest is
wrong), the association is aborted and nothing the station can call an instance has been sent.

One association is used by one thread at a time.

Source: PS3.8 9.3 (PDUs), Annex E.1 (message control header); PS3.7 9.3.1 (C-STORE).
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, _config, build_context, build_role, evt
from pynetdicom.association import Association as DicomAssociation
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.channel import (
    Channel,
    Message,
    NoAnswerError,
    echo_command,
    response_status,
    status_of,
    store_command,
)
from bocage_edge.deliver.outcome import Deferred, Refused, Scope, outcome_of_rejection
from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

# pynetdicom's own handlers put whole data sets and PDUs into log lines: slow, and not ours to tell.
_config.LOG_HANDLER_LEVEL = "none"

VERIFICATION = "1.2.840.10008.1.1"

# PS3.8 Annex E.2: bit 0 of the header says command, bit 1 says last fragment.
DATA, LAST_DATA = b"\x00", b"\x02"
PDV_OVERHEAD_BYTES = 6  # item length, context id, message control header
NO_REASON = 2  # PS3.8 Table 9-18, result of a context

MAX_FRAGMENT_BYTES = 128 * 1024
THREAD_END_S = 5.0
ESTABLISHED = "Sta6"  # PS3.8 9.2.1


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


class StoreAssociation:
    """An established association, as requestor; used by one thread."""

    def __init__(
        self,
        channel: Channel,
        proposed: Sequence[Context],
        answered: Iterable[PresentationContext],
        maximum_length: int,
    ) -> None:
        """Take over an association that has just been established.

        Args:
            answered: the station's result for each proposed context.
            maximum_length: of a PDU, as the station said it; 0: no limit.
        """
        self._channel = channel
        self._message_id = 0
        self._fragment_bytes = fragment_bytes(maximum_length)
        self.results: dict[Context, int] = {}
        self._ids: dict[Context, int] = {}
        self._read_contexts(proposed, answered)

    def _read_contexts(
        self, proposed: Sequence[Context], answered: Iterable[PresentationContext]
    ) -> None:
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
        return self._channel.is_open

    @property
    def takes_pdus(self) -> bool:
        """Whether the station takes PDUs of a useful size."""
        return self._fragment_bytes >= 2

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
        command = store_command(self._next_message(), context.sop_class, sop_instance)
        with self._whole_or_aborted():
            self._channel.send_command(context_id, command, self._fragment_bytes)
            for control, fragment in fragments(dataset, self._fragment_bytes):
                self._channel.send_fragment(context_id, control, fragment)
            return self._status(is_echo=False)

    def echo(self) -> int | None:
        """Send a C-ECHO; the status, or None where no valid response came.

        Raises:
            LinkLostError: the association ended before it was sent.
        """
        context_id = self._ids[Context(VERIFICATION, IMPLICIT_LITTLE)]
        command = echo_command(self._next_message(), VERIFICATION)
        with self._whole_or_aborted():
            self._channel.send_command(context_id, command, self._fragment_bytes)
            self._channel.flush()
            return self._status(is_echo=True)

    def request(
        self, context: Context, command: Callable[[int], bytes], field: int, data_set: bytes
    ) -> int | None:
        """Send a request of DIMSE-N with its data set and wait for the station's answer.

        Args:
            context: one that the station accepts; the data set is encoded in its syntax.
            command: writes the command set, given the message id.
            field: Command Field of the request.

        Returns:
            (0000,0900) Status; None where the station gave no valid response.

        Raises:
            LinkLostError: the association ended before everything was sent.
        """
        context_id, message_id = self._ids[context], self._next_message()
        with self._whole_or_aborted():
            self._channel.send_command(context_id, command(message_id), self._fragment_bytes)
            for control, fragment in fragments((data_set,), self._fragment_bytes):
                self._channel.send_fragment(context_id, control, fragment)
            try:
                status = response_status(self._channel.answer(), message_id, field)
            except NoAnswerError:
                status = None
        if status is None:
            self.abort()
        return status

    def hear(self, within_s: float, max_bytes: int) -> Message | None:
        """Wait for a message that the station sends by itself; None: none came, and it is over."""
        try:
            return self._channel.hear(within_s, max_bytes)
        except NoAnswerError:
            self.abort()
            return None

    def reply(self, message: Message, command: bytes) -> None:
        """Answer a message of the station's.

        Raises:
            LinkLostError: the association ended before it was sent.
        """
        with self._whole_or_aborted():
            self._channel.send_command(message.context_id, command, self._fragment_bytes)
            self._channel.flush()

    def release(self) -> None:
        """End the association in good order, or at least end it."""
        self._channel.release()

    def abort(self) -> None:
        """End the association at once; does nothing where it has ended already."""
        self._channel.abort()

    def _next_message(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    @contextlib.contextmanager
    def _whole_or_aborted(self) -> Iterator[None]:
        """Abort unless everything went well."""
        whole = False
        try:
            yield
            whole = True
        finally:
            if not whole:
                self.abort()

    def _status(self, *, is_echo: bool) -> int | None:
        """Wait for the response to the last message; another one is not believed."""
        try:
            status = status_of(self._channel.answer(), self._message_id, is_echo=is_echo)
        except NoAnswerError:
            status = None
        if status is None:
            self.abort()
        return status


def connect(
    destination: DicomDestination,
    proposed: Sequence[Context],
    timeouts: Timeouts,
    *,
    as_scp_of: str | None = None,
) -> StoreAssociation | Deferred | Refused:
    """Ask a station for an association.

    Args:
        proposed: 1 to 128 contexts. Propose `VERIFICATION` too: an association on which the
            station accepts nothing else then still stands, and says what it rejected.
        as_scp_of: SOP class of which we play the SCP on this association (PS3.7 D.3.3.4).
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
        ext_neg=[] if as_scp_of is None else [build_role(as_scp_of, scp_role=True)],
        bind_address=_local_end(destination.host),
        evt_handlers=[(evt.EVT_CONN_OPEN, ae.on_open, [timeouts.stall_s])],
    )
    if association.is_established:
        return _taken_over(ae, association, proposed, timeouts)
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


def _taken_over(
    ae: _Dialler,
    association: DicomAssociation,
    proposed: Sequence[Context],
    timeouts: Timeouts,
) -> StoreAssociation | Deferred | Refused:
    """Take an association's connection out of pynetdicom's hands, once its threads are gone."""
    answered = [*association.accepted_contexts, *association.rejected_contexts]
    maximum_length = association.acceptor.maximum_length or 0
    association._kill = True
    association.join(timeout=THREAD_END_S)
    association.dul.kill_dul()
    association.dul.join(timeout=THREAD_END_S)
    are_gone = not (association.is_alive() or association.dul.is_alive())
    is_quiet = association.dul.state_machine.current_state == ESTABLISHED
    if ae.connection is None or not are_gone or not is_quiet:
        _hang_up(association)
        return Deferred("station ended the association at once", Scope.DESTINATION)
    taken = StoreAssociation(
        Channel(ae.connection, timeouts.response_s), proposed, answered, maximum_length
    )
    if taken.takes_pdus:
        return taken
    taken.abort()
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
