"""Which instances are reports, and in what state. Pure.

Only documents are: key objects, presentation states and images that come back go with a report and
are none. Source: PS3.4 B.5 (storage classes); PS3.3 C.17.2 (Completion, Preliminary Flag).
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft, draft

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


@dataclass(frozen=True, slots=True)
class Answering:
    """A report, in the words of the ledger."""

    state: str  # final, preliminary
    format: str  # as in the convention's `report.formats`

    def entry(self, name: str, exam: str, now: float) -> EntryDraft:
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
            matched_by="study",
        )


def report_in(sop_class: str, *, is_preliminary: bool) -> Answering | None:
    """Say what report an instance is; None: none."""
    state = "preliminary" if is_preliminary else "final"
    if sop_class == _ENCAPSULATED_PDF:
        return Answering(state, "encapsulated-pdf")
    if sop_class == _ENCAPSULATED_CDA:
        return Answering(state, "cda")
    if sop_class.startswith(_STRUCTURED_REPORTS) and sop_class not in _NO_REPORTS:
        return Answering(state, "sr")
    return None
