"""The codes of the audit messages we write, as the standard spells them. Pure.

Source: PS3.15 A.5.3 and the value sets of A.5.1.2; PS3.16 CID 400 to 403 (events and roles).
"""

from __future__ import annotations

from dataclasses import dataclass

DCM, RFC_3881, OURS = "DCM", "RFC-3881", "99BOCAGE"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value."""

    value: str
    system: str
    meaning: str


# Events
APPLICATION_ACTIVITY = Code("110100", DCM, "Application Activity")
BEGIN_TRANSFERRING = Code("110102", DCM, "Begin Transferring DICOM Instances")
INSTANCES_TRANSFERRED = Code("110104", DCM, "DICOM Instances Transferred")
SECURITY_ALERT = Code("110113", DCM, "Security Alert")

# Event types
APPLICATION_START = Code("110120", DCM, "Application Start")
APPLICATION_STOP = Code("110121", DCM, "Application Stop")
NODE_AUTHENTICATION = Code("110126", DCM, "Node Authentication")
SECURITY_CONFIGURATION = Code("110129", DCM, "Security Configuration")
RESTRICTED_FUNCTION = Code("110132", DCM, "Use of Restricted Function")

# Roles
APPLICATION = Code("110150", DCM, "Application")
DESTINATION_ROLE = Code("110152", DCM, "Destination Role ID")
SOURCE_ROLE = Code("110153", DCM, "Source Role ID")

# What a participating object is known by
PATIENT_NUMBER = Code("2", RFC_3881, "Patient Number")
STUDY_INSTANCE_UID = Code("110180", DCM, "Study Instance UID")
NODE_ID = Code("110182", DCM, "Node ID")
EXAM_ID = Code("exam", OURS, "Bocage exam id")

# EventOutcomeIndicator
SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = 0, 4, 8
# EventActionCode
CREATE, READ, EXECUTE = "C", "R", "E"
# NetworkAccessPointTypeCode
IP_ADDRESS = "2"
# ParticipantObjectTypeCode, ParticipantObjectTypeCodeRole
PERSON, SYSTEM_OBJECT = "1", "2"
PATIENT, REPORT, SECURITY_RESOURCE = "1", "3", "13"
# AuditSourceTypeCode: an application server process
APPLICATION_SERVER = "4"
