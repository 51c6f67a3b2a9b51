"""What we must know of value representations, and nothing more.

Source: PS3.5 6.2 (value representations), 7.1 (data elements), 7.5 (sequences); PS3.6 (dictionary).
"""

from __future__ import annotations

from pydicom._dicom_dict import DicomDictionary

from bocage_contract.convention.consent import CONSENT_ATTRIBUTES

# PS3.5 7.1.2: these have a 16-bit length in explicit VR, every other VR has a 32-bit one.
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
# PS3.5 6.2: VRs that may end in a space or NUL that is no part of the value.
TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM"}
    | {"UC", "UI", "UR", "UT"}
)
# PS3.5 7.3: bytes of one number, reversed in big endian.
NUMBER_BYTES = {
    b"AT": 2, b"OW": 2, b"SS": 2, b"US": 2,
    b"FL": 4, b"OF": 4, b"OL": 4, b"SL": 4, b"UL": 4,
    b"FD": 8, b"OD": 8, b"OV": 8, b"SV": 8, b"UV": 8,
}  # fmt: skip
UNDEFINED = 0xFFFFFFFF

ITEM_START = b"\xfe\xff\x00\xe0"  # (FFFE,E000), little endian
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
MODALITY = 0x00080060
DERIVATION_DESCRIPTION = 0x00082111
STUDY_INSTANCE_UID = 0x0020000D
COMPLETION_FLAG = 0x0040A491
PRELIMINARY_FLAG = 0x0040A496
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103
EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
ENCAPSULATED_VALUE_LENGTH = 0x7FE00003
PIXEL_DATA = 0x7FE00010
DATA_SET_TRAILING_PADDING = 0xFFFCFFFC


def _tags_of(wanted: frozenset[str]) -> frozenset[int]:
    return frozenset(int(tag) for tag, row in DicomDictionary.items() if row[0] in wanted)


# By the dictionary and not by what the data set says, so that explicit, implicit and unknown VR
# of the same element are treated alike.
TEXT_TAGS = _tags_of(TEXT_VRS)
SEQUENCE_TAGS = _tags_of(frozenset({"SQ"}))

NOTED_UIDS = {
    SOP_CLASS_UID: "SOP Class UID",
    SOP_INSTANCE_UID: "SOP Instance UID",
    STUDY_INSTANCE_UID: "Study Instance UID",
}
NOTED_NUMBERS = frozenset(
    {
        SAMPLES_PER_PIXEL,
        PLANAR_CONFIGURATION,
        ROWS,
        COLUMNS,
        BITS_ALLOCATED,
        BITS_STORED,
        HIGH_BIT,
        PIXEL_REPRESENTATION,
    }
)
# Who an exam is of, and what its site calls it: kept as bytes, in the repertoire they came in.
PARTICULARS = {
    0x00080005: "SpecificCharacterSet",
    0x00080020: "StudyDate",
    0x00080030: "StudyTime",
    0x00080050: "AccessionNumber",
    MODALITY: "Modality",
    0x00080090: "ReferringPhysicianName",
    0x00081030: "StudyDescription",
    0x00100010: "PatientName",
    0x00100020: "PatientID",
    0x00100021: "IssuerOfPatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
    0x00101000: "OtherPatientIDs",
    STUDY_INSTANCE_UID: "StudyInstanceUID",
}
# What is kept of a data set on its way, beside what it is coded and identified by.
KEPT = frozenset({*PARTICULARS, *CONSENT_ATTRIBUTES.values()})
# Beside them, of sequences: see `exam.heard.Heard.issuers`.
ISSUERS = {
    0x00080051: "IssuerOfAccessionNumberSequence",
    0x00100024: "IssuerOfPatientIDQualifiersSequence",
}
NOTED_TAGS = NOTED_NUMBERS | {
    *NOTED_UIDS,
    *KEPT,
    MODALITY,
    PHOTOMETRIC_INTERPRETATION,
    NUMBER_OF_FRAMES,
    COMPLETION_FLAG,
    PRELIMINARY_FLAG,
}
