"""Which exam a request is for: the exams that start here, judged by `exam.matching`.

Either may come first. A request whose exam is not there, or not accepted, waits; it is looked at
again when an exam has got names, and once when this unit starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.errors import SpoolError
from bocage_edge.exam.matching import Agreement, Held, HeldFor, Matched, agreement, match
from bocage_edge.exam.names import Names
from bocage_edge.receive.exam_book import ExamBook
from bocage_edge.receive.report_book import exams_with
from bocage_edge.spool.exam_names import Name
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.requests import NO_EXAM_YET, WaitingRequest
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, StoredObject
from bocage_system.clock import Clock

_STUDY = "study"
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Bound:
    """The exam is here, and accepted."""

    exam: Exam
    by: str  # word of the ledger


@dataclass(frozen=True, slots=True)
class Unbound:
    """It waits.

    Args:
        reason: why a person must look, a word of the ledger; empty: only the exam is missing.
    """

    reason: str = ""

    @property
    def held(self) -> str:
        """Why its object is held."""
        return f"no certain exam for this request: {self.reason}" if self.reason else NO_EXAM_YET


class RequestBook:
    """See the module. Safe to use from any thread."""

    def __init__(
        self, spool: Spool, clock: Clock, exams: ExamBook, ring_relay: Callable[[], None]
    ) -> None:
        """Take up every request that waits."""
        self._spool = spool
        self._clock = clock
        self._exams = exams
        self._ring_relay = ring_relay
        self._lock = threading.Lock()
        self._has_begun = False
        self._fresh: list[str] = []

    def find(self, link: str, names: Names) -> Bound | Unbound:
        """Find the exam of a request.

        Raises:
            SpoolError: the index cannot be read.
        """
        verdict = match(names, exams_with(self._spool, link, names, Direction.OUT))
        if isinstance(verdict, Matched):
            exam = self._spool.exam(Direction.OUT, link, verdict.exam_id)
            is_there = exam is not None and exam.state is ExamState.ACCEPTED
            return Bound(exam, verdict.by.value) if exam is not None and is_there else Unbound()
        if isinstance(verdict, Held):
            return Unbound("" if verdict.reason is HeldFor.NO_EXAM else verdict.reason.value)
        return Unbound(verdict.reason)

    def look_again(self, name: str) -> None:
        """Have a request that has just begun to wait looked at once more with the next step.

        Its exam may have come in the very moment.
        """
        with self._lock:
            self._fresh.append(name)

    def step(self) -> None:
        """Bind the requests whose exam has come.

        Raises:
            SpoolError: the index failed; it is tried again.
        """
        named = self._exams.take_named()
        with self._lock:
            fresh, self._fresh = self._fresh, []
            has_begun, self._has_begun = self._has_begun, True
        try:
            for waiting in self._due(named, fresh, is_all=not has_begun):
                self._settle(waiting)
        except SpoolError:
            with self._lock:
                self._fresh += fresh
                self._has_begun = has_begun
            self._exams.give_back_named(named)
            raise

    def cancelled(self, link: str, names: Names) -> list[str]:
        """Name the waiting requests that a cancellation is about: same order, same patient.

        Raises:
            SpoolError: the index cannot be read.
        """
        orders = [each for each in names.rows() if each[0] == "order"]
        return [
            each.object
            for each in self._spool.requests_named(link, orders)
            if agreement(names, names_of_waiting(each)) is not Agreement.OTHER
        ]

    def standing(self, wait_s: float) -> dict[str, int | float | None]:
        """Count those that wait, that a person must look at, and whose exam is long due.

        Raises:
            SpoolError: the index cannot be read.
        """
        waiting = self._spool.waiting_requests()
        now = self._clock.now()
        return {
            "waiting": len(waiting),
            "doubtful": sum(each.held != NO_EXAM_YET for each in waiting),
            "overdue": sum(now - each.at > wait_s for each in waiting),
            "oldest_at": waiting[0].at if waiting else None,
            "days": wait_s / _DAY_S,
        }

    def _due(
        self, named: Iterable[tuple[str, str]], fresh: Sequence[str], *, is_all: bool
    ) -> list[WaitingRequest]:
        if is_all:
            return self._spool.waiting_requests()
        found: dict[str, WaitingRequest] = {}
        for link, exam_id in named:
            names = [*self._spool.exam_names(link, exam_id), (_STUDY, exam_id)]
            found |= {each.object: each for each in self._spool.requests_named(link, names)}
        for name in fresh:
            waiting = self._spool.waiting_request(name)
            if waiting is not None:
                found[name] = waiting
        return list(found.values())

    def _settle(self, waiting: WaitingRequest) -> None:
        stored = self._spool.get(waiting.object)
        if stored is None:
            return
        now = self._clock.now()
        found = self.find(waiting.link, names_of_waiting(waiting))
        if isinstance(found, Unbound):
            held = [request_held(waiting.object, found, now)] if found.reason else []
            self._spool.doubt_request(waiting.object, found.held, held)
            return
        entries = [
            received_entry(stored, found.exam, now),
            request_entry(waiting.object, found, now),
        ]
        with self._exams.turn(waiting.link, found.exam.exam_id):
            is_bound = self._spool.bind_request(waiting.object, found.exam, entries)
        if is_bound:
            self._exams.has_request(waiting.link, found.exam.exam_id)
            self._ring_relay()


def waiting_names(names: Names) -> list[Name]:
    """Give what the index is to hold of a request that waits: kind and hash."""
    return [*names.rows(), *([(_STUDY, names.exam_id)] if names.exam_id else [])]


def names_of_waiting(waiting: WaitingRequest) -> Names:
    """Put together what the index holds of a request that waits."""
    study = next((hashed for kind, hashed in waiting.names if kind == _STUDY), "")
    return Names.of_rows(study, waiting.names)


def request_entry(name: str, bound: Bound, now: float) -> EntryDraft:
    """Write whose request an object is."""
    return draft("request", now, exam_id=bound.exam.exam_id, object=name, matched_by=bound.by)


def request_held(name: str, unbound: Unbound, now: float) -> EntryDraft:
    """Write that a person must look at a request."""
    return draft("request_held", now, object=name, reason=unbound.reason)


def received_entry(stored: StoredObject, exam: Exam, now: float) -> EntryDraft:
    """Write that a request which waited is on its way from now on."""
    return draft(
        "received",
        now,
        document=stored.kind.value,
        exam_class=exam.klass.value,
        exam_id=exam.exam_id,
        dataset_bytes=stored.dataset_bytes,
        digest=stored.digest,
        instance_key=stored.instance_key,
        object=stored.name,
        sealed_bytes=stored.size_bytes,
        service=stored.service or "",
    )
