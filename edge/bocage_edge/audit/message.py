"""A happening as an AuditMessage in XML. Pure.

Values come from strangers' data sets: the standard library escapes them, and what XML cannot hold
becomes U+FFFD, so that a name stays a name whatever is in it.

Source: PS3.15 A.5.1 (schema), A.5.2 (fields), A.5.3.1, A.5.3.3, A.5.3.7, A.5.3.11 (messages).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from bocage_edge.audit import codes
from bocage_edge.audit.codes import Code
from bocage_edge.audit.happening import Happening, Transfer, Way
from bocage_edge.audit.subject import Subject
from bocage_edge.audit.words import ALERTS, Language, alert_text
from bocage_edge.exam.identity import exam_ref

# XML 1.0 section 2.2: everything but these characters may stand in a document.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VALUE_CHARACTERS = 1024
_HEX_32 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Node:
    """A station or box of a transfer.

    Args:
        aet: AE title; empty where it has none.
        address: IP address; empty where it is not known.
    """

    id: str
    aet: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a message says of the box and of those around it.

    Args:
        destinations: by name.
        partners: their boxes, by link.
        callings: our own AE title towards a destination, by its name.
    """

    device: str
    source_id: str
    enterprise_site: str | None
    language: Language
    destinations: Mapping[str, Node] = field(default_factory=dict)
    partners: Mapping[str, Node] = field(default_factory=dict)
    callings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """A message, and whether it tells of a failure."""

    xml: bytes
    is_failure: bool


def write_message(happening: Happening, subject: Subject | None, around: Surroundings) -> Written:
    """Write one message.

    Args:
        subject: who it is of; None where it is of nobody, or nobody knows.

    Raises:
        KeyError: a kind of alert this release does not know.
    """
    if happening.transfer is not None:
        return _transfer_message(happening, happening.transfer, subject, around)
    if happening.event == "activity":
        return _activity_message(happening, around)
    return _alert_message(happening, around)


def _transfer_message(
    happening: Happening, transfer: Transfer, subject: Subject | None, around: Surroundings
) -> Written:
    is_begin = happening.event == "begin"
    outcome = codes.SUCCESS if is_begin else _outcome(transfer)
    root = _root(
        happening.at,
        codes.BEGIN_TRANSFERRING if is_begin else codes.INSTANCES_TRANSFERRED,
        codes.EXECUTE if is_begin else _action(transfer),
        outcome,
    )
    source, destination = _ends(transfer, around)
    _participant(root, source, codes.SOURCE_ROLE, is_requestor=True)
    _participant(root, destination, codes.DESTINATION_ROLE, is_requestor=False)
    _source(root, around)
    _study(root, transfer, subject, is_begin=is_begin)
    if subject is not None:
        _object(
            root,
            subject.patient_id,
            codes.PATIENT_NUMBER,
            subject.patient_name,
            (codes.PERSON, codes.PATIENT),
        )
    return _written(root, outcome)


def _activity_message(happening: Happening, around: Surroundings) -> Written:
    root = _root(happening.at, codes.APPLICATION_ACTIVITY, codes.EXECUTE, codes.SUCCESS)
    is_start = happening.kind == "started"
    _code(
        root[0],
        "EventTypeCode",
        codes.APPLICATION_START if is_start else codes.APPLICATION_STOP,
    )
    _participant(root, Node(around.device), codes.APPLICATION, is_requestor=False)
    _source(root, around)
    return _written(root, codes.SUCCESS)


def _alert_message(happening: Happening, around: Surroundings) -> Written:
    alert = ALERTS[happening.kind]
    root = _root(happening.at, codes.SECURITY_ALERT, codes.EXECUTE, alert.outcome)
    _code(root[0], "EventTypeCode", alert.type)
    _participant(root, Node(around.device), None, is_requestor=True)
    performer = _performer(happening, around)
    if performer is not None:
        _participant(root, performer, None, is_requestor=False)
    _source(root, around)
    subject = _object(
        root,
        around.device,
        codes.NODE_ID,
        around.device,
        (codes.SYSTEM_OBJECT, codes.SECURITY_RESOURCE),
    )
    text = alert_text(happening.kind, happening.details, around.language)
    _detail(subject, "Alert Description", text)
    return _written(root, alert.outcome)


def _performer(happening: Happening, around: Surroundings) -> Node | None:
    """Name who did what the alert is about, where it was not this box."""
    details = happening.details
    if happening.kind == "association_refused":
        calling = str(details.get("calling", ""))
        return Node(calling, calling, str(details.get("address", "")))
    if happening.kind.startswith("partner_"):
        link = happening.link or str(details.get("link", ""))
        return around.partners.get(link)
    return None


def _outcome(transfer: Transfer) -> int:
    if not transfer.instances:
        return codes.SERIOUS_FAILURE
    return codes.MINOR_FAILURE if transfer.failed else codes.SUCCESS


def _action(transfer: Transfer) -> str:
    """Say what became of the instances at the receiver, as far as we can know (A.5.3.7)."""
    is_new = transfer.way is Way.TAKEN and transfer.again < transfer.instances
    return codes.CREATE if is_new else codes.READ


def _ends(transfer: Transfer, around: Surroundings) -> tuple[Node, Node]:
    if transfer.way is Way.TAKEN:
        return Node(transfer.source, transfer.source), Node(around.device, transfer.destination)
    if transfer.way is Way.SENT:
        return Node(around.device), around.partners.get(transfer.link, Node(transfer.link))
    name = transfer.destination
    here = Node(around.device, around.callings.get(name, ""))
    return here, around.destinations.get(name, Node(name))


def _root(at: float, event: Code, action: str, outcome: int) -> ET.Element:
    root = ET.Element("AuditMessage")
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    identification = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=action,
        EventDateTime=moment.removesuffix("+00:00") + "Z",
        EventOutcomeIndicator=str(outcome),
    )
    _code(identification, "EventID", event)
    return root


def _participant(root: ET.Element, node: Node, role: Code | None, *, is_requestor: bool) -> None:
    attributes = {"UserID": _clean(node.id), "UserIsRequestor": str(is_requestor).lower()}
    if node.aet:
        attributes["AlternativeUserID"] = f"AETITLES={_clean(node.aet)}"
    if node.address:
        attributes["NetworkAccessPointID"] = _clean(node.address)
        attributes["NetworkAccessPointTypeCode"] = codes.IP_ADDRESS
    participant = ET.SubElement(root, "ActiveParticipant", attributes)
    if role is not None:
        _code(participant, "RoleIDCode", role)


def _source(root: ET.Element, around: Surroundings) -> None:
    attributes = {"AuditSourceID": around.source_id}
    if around.enterprise_site is not None:
        attributes["AuditEnterpriseSiteID"] = around.enterprise_site
    source = ET.SubElement(root, "AuditSourceIdentification", attributes)
    ET.SubElement(source, "AuditSourceTypeCode", {"csd-code": codes.APPLICATION_SERVER})


def _study(
    root: ET.Element, transfer: Transfer, subject: Subject | None, *, is_begin: bool
) -> None:
    is_known = subject is not None and bool(subject.study_uid)
    exam = transfer.exam_id
    study = _object(
        root,
        subject.study_uid if subject is not None and is_known else exam,
        codes.STUDY_INSTANCE_UID if is_known else codes.EXAM_ID,
        exam_ref(exam) if _HEX_32.fullmatch(exam) else exam,
        (codes.SYSTEM_OBJECT, codes.REPORT),
    )
    if is_begin:
        return
    if transfer.classes.get("") or not is_known:
        # A SOP class that is counted must be named (A.5.2); where it is not known, the number
        # alone is told.
        _detail(study, "NumberOfInstances", str(transfer.instances))
    elif transfer.classes:
        _description(study, transfer, "" if subject is None else subject.accession)
    if transfer.failed:
        _detail_first(study, "NumberOfInstancesRefused", str(transfer.failed))


def _description(study: ET.Element, transfer: Transfer, accession: str) -> None:
    description = ET.SubElement(study, "ParticipantObjectDescription")
    if accession:
        ET.SubElement(description, "Accession", Number=_clean(accession))
    for uid, count in sorted(transfer.classes.items()):
        ET.SubElement(description, "SOPClass", UID=_clean(uid), NumberOfInstances=str(count))


def _object(
    root: ET.Element, name: str, type_code: Code, title: str, types: tuple[str, str]
) -> ET.Element:
    found = ET.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(name),
        ParticipantObjectTypeCode=types[0],
        ParticipantObjectTypeCodeRole=types[1],
    )
    _code(found, "ParticipantObjectIDTypeCode", type_code)
    ET.SubElement(found, "ParticipantObjectName").text = _clean(title)
    return found


def _detail(parent: ET.Element, kind: str, text: str) -> None:
    parent.append(_detail_element(kind, text))


def _detail_first(parent: ET.Element, kind: str, text: str) -> None:
    """Details stand before descriptions (A.5.1)."""
    place = next(
        (n for n, each in enumerate(parent) if each.tag == "ParticipantObjectDescription"),
        len(parent),
    )
    parent.insert(place, _detail_element(kind, text))


def _detail_element(kind: str, text: str) -> ET.Element:
    value = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return ET.Element("ParticipantObjectDetail", type=kind, value=value)


def _code(parent: ET.Element, name: str, code: Code) -> None:
    attributes = {
        "csd-code": code.value,
        "codeSystemName": code.system,
        "originalText": code.meaning,
    }
    ET.SubElement(parent, name, attributes)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text[:_VALUE_CHARACTERS])


def _written(root: ET.Element, outcome: int) -> Written:
    declared = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Written(declared, outcome != codes.SUCCESS)
