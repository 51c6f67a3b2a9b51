"""The associations of storage commitment that this box opens.

`tell` brings a result to who asked; `ask` asks a station, and waits a while for its result.

Source: PS3.4 J.3.1.2 (roles), J.3.2 (N-ACTION), J.3.3 (N-EVENT-REPORT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.channel import LinkLostError
from bocage_edge.deliver.normalized import (
    N_ACTION,
    N_EVENT_REPORT,
    action_command,
    event_command,
    event_response,
    is_event,
)
from bocage_edge.deliver.outcome import INVALID_ARGUMENT, SUCCESS
from bocage_edge.deliver.scu import VERIFICATION, Context, StoreAssociation, Timeouts, connect
from bocage_edge.exam.references import (
    COMMITMENT_CLASS,
    COMMITMENT_INSTANCE,
    MAX_DATA_SET_BYTES,
    REQUEST_COMMITMENT,
    ReferencesError,
    Request,
    Result,
    read_result,
    write_request,
    write_result,
)
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

COMMITMENT = Context(COMMITMENT_CLASS, IMPLICIT_LITTLE)
CALL_TIMEOUTS = Timeouts(connect_s=10.0, stall_s=20.0, response_s=60.0)
# Answered in this range, the result was heard with a remark: PS3.7 C.1.2, C.3.
_WARNINGS = range(0xB000, 0xC000)

# Tells a result to an AE; gives why it was not taken, empty: it was.
Tell = Callable[[DicomDestination, Result], str]
# How long a result is waited for on the association of its request; it may come later on another.
RESULT_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking a station came to.

    Args:
        reason: why it did not take the question, in words for an operator; empty: it did.
        result: what came on the same association; None: nothing has yet.
    """

    reason: str = ""
    result: Result | None = None


# Asks a station about instances.
Ask = Callable[[DicomDestination, Request], Asked]


def ask(
    there: DicomDestination,
    request: Request,
    timeouts: Timeouts = CALL_TIMEOUTS,
    result_within_s: float = RESULT_WITHIN_S,
) -> Asked:
    """Ask a station for storage commitment by N-ACTION, and wait a while for its result."""
    proposed = [Context(VERIFICATION, IMPLICIT_LITTLE), COMMITMENT]
    connected = connect(there, proposed, timeouts)
    if not isinstance(connected, StoreAssociation):
        return Asked(connected.reason)
    try:
        return _ask_on(connected, request, result_within_s)
    except LinkLostError:
        return Asked("it ended the association")
    finally:
        connected.release()


def _ask_on(association: StoreAssociation, request: Request, within_s: float) -> Asked:
    if not association.accepts(COMMITMENT):
        return Asked("it offers no storage commitment")
    status = association.request(
        COMMITMENT,
        lambda message_id: action_command(
            message_id, COMMITMENT_CLASS, COMMITMENT_INSTANCE, REQUEST_COMMITMENT
        ),
        N_ACTION,
        write_request(request),
    )
    if status is None:
        return Asked("it did not answer the N-ACTION")
    if status != SUCCESS and status not in _WARNINGS:
        return Asked(f"it answered 0x{status:04X} to the N-ACTION")
    try:
        return Asked(result=_result_on(association, within_s))
    except LinkLostError:
        return Asked()  # the question stands


def _result_on(association: StoreAssociation, within_s: float) -> Result | None:
    message = association.hear(within_s, MAX_DATA_SET_BYTES)
    if message is None or not is_event(message.command, COMMITMENT_CLASS):
        return None
    try:
        result = read_result(message.data_set, IMPLICIT_LITTLE)
    except ReferencesError:
        association.reply(message, event_response(message.command, INVALID_ARGUMENT))
        return None
    association.reply(message, event_response(message.command, SUCCESS))
    return result


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
