"""Exams as the receiving unit sees them: decided once, remembered, and quiet in the end.

One exam is decided on by one association at a time; once it is accepted, what is known of it comes
from memory. The row in the index is written in the same transaction as the object that decided.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bocage_contract.convention.calendar import Slot
from bocage_contract.convention.eligibility import NotEligible, Reason
from bocage_contract.convention.model import Convention, RequestRule
from bocage_contract.convention.versions import is_agreed_format, version_of
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.errors import SpoolError
from bocage_edge.particulars import seal_particulars
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.decision import Coming, Refuse, Take, decide
from bocage_edge.receive.quiet import Quiet
from bocage_edge.receive.turns import Turns
from bocage_edge.spool.exams import UNDECIDED, Exam, ExamChange, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState, StoredObject
from bocage_system import logs
from bocage_system.clock import Clock

_log = logs.get("receive")

REMEMBERED_EXAMS = 4096
LOOK_BACK_S = 7 * 86_400.0
_ALARMS_SHOWN = 50
_GONE = frozenset({ObjectState.DROPPED, ObjectState.CORRUPT})
_ANSWERS = {
    Reason.MODALITY_NOT_AGREED: Answer.MODALITY_NOT_AGREED,
    Reason.OUTSIDE_VALIDITY: Answer.OUTSIDE_VALIDITY,
    Reason.OUTSIDE_SLOTS: Answer.OUTSIDE_SLOTS,
    Reason.VOLUME: Answer.VOLUME,
    Reason.CONSENT_MISSING: Answer.CONSENT_MISSING,
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds for one instance.

    Args:
        refusal: why it is not taken; None: it is.
        held: why its object waits; None: it may travel.
        change: what becomes of the exam's row; None: nothing.
        entries: what the ledger is to say of the exam, committed with the change.
        particulars: who the exam is of, sealed to this box; committed with the change.
    """

    klass: ExamClass
    refusal: Answer | None = None
    arrive_by: float | None = None
    held: str | None = None
    change: ExamChange | None = None
    entries: tuple[EntryDraft, ...] = ()
    particulars: bytes | None = None


class ExamBook:
    """See the module. Safe to use from any thread."""

    def __init__(self, spool: Spool, clock: Clock, own_recipient: Callable[[], str]) -> None:
        """Take up the exams that were not quiet yet when this unit ended.

        Args:
            own_recipient: gives the box's own opening key, `age1…`.

        Raises:
            SpoolError: the index cannot be read.
        """
        self._spool = spool
        self._clock = clock
        self._own_recipient = own_recipient
        self._turns = Turns()
        self._lock = threading.Lock()
        self._accepted: OrderedDict[tuple[str, str], Exam] = OrderedDict()
        self._alarms: OrderedDict[tuple[str, str, str], dict[str, Any]] = OrderedDict()
        self._named: set[tuple[str, str]] = set()
        self._quiet = Quiet()
        for exam in spool.unquiet_exams(clock.now() - LOOK_BACK_S):
            self._quiet.touch(0, (exam.link, exam.exam_id), clock.monotonic())
        self._quiet.over(0)

    @contextmanager
    def judged(self, versions: Sequence[Convention], coming: Coming) -> Iterator[Ruling]:
        """Rule on one instance; what it decides is in the index when the block is left.

        Raises:
            SpoolError: the index failed.
        """
        if coming.exam_class is ExamClass.REPORT:
            yield Ruling(coming.exam_class)  # an answer to the partner's exam, none of ours
            return
        key = coming.link, coming.exam_id
        exam = self._remembered(key)
        if exam is not None and _changes_nothing(exam, coming):
            yield Ruling(exam.klass, arrive_by=exam.arrive_by)
            return
        with self._turns.of("/".join(key)):
            before = self._spool.exam(Direction.OUT, *key)
            used = Used(self._spool, coming.link, before)
            decided = decide(versions, before, coming, used)
            if isinstance(decided, Refuse):
                self._note_refusal(before, decided, coming)
                yield Ruling(coming.exam_class, refusal=_ANSWERS[decided.refusal.reason])
                return
            yield self._ruling(before, decided, coming)
            if decided.exam.state is ExamState.ACCEPTED:
                self._remember(key, decided.exam)
                if before is None or before.state is not ExamState.ACCEPTED:
                    self.give_back_named([key])

    def touch(self, association: int, coming: Coming) -> None:
        """Note that an instance of an exam has come over an association."""
        if coming.exam_class is ExamClass.REPORT:
            return
        self._quiet.touch(association, (coming.link, coming.exam_id), self._clock.monotonic())

    def over(self, association: int) -> None:
        """Note that an association has ended."""
        self._quiet.over(association)

    def settle_quiet(self, quiet_s: float, versions: Mapping[str, Sequence[Convention]]) -> None:
        """Write the manifests of exams that have become quiet.

        Raises:
            SpoolError: the index failed; it is tried again.
        """
        for link, exam_id in self._quiet.take_due(self._clock.monotonic(), quiet_s):
            try:
                self._settle_one(link, exam_id, versions.get(link, ()))
            except SpoolError:
                self._quiet.touch(0, (link, exam_id), self._clock.monotonic())
                self._quiet.over(0)
                raise

    def note_report(
        self, link: str, versions: Sequence[Convention], exam_id: str, form: str
    ) -> None:
        """Raise an alarm where a report came in a format nobody agreed on; it travels all the same.

        Args:
            versions: of the link's convention.
            exam_id: of the partner's exam that it answers.
            form: as in the convention's `report.formats`.

        Raises:
            SpoolError: the index cannot be read.
        """
        exam = self._spool.exam(Direction.IN, link, exam_id)
        if not is_agreed_format(versions, 0 if exam is None else exam.version, form):
            self._alarm("report_format", link, exam_id)

    def alarms(self) -> list[dict[str, Any]]:
        """Give what a person should look at: code, link, exam, time, newest last."""
        with self._lock:
            return list(self._alarms.values())

    # Requests

    @contextmanager
    def turn(self, link: str, exam_id: str) -> Iterator[None]:
        """Wait until nobody decides on an exam, and keep others from it."""
        with self._turns.of(f"{link}/{exam_id}"):
            yield

    def now(self, exam: Exam) -> Exam:
        """Give an exam as it stands now.

        Raises:
            SpoolError: the index cannot be read.
        """
        return self._spool.exam(exam.direction, exam.link, exam.exam_id) or exam

    def take_named(self) -> list[tuple[str, str]]:
        """Give, once, the exams accepted since, link and id: a request may wait for them."""
        with self._lock:
            named, self._named = self._named, set()
        return sorted(named)

    def give_back_named(self, named: Iterable[tuple[str, str]]) -> None:
        """Have exams given once more."""
        with self._lock:
            self._named.update(named)

    def has_request(self, link: str, exam_id: str) -> None:
        """Take note that the request of an exam is there: nobody need look for it any more."""
        with self._lock:
            self._alarms.pop(("request_missing", link, exam_id), None)

    # Deciding

    def _remembered(self, key: tuple[str, str]) -> Exam | None:
        with self._lock:
            exam = self._accepted.get(key)
        # A person may have cancelled or raised it since, by another process.
        if exam is None or self._spool.exam_standing(Direction.OUT, *key) == (
            exam.state.value,
            exam.klass.rank,
        ):
            return exam
        with self._lock:
            self._accepted.pop(key, None)
        return None

    def _remember(self, key: tuple[str, str], exam: Exam) -> None:
        with self._lock:
            self._accepted[key] = exam
            self._accepted.move_to_end(key)
            if len(self._accepted) > REMEMBERED_EXAMS:
                self._accepted.popitem(last=False)

    def _ruling(self, before: Exam | None, taken: Take, coming: Coming) -> Ruling:
        exam = taken.exam
        if exam == before:
            return Ruling(
                exam.klass, arrive_by=exam.arrive_by, held=UNDECIDED if taken.is_held else None
            )
        entries = [exam_entry(taken, coming.at)] if taken.why else []
        for mark in taken.volume:
            entries.append(
                draft("volume", coming.at, scope=mark.scope, used=mark.used, limit=mark.limit)
            )
            self._alarm("volume", coming.link, exam.exam_id)
        if taken.outside_slots and taken.why:
            # Nobody reads just now: the people the convention names are to be told.
            self._alarm("urgent_outside", coming.link, exam.exam_id)
        # Once an exam: who it is of, for the report that will come and for nobody else.
        is_new = before is None or before.state is not ExamState.ACCEPTED
        sealed = None
        if is_new and exam.state is ExamState.ACCEPTED:
            sealed = seal_particulars(coming.particulars, self._own_recipient())
        return Ruling(
            exam.klass,
            arrive_by=exam.arrive_by,
            held=UNDECIDED if taken.is_held else None,
            change=lambda now: merged(now, exam),
            entries=tuple(entries),
            particulars=sealed,
        )

    def _note_refusal(self, before: Exam | None, refused: Refuse, coming: Coming) -> None:
        """Write it down once for an exam and a service, however many instances come."""
        exam, reason = refused.exam, refused.refusal.reason
        code = f"refused:{coming.service}:{reason.value}".replace(" ", "_")
        if before is not None and code in before.told:
            return
        noted = replace(exam, told=exam.told | {code})
        entry = _refusal_entry(refused.refusal, coming)
        self._spool.change_exam(
            Direction.OUT, coming.link, coming.exam_id, lambda now: merged(now, noted), [entry]
        )
        _log.warning("exam refused", link=coming.link, reason=reason.value)

    # Quiet

    def _settle_one(self, link: str, exam_id: str, versions: Sequence[Convention]) -> None:
        objects = self._spool.objects_of_exam(link, exam_id)
        exam = self._spool.exam(Direction.OUT, link, exam_id)
        if exam is None:
            return
        if exam.state is not ExamState.ACCEPTED:
            if any(each.held == UNDECIDED for each in objects):
                self._alarm("undecided", link, exam_id)
            return
        # One that was sent again after a refusal lies there twice.
        digests = sorted({each.digest for each in objects if _is_of_manifest(each)})
        if len(digests) <= exam.quiet_instances:
            return
        now = self._clock.now()
        root = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        late = len(digests) - exam.quiet_instances if exam.quiet_at is not None else 0
        entries = [
            draft("quiet", now, exam_id=exam_id, instances=len(digests), late=late, root=root)
        ]
        told = exam.told
        if _lacks_request(exam, versions) and "request_missing" not in told:
            told |= {"request_missing"}
            entries.append(draft("request_missing", now, exam_id=exam_id))
            self._alarm("request_missing", link, exam_id)

        def become(before: Exam | None) -> Exam:
            there = before or exam
            return replace(
                there,
                quiet_at=now,
                quiet_instances=len(digests),
                told=there.told | told,
            )

        self._spool.change_exam(Direction.OUT, link, exam_id, become, entries)

    def _alarm(self, code: str, link: str, exam_id: str) -> None:
        _log.warning("alarm", code=code, link=link)
        with self._lock:
            self._alarms[code, link, exam_id] = {
                "code": code,
                "link": link,
                "exam_id": exam_id,
                "at": self._clock.now(),
            }
            while len(self._alarms) > _ALARMS_SHOWN:
                self._alarms.popitem(last=False)


class Used:
    """Counts other exams of a stretch of time; see `decision.Used`."""

    def __init__(self, spool: Spool, link: str, before: Exam | None) -> None:
        self._spool = spool
        self._link = link
        self._before = before

    def __call__(self, stretch: Slot, by_slot: bool) -> int:
        count = self._spool.count_exams(self._link, stretch.start, stretch.end, by_slot=by_slot)
        return count - self._counts_itself(stretch, by_slot)

    def _counts_itself(self, stretch: Slot, by_slot: bool) -> bool:
        exam = self._before
        if exam is None or exam.state is not ExamState.ACCEPTED:
            return False
        at = exam.slot_from if by_slot else exam.accepted_at
        return exam.klass is not ExamClass.PRIOR and at is not None and stretch.holds(at)


def _changes_nothing(exam: Exam, coming: Coming) -> bool:
    is_news = coming.is_request and exam.request_at is None
    return coming.exam_class.rank >= exam.klass.rank and not is_news


def _is_of_manifest(each: StoredObject) -> bool:
    is_ours = each.direction is Direction.OUT and each.kind is ObjectKind.INSTANCE
    return is_ours and each.state not in _GONE


def merged(now: Exam | None, decided: Exam) -> Exam:
    """Keep what other units have written into the row meanwhile."""
    if now is None:
        return decided
    return replace(
        decided,
        quiet_at=now.quiet_at,
        quiet_instances=now.quiet_instances,
        report_state=now.report_state,
        report_at=now.report_at,
        request_at=decided.request_at if now.request_at is None else now.request_at,
        alarmed=now.alarmed,
        told=now.told | decided.told,
    )


def _lacks_request(exam: Exam, versions: Sequence[Convention]) -> bool:
    convention = version_of(versions, exam.version)
    is_wanted = convention is not None and convention.request is RequestRule.REQUIRED
    return is_wanted and exam.klass is not ExamClass.PRIOR and exam.request_at is None


def exam_entry(taken: Take, at: float) -> EntryDraft:
    """Say in the ledger what was decided of an exam."""
    exam = taken.exam
    return draft(
        "exam",
        at,
        exam_id=exam.exam_id,
        service=exam.service,
        exam_class=exam.klass.value,
        convention=exam.convention,
        version=exam.version,
        modality=exam.modality,
        accepted_at=_whole(exam.accepted_at),
        slot_from=_whole(exam.slot_from),
        slot_until=_whole(exam.slot_until),
        arrive_by=_whole(exam.arrive_by),
        report_due=_whole(exam.report_due),
        outside_slots=taken.outside_slots,
        why=taken.why,
    )


def _refusal_entry(refusal: NotEligible, coming: Coming) -> EntryDraft:
    convention = refusal.convention
    return draft(
        "exam_refused",
        coming.at,
        exam_id=coming.exam_id,
        service=coming.service,
        convention="" if convention is None else convention.id,
        version=0 if convention is None else convention.version,
        modality=coming.named_modality,
        reason=refusal.reason.value,
    )


def _whole(at: float | None) -> int | None:
    return None if at is None else int(at)
