"""The associations of storage commitment that this box opens: a result is told to who asked.

Source: PS3.4 J.3.1.2 (roles), J.3.3 (N-EVENT-REPORT).
"""

from __future__ import annotations

from collections.abc import Callable

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.channel import LinkLostError
from bocage_edge.deliver.normalized import N_EVENT_REPORT, event_command
from bocage_edge.deliver.outcome import SUCCESS
from bocage_edge.deliver.scu import VERIFICATION, Context, StoreAssociation, Timeouts, connect
from bocage_edge.exam.references import (
    COMMITMENT_CLASS,
    COMMITMENT_INSTANCE,
    Result,
    write_result,
)
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

COMMITMENT = Context(COMMITMENT_CLASS, IMPLICIT_LITTLE)
CALL_TIMEOUTS = Timeouts(connect_s=10.0, stall_s=20.0, response_s=60.0)
# Answered in this range, the result was heard with a remark: PS3.7 C.1.2, C.3.
_WARNINGS = range(0xB000, 0xC000)

# Tells a result to an AE; gives why it was not taken, empty: it was.
Tell = Callable[[DicomDestination, Result], str]


def tell(there: DicomDestination, result: Result, timeouts: Timeouts = CALL_TIMEOUTS) -> str:
    """Send a result by N-EVENT-REPORT on an association of its own, in the role of the SCP.

    Returns:
        Why it was not taken, in words for an operator; empty: it was.
    """
    proposed = [Context(VERIFICATION, IMPLICIT_LITTLE), COMMITMENT]
    connected = connect(there, proposed, timeouts, as_scp_of=COMMITMENT_CLASS)
    if not isinstance(connected, StoreAssociation):
        return connected.reason
    try:
        return _tell_on(connected, result)
    except LinkLostError:
        return "it ended the association"
    finally:
        connected.release()


def _tell_on(association: StoreAssociation, result: Result) -> str:
    if not association.accepts(COMMITMENT):
        return "it does not take results of storage commitment"
    status = association.request(
        COMMITMENT,
        lambda message_id: event_command(
            message_id, COMMITMENT_CLASS, COMMITMENT_INSTANCE, result.event_type
        ),
        N_EVENT_REPORT,
        write_result(result),
    )
    if status is None:
        return "it did not answer the N-EVENT-REPORT"
    is_heard = status == SUCCESS or status in _WARNINGS
    return "" if is_heard else f"it answered 0x{status:04X} to the N-EVENT-REPORT"
