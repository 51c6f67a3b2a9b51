"""What the demonstration found, for a person and for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ExamOutcome:
    """One exam's way to the reading station, and its report's way back.

    Args:
        service: called AE title it was sent to.
        instances: that arrived at the station: the exam's, and its request.
        bytes: of the data sets, as the modality puts them on the wire.
        wire_bytes: that the relay put on its stream between the boxes for them.
        seconds: from the modality's start to the last instance whole at the station.
        digests_equal: each data set at the station is, byte for byte, what the modality sends.
        report_seconds: from the station's start of sending the report to the PACS having it whole;
            None: a prior, which nobody reports on.
        report_equal: the report at the PACS is, byte for byte, what the station sends.
        slot_from: when the reading session begins that it is for, Unix seconds; None: it waits for
            none.
    """

    name: str
    service: str
    instances: int
    bytes: int
    wire_bytes: int
    seconds: float
    digests_equal: bool
    report_seconds: float | None
    report_equal: bool
    slot_from: int | None = None

    @property
    def held(self) -> bool:
        """Whether everything about this exam was as promised."""
        return self.digests_equal and self.report_equal

    @property
    def ratio(self) -> float:
        """How many times less than the data sets went over the line."""
        return self.bytes / self.wire_bytes if self.wire_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the demonstration claims.

    Args:
        seen: what showed it, or what was seen instead.
    """

    claim: str
    held: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole demonstration.

    Args:
        statement: of the month, a row a modality, as both boxes print it.
        faults: what did not hold, in words; empty where all did.
    """

    exams: tuple[ExamOutcome, ...]
    ledgers_agree: bool
    faults: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    statement: Sequence[Mapping[str, str]] = ()

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return bool(self.exams) and not self.faults and self.ledgers_agree and self._all_held

    @property
    def _all_held(self) -> bool:
        if not self.checks:  # no claim at all is none that held
            return False
        return all(exam.held for exam in self.exams) and all(each.held for each in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Give the object that `--json` prints."""
        return {
            "ok": self.ok,
            "exams": [asdict(exam) for exam in self.exams],
            "ledgers_agree": self.ledgers_agree,
            "checks": [asdict(check) for check in self.checks],
            "statement": [dict(row) for row in self.statement],
            "faults": list(self.faults),
        }
