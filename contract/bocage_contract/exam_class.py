"""How an exam travels."""

from __future__ import annotations

from enum import StrEnum


class ExamClass(StrEnum):
    """How an exam travels; the order is that of urgency, most urgent first."""

    URGENT = "urgent"
    REPORT = "report"
    ROUTINE = "routine"
    PRIOR = "prior"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(ExamClass).index(self)
