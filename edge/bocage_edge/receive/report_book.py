"""What comes back from the reading site: of which exam it is, or why nobody can say.

The exams that came over the link are judged by `exam.matching`; known of them are keyed hashes
only, learned where their first instance was opened. An exam of which nothing has been opened yet is
still found by its Study Instance UID. What comes with a report (key objects, presentation states,
captures) finds its exam in the same way.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.exam.identities import Document, Identities
from bocage_edge.exam.identity import exam_id, instance_key
from bocage_edge.exam.issuers import declared
from bocage_edge.exam.matching import Held, Matched, MatchedBy, Refused, match
from bocage_edge.exam.names import Names, names_of
from bocage_edge.particulars import seal_particulars
from bocage_edge.receive.reporting import Answering, report_in
from bocage_edge.receive.target import Target
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, Doubt
from bocage_system import logs
from bocage_system.clock import Clock

_log = logs.get("receive")

_REMEMBERED_REFUSALS = 4096
_ALARMS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Returned:
    """An instance that came back, as far as its exam is to be found."""

    sop_class: str
    sop_instance: str
    study_uid: str
    identities: Identities
    document: Document
    is_preliminary: bool = False
    particulars: Mapping[int, bytes] = field(default_factory=dict)  # who it is of, by tag


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an instance that came back belongs.

    Args:
        exam_id: of the exam it is of; in doubt, that of its own study.
        report: what report it is; None: it comes with one.
        by: what the match stands on; None: in doubt.
        doubt: why nobody can say; None: it may travel.
    """

    exam_id: str
    report: Answering | None
    by: MatchedBy | None = None
    doubt: Doubt | None = None

    def entries(self, name: str, now: float) -> list[EntryDraft]:
        """Write what the ledger says of it.

        Args:
            name: of the sealed object.
            now: Unix seconds.
        """
        if self.doubt is not None:
            return [draft("report_held", now, object=name, reason=self.doubt.reason)]
        if self.report is None or self.by is None:
            return []
        return [self.report.entry(name, self.exam_id, self.by, now)]


class ReportBook:
    """Finds the exam of what comes back. Safe to use from any thread."""

    def __init__(self, spool: Spool, clock: Clock, own_recipient: Callable[[], str]) -> None:
        """Hold the parts.

        Args:
            own_recipient: gives the box's own opening key, `age1…`.
        """
        self._spool = spool
        self._clock = clock
        self._own_recipient = own_recipient
        self._lock = threading.Lock()
        self._refused: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._alarms: list[dict[str, Any]] = []

    def place(self, target: Target, came: Returned) -> Placed | Refused:
        """Find the exam of an instance.

        Raises:
            SpoolError: the index cannot be read.
            SealError: the box's own opening key is none.
        """
        report = report_in(
            came.sop_class,
            came.document,
            lambda uids: self._states_of(target, uids),
            is_preliminary=came.is_preliminary,
        )
        found = match_report(self._spool, target, came.identities)
        if isinstance(found, Refused):
            return found
        if isinstance(found, Matched):
            return Placed(found.exam_id, report, found.by)
        names = names_for(target, came.identities)
        doubt = Doubt(
            found.reason.value,
            "" if report is None else report.state,
            "" if report is None else report.format,
            names.rows(),
            names.exam_id,
            seal_particulars(came.particulars, self._own_recipient()),
        )
        return Placed(exam_id(target.link_key, came.study_uid), report, doubt=doubt)

    def note_refusal(self, target: Target, came: Returned, refused: Refused) -> None:
        """Write it down, once for an instance and an exam, however often it is sent.

        Raises:
            SpoolError: the index failed.
        """
        key = target.link, refused.exam_id, instance_key(target.link_key, came.sop_instance)
        with self._lock:
            if key in self._refused:
                return
        now = self._clock.now()
        entry = draft("report_refused", now, exam_id=refused.exam_id, reason=refused.reason)
        self._spool.record(target.link, [entry])
        _log.warning("report refused", link=target.link, reason=refused.reason)
        with self._lock:
            self._refused[key] = None
            if len(self._refused) > _REMEMBERED_REFUSALS:
                self._refused.popitem(last=False)

    def look(self) -> None:
        """See what waits for a person; to be called every few seconds.

        Raises:
            SpoolError: the index cannot be read.
        """
        waiting = self._spool.unmatched()[:_ALARMS_SHOWN]
        self._alarms = [
            {
                "code": "report_held",
                "link": each.link,
                "object": each.name,
                "reason": each.doubt.reason,
                "at": each.at,
            }
            for each in waiting
        ]

    def alarms(self) -> list[dict[str, Any]]:
        """Give what a person should look at, as it was at the last look: the oldest first."""
        return self._alarms

    def _states_of(self, target: Target, uids: Sequence[str]) -> set[str]:
        keys = [instance_key(target.link_key, uid) for uid in uids]
        return self._spool.report_states(target.link, keys)


def match_report(spool: Spool, target: Target, identities: Identities) -> Matched | Held | Refused:
    """Find the exam that came over a link and that a report answers.

    Args:
        identities: who the report says it is of; DICOM and HL7 alike.

    Raises:
        SpoolError: the index cannot be read.
    """
    names = names_for(target, identities)
    return match(names, exams_with(spool, target.link, names, Direction.IN))


def names_for(target: Target, identities: Identities) -> Names:
    """Hash what a report says by the key of its link."""
    return names_of(target.link_key, declared(identities, target.issuers))


def exams_with(spool: Spool, link: str, names: Names, direction: Direction) -> list[Names]:
    """Gather the exams of a link that share a study, a number or a person with these names.

    Args:
        direction: IN: exams that came here, for reports; OUT: exams that start here, for requests.

    Raises:
        SpoolError: the index cannot be read.
    """
    found = dict.fromkeys(spool.exams_named(link, names.rows()))
    if names.exam_id:
        found[names.exam_id] = None
    return [
        Names.of_rows(exam_id, spool.exam_names(link, exam_id))
        for exam_id in found
        if spool.is_exam(direction, link, exam_id)
    ]
