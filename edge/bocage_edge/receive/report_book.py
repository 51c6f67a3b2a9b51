"""Which exam of a link a report answers: the exams that came here, judged by `exam.matching`.

Known of them are keyed hashes only, learned where their first instance was opened. An exam of
which nothing has been opened yet is still found by its Study Instance UID.
"""

from __future__ import annotations

from bocage_edge.exam.identities import Identities
from bocage_edge.exam.matching import Held, Matched, Refused, match
from bocage_edge.exam.names import Names, names_of
from bocage_edge.receive.target import Target
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction


def match_report(spool: Spool, target: Target, identities: Identities) -> Matched | Held | Refused:
    """Find the exam that came over a link and that a report answers.

    Args:
        identities: who the report says it is of; DICOM and HL7 alike.

    Raises:
        SpoolError: the index cannot be read.
    """
    names = names_of(target.link_key, identities)
    return match(names, exams_with(spool, target.link, names, Direction.IN))


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
