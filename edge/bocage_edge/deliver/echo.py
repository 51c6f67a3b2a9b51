"""Whether a station is there: one C-ECHO; for HL7, which has no such question, a connection."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bocage_contract.destination import Destination, DicomDestination
from bocage_edge.deliver.channel import LinkLostError
from bocage_edge.deliver.mllp import knock
from bocage_edge.deliver.outcome import SUCCESS
from bocage_edge.deliver.scu import (
    VERIFICATION,
    Context,
    StoreAssociation,
    Timeouts,
    connect,
)
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

ECHO_TIMEOUTS = Timeouts(connect_s=5.0, stall_s=5.0, response_s=5.0)


@dataclass(frozen=True, slots=True)
class EchoResult:
    """What came of asking.

    Args:
        reason: in words, for an operator; empty where it went well.
        took_ms: from dialling to the answer.
    """

    is_there: bool
    reason: str
    took_ms: int


def echo(destination: Destination, timeouts: Timeouts = ECHO_TIMEOUTS) -> EchoResult:
    """Ask a station whether it is there."""
    started = time.monotonic()
    if isinstance(destination, DicomDestination):
        reason = _why_not(destination, timeouts)
    else:
        reason = knock(destination, timeouts.connect_s)
    return EchoResult(not reason, reason, round(1000 * (time.monotonic() - started)))


def _why_not(destination: DicomDestination, timeouts: Timeouts) -> str:
    connected = connect(destination, [Context(VERIFICATION, IMPLICIT_LITTLE)], timeouts)
    if not isinstance(connected, StoreAssociation):
        return connected.reason
    try:
        status = connected.echo()
    except LinkLostError:
        return "station ended the association"
    finally:
        connected.release()
    if status is None:
        return "station did not answer the C-ECHO"
    return "" if status == SUCCESS else f"station answered 0x{status:04X} to the C-ECHO"
