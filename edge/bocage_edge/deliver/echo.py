"""Whether a station is there and knows us: one C-ECHO on an association of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bocage_contract.configuration import Destination
from bocage_edge.deliver.channel import LinkLostError
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
    """What came of a C-ECHO.

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
    reason = _why_not(destination, timeouts)
    return EchoResult(not reason, reason, round(1000 * (time.monotonic() - started)))


def _why_not(destination: Destination, timeouts: Timeouts) -> str:
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
