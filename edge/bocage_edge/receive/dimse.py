"""Messages under pynetdicom: data sets go to a `Sink` as they come, requests are answered at once.

pynetdicom's own DIMSE service gathers each data set in memory or in a plaintext temporary file, and
hands each request to another thread. Nobody has negotiated more than one operation at a time
(PS3.7 D.3.3.3), so there is nothing to read while one is answered; what a peer sends all the same
waits in its own socket.

Source: PS3.7 6.3, PS3.8 E.2.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pynetdicom.dimse import DIMSEServiceProvider

from bocage_edge.receive.command import Command
from bocage_edge.receive.doors import Sink
from bocage_edge.receive.message import (
    Assembler,
    DataSetFragment,
    EchoAsked,
    MessageFaultError,
    NormalizedBegins,
    StoreBegins,
)
from bocage_edge.receive.upper_layer import P_DATA, Values

if TYPE_CHECKING:
    from bocage_edge.receive.association import SiteAssociation

# PS3.8 E.2, message control header
_LAST_COMMAND_FRAGMENT, _COMMAND_FRAGMENT = 0x03, 0x01
# PS3.8 9.3.5: a P-DATA-TF with one presentation data value
_PDU = struct.Struct(">BxIIBB")
_PDV_HEADER_BYTES = 6


class Dimse(DIMSEServiceProvider):
    """One association's messages; everything runs in the upper layer's thread."""

    _assoc: SiteAssociation

    def __init__(self, assoc: SiteAssociation) -> None:
        super().__init__(assoc)
        self._assembler = Assembler(())
        self._sink: Sink | None = None  # of the data set that is coming
        self._begun: StoreBegins | NormalizedBegins | None = None
        self._is_broken = False
        self.is_answering = False

    def begin(self) -> None:
        """Expect messages in the contexts that were accepted."""
        self._assembler = Assembler(frozenset(self._assoc._accepted_cx))

    def take(self, values: Values) -> None:
        """Take what one P-DATA-TF brought, and answer what has become complete by it."""
        if self._is_broken:
            return
        try:
            for context_id, value in values:
                self._take(context_id, value)
        except MessageFaultError as error:
            self._is_broken = True
            self._assoc.reception.fault("message", error)
            self.dul.event_queue.put("Evt19")

    def close(self) -> None:
        """Give up a data set that has not been answered; the upper layer's thread has ended."""
        if self._sink is not None:
            self._sink.close()

    @property
    def is_busy(self) -> bool:
        """Whether an instance is coming in, or waits for its answer. For any thread."""
        return self._sink is not None or self.is_answering

    def _take(self, context_id: int, value: memoryview) -> None:
        event = self._assembler.feed(context_id, value)
        if isinstance(event, DataSetFragment):
            self._take_fragment(event)
        elif isinstance(event, StoreBegins):
            self._begun = event
            self._sink = self._assoc.open_sink(event)
        elif isinstance(event, NormalizedBegins):
            self._begun, self._sink = event, self._assoc.open_normalized(event)
            if not event.command.has_data_set:
                self._answer(context_id, event.command, self._sink)
        elif isinstance(event, EchoAsked):
            self._answer(context_id, event.command, None)

    def _take_fragment(self, fragment: DataSetFragment) -> None:
        if self._sink is None or self._begun is None:
            raise MessageFaultError("a data set without its command")
        self._sink.write(fragment.data)
        if fragment.is_last:
            self._answer(self._begun.context_id, self._begun.command, self._sink)

    def _answer(self, context_id: int, command: Command, sink: Sink | None) -> None:
        self.is_answering = True
        self._sink = self._begun = None
        try:
            response = self._assoc.answer(context_id, command, sink)
            self._assoc.upper_layer.send_data(self._as_pdus(context_id, response))
        finally:
            self.is_answering = False

    def _as_pdus(self, context_id: int, response: bytes) -> bytes:
        """Put a command set into PDUs, in fragments that the peer can take."""
        peer_bytes = self.maximum_pdu_size or len(response) + _PDV_HEADER_BYTES
        step = max(peer_bytes - _PDV_HEADER_BYTES, 1)
        pdus = []
        for start in range(0, len(response), step):
            fragment = response[start : start + step]
            is_last = start + step >= len(response)
            control = _LAST_COMMAND_FRAGMENT if is_last else _COMMAND_FRAGMENT
            size = len(fragment) + 2
            pdus += [_PDU.pack(P_DATA, size + 4, size, context_id, control), fragment]
        return b"".join(pdus)
