"""When has everything of an exam come, as far as one can tell?

An exam is quiet when no association that brought some of it is open and nothing has come for a
while. Nothing waits for that: it decides when a manifest is written, never whether to send.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

Key = tuple[str, str]  # link, exam_id


@dataclass(slots=True)
class _Coming:
    last_at: float
    associations: set[int] = field(default_factory=set)


class Quiet:
    """Safe to use from any thread. Times are seconds of a clock that nobody sets."""

    def __init__(self) -> None:
        """Know of no exam."""
        self._lock = threading.Lock()
        self._coming: dict[Key, _Coming] = {}
        self._exams: dict[int, set[Key]] = {}

    def touch(self, association: int, exam: Key, now: float) -> None:
        """Note that something of an exam has come."""
        with self._lock:
            coming = self._coming.setdefault(exam, _Coming(now))
            coming.last_at = now
            coming.associations.add(association)
            self._exams.setdefault(association, set()).add(exam)

    def over(self, association: int) -> None:
        """Note that an association has ended, however it did."""
        with self._lock:
            for exam in self._exams.pop(association, ()):
                if exam in self._coming:
                    self._coming[exam].associations.discard(association)

    def take_due(self, now: float, quiet_s: float) -> list[Key]:
        """Take out the exams that are quiet now; what comes of one later makes it due again."""
        with self._lock:
            due = [
                exam
                for exam, coming in self._coming.items()
                if not coming.associations and now - coming.last_at >= quiet_s
            ]
            for exam in due:
                del self._coming[exam]
            return due
