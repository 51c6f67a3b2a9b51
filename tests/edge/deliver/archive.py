"""A station on loopback that is asked for storage commitment, and answers on the same association.

Its own side is scripted by pynetdicom: the result is sent once the N-ACTION has been answered.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)

from bocage_contract.destination import DicomDestination

INSTANCE = "1.2.840.10008.1.20.1.1"
WAIT_S = 10.0


@dataclass
class Archive:
    """What it was asked, and what we answered to its results."""

    port: int = 0
    requests: list[Any] = field(default_factory=list)
    answered: list[int | None] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def destination(self, name: str = "pacs") -> DicomDestination:
        """Give the configuration of this station."""
        return DicomDestination(
            name=name,
            aet="PACS",
            host="127.0.0.1",
            port=self.port,
            calling_aet="BOCAGE",
            commitment=True,
        )


@dataclass
class _Side:
    """What the station does when it is asked."""

    here: Archive
    lost: Collection[str]
    status: int
    reports: bool
    owes: list[Any] = field(default_factory=list)

    def take(self, event: Any) -> tuple[int, None]:
        """Answer an N-ACTION."""
        self.here.requests.append(event.action_information)
        if self.reports and self.status == 0x0000:
            self.owes.append(event.action_information)
        return self.status, None

    def sent(self, event: Any) -> None:
        """Report once the N-ACTION-RSP has left."""
        if isinstance(event.pdu, P_DATA_TF) and self.owes:
            words = (event.assoc, self.owes.pop())
            self.here.threads.append(threading.Thread(target=self.report, args=words))
            self.here.threads[-1].start()

    def report(self, assoc: Any, request: Dataset) -> None:
        """Send the result."""
        failed = [
            each
            for each in request.ReferencedSOPSequence
            if each.ReferencedSOPInstanceUID in self.lost
        ]
        result = Dataset()
        result.TransactionUID = request.TransactionUID
        kept = [each for each in request.ReferencedSOPSequence if each not in failed]
        for each in failed:
            each.FailureReason = 0x0112
        if kept:
            result.ReferencedSOPSequence = Items(kept)
        if failed:
            result.FailedSOPSequence = Items(failed)
        said, _ = assoc.send_n_event_report(
            result, 2 if failed else 1, StorageCommitmentPushModel, INSTANCE
        )
        self.here.answered.append(getattr(said, "Status", None))


@contextlib.contextmanager
def archive(
    *,
    lost: Collection[str] = (),
    status: int = 0x0000,
    reports: bool = True,
    offers: bool = True,
) -> Iterator[Archive]:
    """Run one.

    Args:
        lost: instances it does not have.
        status: of its answers to N-ACTION.
        reports: it sends the result at once.
    """
    here = Archive()
    side = _Side(here, lost, status, reports)
    ae = AE(ae_title="PACS")
    ae.add_supported_context(Verification)
    if offers:
        ae.add_supported_context(StorageCommitmentPushModel)
    # pynetdicom forgets to close a socket whose other end has gone.
    connections: list[socket.socket] = []
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_N_ACTION, side.take),
            (evt.EVT_PDU_SENT, side.sent),
            (evt.EVT_CONN_OPEN, lambda event: connections.append(event.assoc.dul.socket.socket)),
        ],
    )
    assert server is not None
    assert server.socket is not None
    here.port = server.socket.getsockname()[1]
    try:
        yield here
        for thread in here.threads:
            thread.join(WAIT_S)
    finally:
        server.shutdown()
        for connection in connections:
            connection.close()
