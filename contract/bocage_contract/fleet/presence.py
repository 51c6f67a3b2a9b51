"""Birth and will of a box's session with the broker."""

from __future__ import annotations

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.fleet.closed import BootId, Count, Seconds, Software, Upward


class Status(Upward):
    """Said when a session begins, and by the broker when it ends. Since contract 1.

    The console takes it as one sign among several: a will can come late or never. `session` grows
    with every session of a box, over restarts too; two boxes with one identity are told apart by
    counters that diverge.
    """

    contract: int = CONTRACT
    online: bool
    boot: BootId
    session: int = Field(ge=1, lt=1 << 53)
    at: Seconds
    software: Software
    revision: Count = Field(description="Of the configuration in force; 0: none yet.")
    keyset: Count = Field(description="Version of the keyset in force; 0: none yet.")
    outbox_epoch: int = Field(ge=1, lt=1 << 53)
    last_event: Count = Field(description="Number of the newest event in the outbox; 0: none.")
