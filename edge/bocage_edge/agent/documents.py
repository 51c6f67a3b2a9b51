"""Signed documents from the console, laid down for the link unit, which alone puts them in force.

The agent looks at a document only to say at once that it is none; who signed it, for whom and
whether it is newer is judged by the link unit, with its own eyes.
"""

from __future__ import annotations

from bocage_contract.configuration import DESIRED_TYPE
from bocage_contract.errors import ContractError
from bocage_contract.fleet.events import Event, EventKind, Outcome, Why
from bocage_contract.fleet.keyset import KEYSET_TYPE
from bocage_contract.signing import MAX_ENVELOPE_BYTES, Envelope
from bocage_edge.paths import Box
from bocage_system.durable import write_atomic
from bocage_system.kick import ring

FILES = {DESIRED_TYPE: "desired.json", KEYSET_TYPE: "keyset.json"}


def lay_down(box: Box, raw: bytes, now: float) -> Event | None:
    """Lay a document down; gives what is to be told where it is none.

    Args:
        now: Unix seconds.

    Raises:
        OSError: the medium refused.
    """
    if len(raw) > MAX_ENVELOPE_BYTES:
        return refusal(Why.TOO_LARGE, now)
    try:
        name = FILES.get(Envelope.read(raw).payload_type)
    except ContractError:
        name = None
    if name is None:
        return refusal(Why.MALFORMED, now)
    box.inbox.mkdir(exist_ok=True)  # made at set-up, with its owner and mode
    write_atomic(box.inbox / name, raw, mode=0o640)
    ring(box.doorbell("link"))
    return None


def refusal(why: Why, now: float) -> Event:
    """Say that a document was refused."""
    return Event(
        seq=1,  # given by the outbox
        at=int(now * 1000),
        kind=EventKind.REFUSED_DOCUMENT,
        outcome=Outcome.REFUSED,
        why=why,
    )
