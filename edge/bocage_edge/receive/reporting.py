"""Which instances are reports, and in what state. Pure.

Only documents are: key objects, presentation states and images that come back go with a report and
are none.

DICOM says of a document that it is preliminary or partial, and which documents it took its content
from ("wholly or partially, with or without modification"). It has no word for an addendum or a
replacement. So a document is a *replacement* if one of those it names was sent over the link as a
final report, an *addendum* if its title says so besides; one that names a preliminary report, or
one that nobody here knows, is simply final.

Source: PS3.4 B.5 (storage classes); PS3.3 C.17.2 (Preliminary Flag, Completion Flag, Predecessor
Documents Sequence), C.17.3 (title); LOINC 55107-7 (Addendum Document).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft, draft
from bocage_contract.report_state import FINAL_ONCE, ReportState
from bocage_edge.exam.identities import Document
from bocage_edge.exam.matching import MatchedBy

_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_ENCAPSULATED_CDA = "1.2.840.10008.5.1.4.1.1.104.2"
_STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
# Documents of the same family that report nothing: key objects, dose, and what devices measured.
_NO_REPORTS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.88.40",  # procedure log
        "1.2.840.10008.5.1.4.1.1.88.59",  # key object selection
        "1.2.840.10008.5.1.4.1.1.88.67",  # X-ray radiation dose
        "1.2.840.10008.5.1.4.1.1.88.68",  # radiopharmaceutical radiation dose
        "1.2.840.10008.5.1.4.1.1.88.76",  # enhanced X-ray radiation dose
    }
)
_ADDENDUM_TITLE = "55107-7"

# SOP Instance UIDs -> states of those that were sent over the link as reports
StatesOf = Callable[[Sequence[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Answering:
    """A report, in the words of the ledger."""

    state: str  # of `ReportState`
    format: str  # as in the convention's `report.formats`

    def entry(self, name: str, exam: str, by: MatchedBy, now: float) -> EntryDraft:
        """Write what the ledger says of it.

        Args:
            now: Unix seconds.
        """
        return draft(
            "report",
            now,
            exam_id=exam,
            object=name,
            report_state=self.state,
            format=self.format,
            matched_by=by.value,
        )


def report_in(
    sop_class: str, document: Document, states_of: StatesOf, *, is_preliminary: bool
) -> Answering | None:
    """Say what report an instance is; None: none."""
    form = _format_of(sop_class)
    if form is None:
        return None
    if is_preliminary:
        return Answering(ReportState.PRELIMINARY, form)
    if not FINAL_ONCE.intersection(states_of(document.predecessors)):
        return Answering(ReportState.FINAL, form)
    is_addendum = document.title == _ADDENDUM_TITLE
    return Answering(ReportState.ADDENDUM if is_addendum else ReportState.REPLACEMENT, form)


def _format_of(sop_class: str) -> str | None:
    if sop_class == _ENCAPSULATED_PDF:
        return "encapsulated-pdf"
    if sop_class == _ENCAPSULATED_CDA:
        return "cda"
    if sop_class.startswith(_STRUCTURED_REPORTS) and sop_class not in _NO_REPORTS:
        return "sr"
    return None
