"""What the demonstration found, for a person and for a program."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ExamOutcome:
    """One exam's way to the reading station, and its report's way back.

    Args:
        instances: that arrived at the station.
        bytes: of the data sets, as the modality puts them on the wire.
        wire_bytes: that the relay put on its stream between the boxes for them.
        seconds: from the modality's start to the last instance whole at the station.
        digests_equal: each data set at the station is, byte for byte, what the modality sends.
        report_seconds: from the station's start of sending the report to the PACS having it whole.
        report_equal: the report at the PACS is, byte for byte, what the station sends.
    """

    name: str
    instances: int
    bytes: int
    wire_bytes: int
    seconds: float
    digests_equal: bool
    report_seconds: float
    report_equal: bool

    @property
    def held(self) -> bool:
        """Whether everything about this exam was as promised."""
        return self.digests_equal and self.report_equal

    @property
    def ratio(self) -> float:
        """How many times less than the data sets went over the line."""
        return self.bytes / self.wire_bytes if self.wire_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole demonstration.

    Args:
        faults: what did not hold, in words; empty where all did.
    """

    exams: tuple[ExamOutcome, ...]
    ledgers_agree: bool
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return bool(self.exams) and not self.faults and self.ledgers_agree and self._all_held

    @property
    def _all_held(self) -> bool:
        return all(exam.held for exam in self.exams)

    def to_json(self) -> dict[str, Any]:
        """Give the object that `--json` prints."""
        return {
            "ok": self.ok,
            "exams": [asdict(exam) for exam in self.exams],
            "ledgers_agree": self.ledgers_agree,
            "faults": list(self.faults),
        }
