"""An AE of the site that asked for storage commitment, on loopback: it takes the results."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)

from bocage_contract.destination import DicomDestination


@dataclass
class Asker:
    """What came, and where it listens."""

    port: int = 0
    results: list[tuple[int, Any]] = field(default_factory=list)  # event type, data set
    callers: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def destination(self) -> DicomDestination:
        """Give the configuration of this AE."""
        return DicomDestination(
            name="commitment", aet="CR1", host="127.0.0.1", port=self.port, calling_aet="FLERS"
        )


@contextlib.contextmanager
def asker(
    *,
    answer: Callable[[], int] = lambda: 0x0000,
    grants_role: bool = True,
    offers: bool = True,
) -> Iterator[Asker]:
    """Run one.

    Args:
        answer: gives the status of each N-EVENT-REPORT.
        grants_role: it confirms that its caller plays the SCP.
        offers: it accepts storage commitment at all.
    """
    here = Asker()

    def take(event: Any) -> tuple[int, None]:
        with here.changed:
            here.results.append((event.event_type, event.event_information))
            here.callers.append(event.assoc.requestor.ae_title)
            here.changed.notify_all()
        return answer(), None

    ae = AE(ae_title="CR1")
    ae.add_supported_context(Verification)
    if offers:
        role = True if grants_role else None
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=role, scp_role=role)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)]
    )
    assert server is not None
    assert server.socket is not None
    here.port = server.socket.getsockname()[1]
    try:
        yield here
    finally:
        server.shutdown()
