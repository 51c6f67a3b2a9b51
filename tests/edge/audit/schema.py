"""The audit message schema as a table, and what in a document breaks it.

No validator of RELAX NG is among the tools, so the schema stands here as names, patterns and order.
Source: PS3.15 A.5.1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

ANY, TOKEN = r"(?s).*", r"(\S+( \S+)*)?"
UID, NUMBER = r"[0-2](\.(0|[1-9][0-9]*))+", r"[0-9]+"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
CODE = {"csd-code": r"\S+", "codeSystemName": r"\S+", "originalText": TOKEN}


@dataclass(frozen=True)
class Shape:
    """What an element may hold.

    Args:
        must, may: attributes and their patterns.
        children: name and (least, most) in their order.
        text: pattern; None: no text.
    """

    must: dict[str, str] = field(default_factory=dict)
    may: dict[str, str] = field(default_factory=dict)
    children: tuple[tuple[str, int, int], ...] = ()
    text: str | None = None


MANY = 10_000
SHAPES: dict[str, Shape] = {
    "AuditMessage": Shape(
        children=(
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        )
    ),
    "EventIdentification": Shape(
        must={"EventDateTime": MOMENT, "EventOutcomeIndicator": "0|4|8|12"},
        may={"EventActionCode": "C|R|U|D|E"},
        children=(
            ("EventID", 1, 1),
            ("EventTypeCode", 0, MANY),
            ("EventOutcomeDescription", 0, 1),
        ),
    ),
    "EventID": Shape(CODE, {"displayName": TOKEN}),
    "EventTypeCode": Shape(CODE, {"displayName": TOKEN}),
    "RoleIDCode": Shape(CODE, {"displayName": TOKEN}),
    "ParticipantObjectIDTypeCode": Shape(CODE, {"displayName": TOKEN}),
    "AuditSourceTypeCode": Shape({"csd-code": "[1-9]"}),
    "ActiveParticipant": Shape(
        must={"UserID": ANY, "UserIsRequestor": "true|false"},
        may={
            "AlternativeUserID": ANY,
            "UserName": ANY,
            "NetworkAccessPointID": r"\S+",
            "NetworkAccessPointTypeCode": "[1-5]",
        },
        children=(("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)),
    ),
    "AuditSourceIdentification": Shape(
        must={"AuditSourceID": TOKEN},
        may={"AuditEnterpriseSiteID": TOKEN},
        children=(("AuditSourceTypeCode", 0, MANY),),
    ),
    "ParticipantObjectIdentification": Shape(
        must={"ParticipantObjectID": ANY},
        may={
            "ParticipantObjectTypeCode": "[1-4]",
            "ParticipantObjectTypeCodeRole": "[1-9]|1[0-9]|2[0-6]",
        },
        children=(
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 1, 1),
            ("ParticipantObjectDetail", 0, MANY),
            ("ParticipantObjectDescription", 0, MANY),
        ),
    ),
    "ParticipantObjectName": Shape(text=ANY),
    "ParticipantObjectDetail": Shape({"type": r"\S+( \S+)*", "value": r"[A-Za-z0-9+/]*={0,2}"}),
    "ParticipantObjectDescription": Shape(
        children=(("MPPS", 0, MANY), ("Accession", 0, MANY), ("SOPClass", 0, MANY))
    ),
    "Accession": Shape({"Number": ANY}),
    "SOPClass": Shape({"NumberOfInstances": NUMBER}, {"UID": UID + "|private"}),
}


def faults(xml: bytes) -> list[str]:
    """List what breaks the schema."""
    return list(_faults(ET.fromstring(xml)))  # noqa: S314 - ours


def _faults(element: ET.Element) -> Iterator[str]:
    shape = SHAPES.get(element.tag)
    if shape is None:
        yield f"{element.tag}: not in the schema"
        return
    patterns = {**shape.must, **shape.may}
    yield from (f"{element.tag}: lacks {name}" for name in shape.must if name not in element.attrib)
    for name, value in element.attrib.items():
        if name not in patterns or not re.fullmatch(patterns[name], value):
            yield f"{element.tag}: {name}={value!r}"
    if element.text and (shape.text is None or not re.fullmatch(shape.text, element.text)):
        yield f"{element.tag}: text"
    yield from _faults_of_order(element, shape)
    for child in element:
        yield from _faults(child)


def _faults_of_order(element: ET.Element, shape: Shape) -> Iterator[str]:
    names = [child.tag for child in element]
    for name, least, most in shape.children:
        count = 0
        while names and names[0] == name:
            names.pop(0)
            count += 1
        if not least <= count <= most:
            yield f"{element.tag}: {count} {name}"
    yield from (f"{element.tag}: {name} out of place" for name in names)


def details(xml: bytes) -> dict[str, str]:
    """Give the details of all objects, read."""
    return {
        each.attrib["type"]: base64.b64decode(each.attrib["value"]).decode()
        for each in ET.fromstring(xml).iter("ParticipantObjectDetail")  # noqa: S314 - ours
    }
