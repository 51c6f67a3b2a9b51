"""What the two boxes' ledgers say, asked by the command line a person would use."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bocage_contract.ledger import Entry
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import LINK_ID

_AGREE, _DIFFER = 0, 1
_LONGEST_CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One box's comparison of its own ledger with its copy of the partner's.

    Args:
        settled: nothing is on its way any more.
        faults: what contradicts, in words.
    """

    agree: bool
    settled: bool
    delivered: int
    faults: tuple[str, ...]


def reconcile(box: LabBox, wait_s: float) -> Reconciliation:
    """Let a box compare the two ledgers of the link, waiting a while for them to be settled."""
    printed = box.cli(
        *("ledger", "reconcile", LINK_ID, "--wait-s", str(wait_s), "--json"),
        ok=(_AGREE, _DIFFER),
        timeout_s=wait_s + _LONGEST_CALL_S,
    )
    said = json.loads(printed)
    return Reconciliation(
        bool(said["agree"]), bool(said["settled"]), int(said["delivered"]), tuple(said["faults"])
    )


def entries(box: LabBox, after: int) -> list[Entry]:
    """Read a box's entries of the link after a number."""
    printed = box.cli("ledger", "show", LINK_ID, "--after", str(after), "--json")
    return [Entry.read(line) for line in printed.splitlines()]
