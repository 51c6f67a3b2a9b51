"""What an HL7 acknowledgement means for the spool. Pure.

The standard lets AE say nearly anything, so the code of its ERR decides: what a mended database or
a free record will let pass is tried again, what lies in the message waits for a person.

Source: HL7 v2.5.1 2.9.2, 2.9.3; tables 0008, 0357; docs/adr/0004.
"""

from __future__ import annotations

from bocage_edge.deliver.outcome import Deferred, Delivered, Outcome, Refused, Scope
from bocage_edge.hl7.acknowledgement import Answered, Verdict

# Table 0357.
LOCKED, INTERNAL_ERROR = "206", "207"
TRANSIENT = frozenset({LOCKED, INTERNAL_ERROR})
PERMANENT = {
    "100": "its segments are not in the order it wants",
    "101": "a field it requires is missing",
    "102": "a field is not of the type it wants",
    "103": "a value is not in its table",
    "200": "it does not take this kind of message",
    "201": "it does not take this event",
    "202": "it does not take this processing id (MSH-11)",
    "203": "it does not take this version of HL7 (MSH-12)",
    "204": "it does not know the patient or the order",
    "205": "it says it holds this already",
}


def outcome_of_answer(answered: Answered) -> Outcome:
    """Say what an answer to one of our messages means.

    What this table does not know is deferred: to keep a message too long is cheap, to drop one
    is not.
    """
    verdict = answered.verdict
    if verdict is Verdict.ACCEPT:
        return Delivered()
    if verdict is None:
        return Deferred("its acknowledgement has no code of the standard's", Scope.INSTANCE)
    if TRANSIENT & set(answered.errors):
        return Deferred(f"it cannot take the message now ({_said(answered)})", Scope.INSTANCE)
    permanent = [PERMANENT[code] for code in answered.errors if code in PERMANENT]
    if permanent:
        return Refused(f"{permanent[0]} ({_said(answered)})", Scope.INSTANCE)
    if verdict is Verdict.REJECT:
        return Refused(f"it rejects the message ({_said(answered)})", Scope.INSTANCE)
    return Deferred(f"it could not process the message ({_said(answered)})", Scope.INSTANCE)


def _said(answered: Answered) -> str:
    return " ".join((answered.code, *answered.errors[:4]))
