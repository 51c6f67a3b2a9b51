"""In which attributes of an instance a patient's consent may be declared. Pure.

Few, and all at the top level: what receive keeps of a stranger's data set on its way is bounded.
The standard has no attribute of its own for a consent to teleradiology; these are free text or
codes of the site that a modality or a RIS can be set up to fill in.

Source: PS3.6 6; PS3.5 6.2 (padding, several values).
"""

from __future__ import annotations

from collections.abc import Collection

CONSENT_ATTRIBUTES = {
    "StudyDescription": 0x00081030,
    "SeriesDescription": 0x0008103E,
    "AdditionalPatientHistory": 0x001021B0,
    "PatientComments": 0x00104000,
    "ClinicalTrialProtocolID": 0x00120020,
    "ImageComments": 0x00204000,
    "ReasonForStudy": 0x00321030,
    "RequestedProcedureDescription": 0x00321060,
    "StudyComments": 0x00324000,
    "SpecialNeeds": 0x00380050,
    "PatientState": 0x00380500,
    "VisitComments": 0x00384000,
    "CommentsOnThePerformedProcedureStep": 0x00400280,
    "ConfidentialityCode": 0x00401008,
    "RequestedProcedureComments": 0x00401400,
    "ConfidentialityConstraintOnPatientDataDescription": 0x00403001,
}


def known_attribute(keyword: str) -> str:
    """Give a keyword back if a consent can be read from its attribute.

    Raises:
        ValueError: it cannot.
    """
    if keyword not in CONSENT_ATTRIBUTES:
        raise ValueError(f"no consent is read from it: {', '.join(CONSENT_ATTRIBUTES)}")
    return keyword


def declares(found: str, agreed: Collection[str]) -> bool:
    """Say whether an attribute declares the consent.

    Args:
        found: its text; one of several values is enough.
        agreed: what it may say, whatever the case of its letters; empty: anything at all.
    """
    values = {_plain(each) for each in found.split("\\")} - {""}
    return bool(values & {_plain(each) for each in agreed} if agreed else values)


def _plain(text: str) -> str:
    return " ".join(text.replace("\0", " ").split()).casefold()
