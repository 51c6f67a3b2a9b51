"""What happened, each thing told once: numbered by the box, kept there until the console has it.

`(device, epoch, seq)` is unique in the console's database. A box whose outbox was lost or restored
from an older image begins a new epoch; numbers of an old epoch never come back.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.exam_class import ExamClass
from bocage_contract.fleet.closed import ExamRef, Upward
from bocage_contract.fleet.health import Code, Severity
from bocage_contract.model import Model
from bocage_contract.names import Hex32, Label, LinkId

MAX_EVENTS = 200


class EventKind(StrEnum):
    """What can happen."""

    STARTED = "started"
    CONDITION_BEGAN = "condition_began"
    CONDITION_ENDED = "condition_ended"
    CONFIGURATION = "configuration"
    COMMAND = "command"
    UNLOCKED = "unlocked"
    LOCKED = "locked"
    PARTNER_CONFIRMED = "partner_confirmed"
    EXAM_ACCEPTED = "exam_accepted"
    EXAM_REFUSED = "exam_refused"
    EXAM_RAISED = "exam_raised"
    EXAM_QUIET = "exam_quiet"
    EXAM_CANCELLED = "exam_cancelled"
    EXAM_DELIVERED = "exam_delivered"
    REQUEST_MISSING = "request_missing"
    REPORT_ARRIVED = "report_arrived"
    REPORT_HELD = "report_held"
    REPORT_REFUSED = "report_refused"
    REFUSED_CALLER = "refused_caller"
    OBJECT_CORRUPT = "object_corrupt"
    CHANGED_CONTENT = "changed_content"
    PARTNER_MISBEHAVED = "partner_misbehaved"
    VOLUME = "volume"
    REFUSED_DOCUMENT = "refused_document"


class Outcome(StrEnum):
    """How something ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    TRIAL = "trial"
    CONFIRMED = "confirmed"
    RETURNED = "returned"


class Why(StrEnum):
    """The reasons an event may give."""

    MODALITY_NOT_AGREED = "modality_not_agreed"
    OUTSIDE_VALIDITY = "outside_validity"
    OUTSIDE_SLOTS = "outside_slots"
    VOLUME = "volume"
    CONSENT_MISSING = "consent_missing"
    NO_EXAM = "no_exam"
    PATIENT_UNPROVEN = "patient_unproven"
    PATIENT_CONTRADICTS = "patient_contradicts"
    SEVERAL_EXAMS = "several_exams"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    BAD_SIGNATURE = "bad_signature"
    NOT_FOR_US = "not_for_us"
    OLDER = "older"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    CHECK_FAILED = "check_failed"
    POWER_CUT = "power_cut"
    UNREACHABLE = "unreachable"
    UNKNOWN_TARGET = "unknown_target"
    BUSY = "busy"
    OTHER = "other"


class Measure(StrEnum):
    """The numbers an event may carry."""

    INSTANCES = "instances"
    BYTES = "bytes"
    SLOT_FROM = "slot_from"  # Unix seconds
    SLOT_UNTIL = "slot_until"  # Unix seconds
    ARRIVE_BY = "arrive_by"  # Unix seconds
    REPORT_DUE = "report_due"  # Unix seconds
    REVISION = "revision"
    COUNT = "count"
    USED = "used"
    LIMIT = "limit"
    TOOK_MS = "took_ms"


class Event(Upward):
    """One thing that happened."""

    seq: int = Field(ge=1, lt=1 << 53)
    at: int = Field(ge=0, lt=1 << 53, description="Unix milliseconds.")
    kind: EventKind
    link: LinkId | None = None
    exam: ExamRef | None = None
    exam_class: ExamClass | None = None
    destination: Label | None = None
    command: Hex32 | None = None
    code: Code | None = None
    severity: Severity | None = None
    outcome: Outcome | None = None
    why: Why | None = None
    numbers: dict[Measure, int] = Field(default_factory=dict, max_length=len(Measure))


class Events(Upward):
    """A run of events without a gap, in their order. Since contract 1."""

    contract: int = CONTRACT
    epoch: int = Field(ge=1, lt=1 << 53)
    events: list[Event] = Field(min_length=1, max_length=MAX_EVENTS)


class Ack(Model):
    """The console's word, downwards: everything up to `committed` is in its database."""

    contract: int = CONTRACT
    epoch: int = Field(ge=1, lt=1 << 53)
    committed: int = Field(ge=0, lt=1 << 53)
