"""What a message is to us: a request, a report, or nothing we take. Pure.

    ORM^O01, OMI^O23                        -> Request
    ORU^R01, MDM^T02 T04 T06 T08 T10 T11    -> Report

Source: HL7 v2.5.1 chapters 4, 7 and 9; tables 0085, 0119, 0123, 0271, 0273.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bocage_contract.report_state import ReportState
from bocage_edge.exam.identities import Identities
from bocage_edge.hl7.demographics import identities_of
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Message, Segment, parse

REQUEST_EVENTS = frozenset({"ORM^O01", "OMI^O23"})
REPORT_EVENTS = frozenset(
    {"ORU^R01", "MDM^T02", "MDM^T04", "MDM^T06", "MDM^T08", "MDM^T10", "MDM^T11"}
)


LONGEST_CONTROL_ID = 199  # HL7 v2.7 2.14.9.10; in v2.5.1 it has 20


class UnsupportedError(Hl7Error):
    """A message we can read, but do not take."""


class Action(StrEnum):
    """What a request asks for (ORC-1, table 0119)."""

    NEW = "new"
    CHANGE = "change"
    CANCEL = "cancel"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Document:
    """A file that a report brings.

    Args:
        media_type: "application/pdf", "text/xml" (CDA), "application/octet-stream" where unknown.
    """

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """An order as it concerns the radiologist."""

    control_id: str
    event: str
    identities: Identities
    action: Action
    procedure: str = ""  # OBR-4, in words where there are some
    reason: str = ""  # OBR-31, else OBR-13
    modality: str = ""  # IPC-5, else OBR-24
    priority: str = ""  # TQ1-9, else OBR-27.6, OBR-5: S, A, R …


@dataclass(frozen=True, slots=True)
class Report:
    """A report. Texts and documents are all there is in OBX-5, in order."""

    control_id: str
    event: str
    identities: Identities
    state: ReportState
    title: str = ""  # OBR-4, else TXA-2
    document_id: str = ""  # TXA-12
    parent_id: str = ""  # TXA-13: what an addendum or a replacement is to
    text: str = ""
    documents: tuple[Document, ...] = ()


def read(raw: bytes) -> Request | Report:
    """Read a request or a report.

    Raises:
        UnsupportedError: another kind of message.
        Hl7Error: it cannot be read, or lacks what makes it one.
    """
    return read_message(parse(raw))


def read_message(message: Message) -> Request | Report:
    """Read a request or a report from a parsed message; see `read`."""
    kind = f"{message.code}^{message.event}"
    if kind not in REQUEST_EVENTS | REPORT_EVENTS:
        raise UnsupportedError("this box takes ORM^O01, OMI^O23, ORU^R01 and MDM^T02 to T11 only")
    if not message.control_id:
        raise Hl7Error("MSH-10 is empty: a message needs a control id")
    if len(message.control_id) > LONGEST_CONTROL_ID:
        raise Hl7Error(f"MSH-10 is too long: {LONGEST_CONTROL_ID} characters at most")
    if message.first("PID") is None:
        raise Hl7Error("PID is missing")
    return _request(message, kind) if kind in REQUEST_EVENTS else _report(message, kind)


def _request(message: Message, kind: str) -> Request:
    order, obr, ipc = message.first("ORC"), message.first("OBR"), message.first("IPC")
    timing = message.first("TQ1")
    return Request(
        message.control_id,
        kind,
        identities_of(message),
        _action(_of(order, 1)),
        procedure=_of(obr, 4, 2) or _of(obr, 4, 1),
        reason=_of(obr, 31, 2) or _of(obr, 31, 1) or _of(obr, 13),
        modality=(_of(ipc, 5) or _of(obr, 24)).upper(),
        priority=_of(timing, 9) or _of(obr, 27, 6) or _of(obr, 5),
    )


def _action(said: str) -> Action:
    code = said.upper()
    if code in {"CA", "DC", "OC", "OD", "CR", "DR"}:
        return Action.CANCEL
    if code in {"XO", "XX", "RP", "RO"}:
        return Action.CHANGE
    return Action.STATUS if code in {"SC", "SN", "SS", "SR", "OK", "NA"} else Action.NEW


def _report(message: Message, kind: str) -> Report:
    obr, txa = message.first("OBR"), message.first("TXA")
    observations = list(message.all("OBX"))
    if not observations and kind != "MDM^T11":
        raise Hl7Error("OBX is missing: a report without content")
    return Report(
        message.control_id,
        kind,
        identities_of(message),
        _mdm_state(message, txa) if message.code == "MDM" else _oru_state(message),
        title=_of(obr, 4, 2) or _of(obr, 4, 1) or _of(txa, 2, 2) or _of(txa, 2, 1),
        document_id=_of(txa, 12),
        parent_id=_of(txa, 13),
        text="\n".join(filter(None, map(_text_of, observations))),
        documents=tuple(_documents(observations)),
    )


def _oru_state(message: Message) -> ReportState:
    """By OBR-25; where no OBR says anything, by the OBX-11 of what it brings.

    Final is only what says so.
    """
    orders = {state for obr in message.all("OBR") if (state := obr.text(25).upper())}
    if orders:
        return _state(orders, removed={"X"}, corrected={"C"}, final={"F"})
    each = {state for obx in message.all("OBX") if (state := obx.text(11).upper())}
    return _state(each, removed={"D", "W", "X"}, corrected={"C"}, final={"F", "U"})


def _state(
    said: set[str], *, removed: set[str], corrected: set[str], final: set[str]
) -> ReportState:
    if said and said <= removed:
        return ReportState.DELETION
    kept = said - removed
    if not kept or not kept <= corrected | final:
        return ReportState.PRELIMINARY
    return ReportState.REPLACEMENT if kept & corrected else ReportState.FINAL


def _mdm_state(message: Message, txa: Segment | None) -> ReportState:
    completion, availability = _of(txa, 17).upper(), _of(txa, 19).upper()
    if message.event == "T11" or availability == "CA":
        return ReportState.DELETION
    # Authenticated, legally authenticated; documents of systems without signature are `AV` only.
    is_signed = completion in {"AU", "LA"} or (not completion and availability == "AV")
    if not is_signed:
        return ReportState.PRELIMINARY
    by_event = {
        "T06": ReportState.ADDENDUM,
        "T08": ReportState.REPLACEMENT,
        "T10": ReportState.REPLACEMENT,
    }
    return by_event.get(message.event, ReportState.FINAL)


def _text_of(obx: Segment) -> str:
    if obx.text(2).upper() not in {"TX", "FT", "ST"}:
        return ""
    mark = obx.marks.repetition
    return "\n".join(obx.read(part) for part in obx.field(5).split(mark))


def _documents(observations: list[Segment]) -> Iterator[Document]:
    for obx in observations:
        if obx.text(2).upper() == "ED":
            yield _encapsulated(obx)


def _encapsulated(obx: Segment) -> Document:
    """Read an ED: source ^ type ^ subtype ^ encoding ^ data; many leave components out.

    Raises:
        Hl7Error: the data is not the base64 it should be.
    """
    parts = obx.field(5).split(obx.marks.component)
    data = b"".join(parts[-1].split())
    # A line break that was escaped has no place in base64, but is met.
    data = data.replace(obx.marks.escape + b".br" + obx.marks.escape, b"")
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Hl7Error("OBX-5 says it is a file, but is no base64") from None
    return Document(media_type_of(decoded), decoded)


def media_type_of(data: bytes) -> str:
    """Tell what a file is by its first bytes: what ED.2 and ED.3 say of it is often wrong."""
    beginning = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"%PDF-" in beginning:
        return "application/pdf"
    if beginning.startswith(b"<"):
        return "text/xml"
    return "text/rtf" if beginning.startswith(b"{\\rtf") else "application/octet-stream"


def _of(segment: Segment | None, number: int, component: int = 1) -> str:
    return "" if segment is None else segment.text(number, component)
