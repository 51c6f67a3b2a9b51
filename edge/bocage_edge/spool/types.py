"""What the spool takes and gives: values, no behaviour.

States of an object that goes out, and of one that came in:

    out:  queued -> stored (at the partner) -> retired          in:  arrived -> opened -> retired
             |         |                                                  |        |
             +---------+--> refused -> queued (sent again)                +--------+--> refused
                               |                                                          |
                               +--> dropped                                               +--> ...

`retired` and `dropped` objects have no file any more; their row stays for 13 months, so that the
same instance sent again is recognised. `corrupt` ones lie in corrupt/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft

# A digest is kept for 13 months after its object has gone (design: a year's statement and one
# month to dispute it).
KEEP_ROW_S = 396 * 86_400.0
OBJECT_NAME_PATTERN = r"[0-9a-f]{64}"


class Direction(StrEnum):
    """Which way an object travels, seen from this box."""

    OUT = "out"
    IN = "in"


class ObjectKind(StrEnum):
    """What is inside the seal."""

    INSTANCE = "instance"
    REQUEST = "request"
    REPORT = "report"


class ObjectState(StrEnum):
    """Where an object stands; see the drawing above."""

    QUEUED = "queued"
    STORED = "stored"
    ARRIVED = "arrived"
    OPENED = "opened"
    REFUSED = "refused"
    RETIRED = "retired"
    DROPPED = "dropped"
    CORRUPT = "corrupt"


# States whose object has its file under objects/.
STATES_WITH_FILE = frozenset(
    {
        ObjectState.QUEUED,
        ObjectState.STORED,
        ObjectState.ARRIVED,
        ObjectState.OPENED,
        ObjectState.REFUSED,
    }
)
# States in which an instance that comes again needs no second object.
STATES_ON_THE_WAY_OR_DONE = frozenset({ObjectState.QUEUED, ObjectState.STORED, ObjectState.RETIRED})


class DeliveryState(StrEnum):
    """Where one object stands at one destination."""

    DUE = "due"
    DELIVERED = "delivered"
    REFUSED = "refused"


class Verdict(StrEnum):
    """How the way of an object, or of one delivery, ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nobody could say for certain of which exam an object is, and what speaks for one.

    Args:
        reason: a word of the ledger.
        report_state: `final` and the like; empty: it is no report, but comes with one.
        format: as in the convention's `report.formats`.
        names: its keyed hashes, kind and hash; `study` that of its own Study Instance UID.
        sealed: who it is of, sealed to the box's own opening key; None: not known.
    """

    reason: str
    report_state: str = ""
    format: str = ""
    names: Sequence[tuple[str, str]] = ()
    study: str = ""
    sealed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """By what a request whose exam has not come will know it; see `requests`.

    Args:
        names: kind and keyed hash, as in `exam_names`; `study` is the exam's id.
        is_order: it asks for something, rather than telling of an order's course.
        at: Unix seconds.
    """

    names: Sequence[tuple[str, str]]
    is_order: bool
    at: float


@dataclass(frozen=True, slots=True)
class OutgoingObject:
    """What the index must know of an object that starts here."""

    link: str
    klass: ExamClass
    kind: ObjectKind
    exam_id: str
    instance_key: str
    digest: str
    content_digest: str | None
    dataset_bytes: int
    service: str  # called AE title
    received_at: float  # Unix seconds
    arrive_by: float | None = None  # Unix seconds; None: no slot waits for it
    held: str | None = None  # why it is held back; None: it may travel
    report_state: str = ""  # of a report of the exam: final, preliminary; empty: it is none
    doubt: Doubt | None = None  # it is held until a person says of which exam it is
    waiting: Waiting | None = None  # of a request whose exam has not come
    class_key: str = ""  # keyed hash of its SOP class

    @property
    def is_of_exam(self) -> bool:
        """Whether it is an instance of an exam that starts here; a report answers one."""
        return self.kind is ObjectKind.INSTANCE and self.klass is not ExamClass.REPORT


@dataclass(frozen=True, slots=True)
class ArrivedObject:
    """What the partner's offer said of an object that has arrived."""

    name: str
    link: str
    klass: ExamClass
    kind: ObjectKind
    exam_id: str
    instance_key: str
    digest: str
    size_bytes: int
    arrive_by: float | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One row of the index."""

    name: str
    direction: Direction
    link: str
    klass: ExamClass
    kind: ObjectKind
    exam_id: str
    instance_key: str
    digest: str
    content_digest: str | None
    dataset_bytes: int | None
    service: str | None
    size_bytes: int  # of the sealed file
    state: ObjectState
    reason: str  # why it was refused, deferred, dropped; empty where it was not
    held: str | None  # why a person holds it back; None: not held
    accepted_at: float
    arrive_by: float | None
    due_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class UnmatchedObject:
    """An object that waits for a person to say of which exam it is."""

    name: str
    link: str
    service: str
    size_bytes: int  # of the sealed file
    at: float  # Unix seconds
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """An outgoing object that carries an instance which has come again."""

    object: str
    digest: str
    content_digest: str | None
    klass: ExamClass
    state: ObjectState

    @property
    def is_on_the_way_or_done(self) -> bool:
        """Whether the partner has it or will get it, so that no second object is needed."""
        return self.state in STATES_ON_THE_WAY_OR_DONE


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object on its way to one destination."""

    id: int
    object: StoredObject
    destination: str
    state: DeliveryState
    attempts: int
    due_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """The partner's verdict over one of our objects, from a verified entry of its ledger."""

    name: str
    verdict: Verdict
    reason: str = ""


class PendingEntry(NamedTuple):
    """A ledger entry that waits in the index until the keeper has it."""

    id: int
    chain: str  # a link id, or "box"
    draft: EntryDraft


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much lies in the spool in one corner of it."""

    direction: Direction
    link: str
    klass: ExamClass
    state: ObjectState
    objects: int
    size_bytes: int
    oldest_accepted_at: float | None  # of those that are not held; None: all are
    held: int


@dataclass(frozen=True, slots=True)
class RefusedExam:
    """Instances of one exam that the other side did not take, for one reason."""

    link: str
    exam_id: str
    reason: str
    instances: int
    received_at: float  # Unix seconds, of the first


@dataclass(frozen=True, slots=True)
class DeliveryBacklog:
    """How much waits for, or was refused by, one destination."""

    destination: str
    state: DeliveryState
    deliveries: int
    next_due_at: float


@dataclass(frozen=True, slots=True)
class DestinationPause:
    """A destination that is given a rest: nothing of it is due before `due_at`."""

    destination: str
    due_at: float
    reason: str
    since_at: float


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What `sweep` removed: left over by killed processes, acknowledged to nobody."""

    objects: int
    incoming: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found."""

    objects: int
    size_bytes: int
    missing: Sequence[str] = ()  # rows whose file is gone
    corrupt: Sequence[str] = ()  # files whose SHA-256 is not their name; now in corrupt/
    orphans: Sequence[str] = ()  # files no row speaks for; `sweep` removes them
    stale: Sequence[str] = ()  # files in incoming/ that nobody writes; `sweep` removes them
    parts: int = 0  # objects that have arrived in part
    in_use: int = 0  # files somebody writes at this moment
    known_corrupt: int = 0  # found on an earlier day
    stuck: Sequence[str] = ()  # arrived, not held, and yet due nowhere
    foreign: Sequence[str] = ()  # names the spool never makes

    @property
    def is_sound(self) -> bool:
        """Whether everything acknowledged is there, unchanged."""
        return not self.missing and not self.corrupt and not self.stuck

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left over either."""
        return self.is_sound and not self.orphans and not self.stale and not self.foreign
