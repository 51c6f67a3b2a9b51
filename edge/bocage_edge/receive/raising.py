"""Raising an exam to urgent as a whole, by a person instead of by sending it again.

It is decided as if one of its instances came on the link's urgent service now.
"""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.configuration import Link
from bocage_contract.convention.eligibility import Reason
from bocage_contract.convention.versions import governing
from bocage_contract.exam_class import ExamClass
from bocage_edge.receive.decision import Coming, Refuse, decide
from bocage_edge.receive.exam_book import Used, exam_entry, merged
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool


def urgent_services(link: Link, now: float) -> list[str]:
    """Name the services of a link that an urgent exam may come on now."""
    versions = [approved.convention for approved in link.conventions]
    agreed = governing(versions, now)
    return [
        service.aet
        for service in link.services
        if service.exam_class is ExamClass.URGENT
        and (not versions or (agreed is not None and service.aet in agreed.services))
    ]


def raise_exam(
    spool: Spool, link: Link, exam: Exam, services: Sequence[str], now: float
) -> Exam | Reason:
    """Raise an accepted exam on the first of some services that takes it.

    Args:
        exam: its row as it stands.
        services: of class urgent, at least one.
        now: Unix seconds.

    Returns:
        The exam's row as it is now, or why the last service does not take it.

    Raises:
        SpoolError: the index failed; nothing was changed.
    """
    versions = [approved.convention for approved in link.conventions]
    refused = Reason.OUTSIDE_VALIDITY
    for service in services:
        coming = Coming(
            exam.link,
            exam.exam_id,
            service,
            ExamClass.URGENT,
            exam.modality,
            is_companion=False,
            sop_class="",
            at=now,
        )
        taken = decide(versions, exam, coming, Used(spool, exam.link, exam))
        if isinstance(taken, Refuse):
            refused = taken.refusal.reason
            continue
        decided = taken.exam
        return spool.change_exam(
            exam.direction,
            exam.link,
            exam.exam_id,
            lambda there, decided=decided: merged(there, decided),  # type: ignore[misc]
            [exam_entry(taken, now)],
        )
    return refused


def may_be_raised(exam: Exam) -> bool:
    """Whether an exam is on its way in a less urgent class, or a prior that is to be read now."""
    return exam.state is ExamState.ACCEPTED and exam.klass is not ExamClass.URGENT
