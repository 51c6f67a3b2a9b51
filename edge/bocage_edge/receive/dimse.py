"""Messages under pynetdicom: data sets go to a `Sink` as they come, requests wait for an answer.

pynetdicom's own DIMSE service gathers each data set in memory or in a plaintext temporary file.

Source: PS3.7 6.3, PS3.8 E.2.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import P_DATA

from bocage_edge.receive.command import Command
from bocage_edge.receive.doors import Sink
from bocage_edge.receive.message import (
    Assembler,
    DataSetFragment,
    EchoAsked,
    MessageFaultError,
    StoreBegins,
)
from bocage_edge.receive.upper_layer import DataPdu

if TYPE_CHECKING:
    from bocage_edge.receive.association import SiteAssociation

# PS3.8 E.2, message control header
_LAST_COMMAND_FRAGMENT, _COMMAND_FRAGMENT = b"\x03", b"\x01"
_PDV_HEADER_BYTES = 6
# Ours. Nobody has negotiated more than one operation at a time (PS3.7 D.3.3.3), but a peer that is
# a little ahead does no harm.
MAX_UNANSWERED = 8


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is complete and waits for its answer."""

    context_id: int
    command: Command
    sink: Sink | None  # None: C-ECHO


class Dimse(DIMSEServiceProvider):
    """Hands data sets on as they come; runs in the upper layer's thread, answers in the other."""

    _assoc: SiteAssociation

    def __init__(self, assoc: SiteAssociation) -> None:
        super().__init__(assoc)
        self._assembler = Assembler(())
        self._sink: Sink | None = None  # of the data set that is coming
        self._begun: StoreBegins | None = None
        self._waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
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
            header = _LAST_COMMAND_FRAGMENT if is_last else _COMMAND_FRAGMENT
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
            self._queue(Request(context_id, event.command, None))

    def _take_fragment(self, fragment: DataSetFragment) -> None:
        if self._sink is None or self._begun is None:
            raise MessageFaultError("a data set without its command")
        self._sink.write(fragment.data)
        if fragment.is_last:
            request = Request(self._begun.context_id, self._begun.command, self._sink)
            self._sink = self._begun = None
            self._queue(request)

    def _queue(self, request: Request) -> None:
        self._waiting.put(request)
        self._assoc.bell.set()
        if self._waiting.qsize() > MAX_UNANSWERED:
            raise MessageFaultError("requests without waiting for their answers")
