"""What the two boxes' ledgers say, asked by the command line a person would use."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

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


def entries(box: LabBox, after: int = 0, kind: str | None = None) -> list[Entry]:
    """Read a box's entries of the link after a number, of one kind or of all."""
    only = () if kind is None else ("--kind", kind)
    printed = box.cli("ledger", "show", LINK_ID, "--after", str(after), "--json", *only)
    return [Entry.read(line) for line in printed.splitlines()]


def statement(box: LabBox, month: str) -> str:
    """Let a box make the statement of a month, as CSV."""
    return box.cli("statement", month, "--csv")


def rows(statement_csv: str) -> list[dict[str, str]]:
    """Read a statement's rows, the sum last."""
    return list(csv.DictReader(StringIO(statement_csv)))


def compare_exports(boxes: tuple[LabBox, LabBox], folder: Path) -> str:
    """Let both boxes write their ledgers into files, and one of them pair the two.

    Returns:
        What it said; the last line is the verdict.
    """
    files = [str(folder / f"{box.name}.ledger") for box in boxes]
    for box, file in zip(boxes, files, strict=True):
        box.cli("ledger", "export", file)
    return boxes[0].cli("ledger", "reconcile", *files, ok=(_AGREE, _DIFFER))
