"""A real C-STORE SCP on loopback, that accepts and answers what a test tells it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pynetdicom import AE, evt

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.scu import VERIFICATION
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE

CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"

Answer = Callable[[Any], int]


@dataclass
class Station:
    """What came, and where it listens."""

    port: int = 0
    came: list[tuple[str, str, bytes]] = field(default_factory=list)
    associations: list[Any] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def destination(self, name: str = "pacs", **more: Any) -> DicomDestination:
        """Give the configuration of this station."""
        words = {"aet": "PACS", "calling_aet": "BOCAGE", "host": "127.0.0.1"} | more
        return DicomDestination(name=name, port=self.port, **words)

    def instances(self) -> list[str]:
        """List the SOP instance UIDs that came complete."""
        return [instance for instance, _, _ in self.came]

    def wait_for(self, count: int, within_s: float = 20.0) -> bool:
        """Wait until so many instances came complete."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.came) >= count, within_s)


@contextlib.contextmanager
def station(
    syntaxes: Sequence[str] = (EXPLICIT_LITTLE, IMPLICIT_LITTLE),
    *,
    classes: Sequence[str] = (CR, CT),
    answer: Answer = lambda event: 0x0000,
    verification: bool = True,
    **settings: Any,
) -> Iterator[Station]:
    """Run a station.

    Args:
        answer: called with the event of each C-STORE after it is noted; gives the status.
        settings: of the AE, e.g. `maximum_pdu_size`, `require_called_aet`.
    """
    here = Station()

    def store(event: Any) -> int:
        status = answer(event)
        with here.changed:
            raw = event.request.DataSet.getvalue()
            uid = str(event.request.AffectedSOPInstanceUID)
            here.came.append((uid, str(event.context.transfer_syntax), raw))
            here.changed.notify_all()
        return status

    ae = AE(ae_title="PACS")
    for name, value in settings.items():
        setattr(ae, name, value)
    for sop_class in classes:
        ae.add_supported_context(sop_class, list(syntaxes))
    if verification:
        ae.add_supported_context(VERIFICATION)
    # pynetdicom forgets to close a socket whose other end has gone.
    connections: list[socket.socket] = []
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_C_STORE, store),
            (evt.EVT_CONN_OPEN, lambda event: connections.append(event.assoc.dul.socket.socket)),
            (evt.EVT_ESTABLISHED, lambda event: here.associations.append(event.assoc)),
        ],
    )
    assert server is not None
    assert server.socket is not None
    here.port = server.socket.getsockname()[1]
    try:
        yield here
    finally:
        server.shutdown()
        for association in here.associations:
            association.join(10)
        for connection in connections:
            connection.close()
