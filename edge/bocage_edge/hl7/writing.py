"""Messages we send: a report with the hospital's own identifiers, or one around a file. Pure.

A rewritten message keeps every byte it does not have to change. What stood in a changed field is
kept in the message: number fields get the original behind the hospital's own where they repeat,
and the whole message as it came stays under the seal.

Source: HL7 v2.5.1 chapters 2, 3, 4 and 7; IHE RAD TF-2 4.28.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.charset import Charset
from bocage_edge.hl7.message import Marks, Message, Segment, escaped, timestamp

_UTF_8 = Charset("utf-8", is_as_said=True)
_VERSION = "2.5.1"
_OID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Route:
    """MSH-3 to 6: who sends and who is to receive."""

    sending_application: str = "BOCAGE"
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a message of ours one of its own.

    Args:
        control_id: MSH-10.
        at: Unix seconds.
    """

    control_id: str
    at: float


def readdressed(message: Message, route: Route) -> bytes:
    """Put a route in the place of MSH-3 to 6; what the route leaves empty stays as it was."""
    said = (
        route.sending_application,
        route.sending_facility,
        route.receiving_application,
        route.receiving_facility,
    )
    changes = {number: text for number, text in zip((3, 4, 5, 6), said, strict=True) if text}
    header = message.header
    put = {number: _escaped(text, header) for number, text in changes.items()}
    return _joined([_with(header, put), *(each.raw for each in message.segments[1:])])


def with_identities(message: Message, own: Identities) -> bytes:
    """Put the hospital's own identifiers in the place of the practice's.

    PID-3 gets the hospital's numbers in front and keeps the others behind them; ORC-2 and OBR-2
    become its order number, OBR-18 its accession number, where they are known.
    """
    return _joined([_own(segment, own) for segment in message.segments])


def _own(segment: Segment, own: Identities) -> bytes:
    if segment.name == "PID":
        return _own_patient(segment, own)
    order = _order_of(own)
    accession = next(iter(own.accessions), None)
    places = {"ORC": ((2, order),), "OBR": ((2, order), (18, accession)), "IPC": ((1, accession),)}
    put = {
        place: _ei(number, segment)
        for place, number in places.get(segment.name, ())
        if number is not None
    }
    return _with(segment, put) if put else segment.raw


def _own_patient(pid: Segment, own: Identities) -> bytes:
    numbers = [_cx(number, pid) for number in own.patients]
    if not numbers:
        return pid.raw
    others = [each for each in pid.repetitions(3) if each not in numbers]
    return _with(pid, {3: pid.marks.repetition.join((*numbers, *others))})


def _with(segment: Segment, put: Mapping[int, bytes]) -> bytes:
    """Replace fields by their numbers, adding empty ones as far as needed."""
    shift = 1 if segment.name == "MSH" else 0
    fields = segment.raw.split(segment.marks.field)
    for number, value in put.items():
        place = number - shift
        fields += [b""] * (place + 1 - len(fields))
        fields[place] = value
    return segment.marks.field.join(fields)


def _order_of(own: Identities) -> Issued | None:
    """Give the order number to answer under; the accession number serves where there is none."""
    orders = [Issued(number) for number in own.orders]
    return next(iter([*orders, *own.accessions]), None)


def _ei(number: Issued, segment: Segment) -> bytes:
    parts = [_escaped(number.number, segment), *_issuer(number, segment)]
    return segment.marks.component.join(parts)


def _cx(number: Issued, segment: Segment, kind: str = "PI") -> bytes:
    authority = segment.marks.subcomponent.join(_issuer(number, segment))
    parts = (_escaped(number.number, segment), b"", b"", authority, kind.encode())
    return segment.marks.component.join(parts)


def _issuer(number: Issued, segment: Segment) -> list[bytes]:
    """Write an issuer as the parts of an HD: a local name, or an OID."""
    if not number.issuer:
        return []
    said = _escaped(number.issuer, segment)
    return [b"", said, b"ISO"] if _OID.fullmatch(number.issuer) else [said]


def _escaped(text: str, segment: Segment) -> bytes:
    return escaped(text, segment.marks, segment.charset)


def _joined(segments: list[bytes]) -> bytes:
    return b"\r".join(segments) + b"\r"


def oru_of_pdf(
    pdf: bytes, identities: Identities, title: str, route: Route, stamp: Stamp, *, is_final: bool
) -> bytes:
    """Wrap a PDF as ORU^R01 with the file in OBX-5 (ED)."""
    coded = base64.b64encode(pdf)
    content = [b"OBX|1|ED|REPORT^%s||^application^pdf^Base64^" % _plain(title) + coded]
    return _oru(content, identities, title, route, stamp, is_final=is_final)


def oru_of_text(
    text: str, identities: Identities, title: str, route: Route, stamp: Stamp, *, is_final: bool
) -> bytes:
    """Wrap a text as ORU^R01, one OBX (TX) a line."""
    content = [
        b"OBX|%d|TX|REPORT^%s||%s" % (number, _plain(title), _plain(line))
        for number, line in enumerate(text.splitlines() or [""], 1)
    ]
    return _oru(content, identities, title, route, stamp, is_final=is_final)


def _oru(
    content: list[bytes],
    identities: Identities,
    title: str,
    route: Route,
    stamp: Stamp,
    *,
    is_final: bool,
) -> bytes:
    state = b"F" if is_final else b"P"
    at = timestamp(stamp.at)
    # Same for every segment of ours: the usual marks, UTF-8.
    here = Segment(b"OBX", Marks(), _UTF_8)
    patients = [_cx(number, here) for number in identities.patients]
    patients += [_cx(Issued(number), here, "INS") for number in identities.ins]
    order = _ei_or_none(_order_of(identities), here)
    accession = _ei_or_none(next(iter(identities.accessions), None), here)
    name = b"^".join(_plain(part) for part in identities.name.split("^"))
    who = (b"", b"1", b"", b"~".join(patients), b"", name, b"", identities.birth_date.encode())
    segments = [
        _msh(route, stamp, at),
        b"PID" + b"|".join((*who, identities.sex.encode())),
        b"OBR|1|%s||REPORT^%s|||%s" % (order, _plain(title), at)
        + b"|" * 11
        + accession
        + b"|" * 7
        + state,
        *(line + b"||||||" + state for line in content),
    ]
    if identities.study_uid:
        uid = identities.study_uid.encode()
        last = b"OBX|%d|ST|110180^Study Instance UID^DCM||%s||||||%s"
        segments.append(last % (len(content) + 1, uid, state))
    return _joined(segments)


def _msh(route: Route, stamp: Stamp, at: bytes) -> bytes:
    names = (
        route.sending_application,
        route.sending_facility,
        route.receiving_application,
        route.receiving_facility,
    )
    addresses = b"|".join(map(_plain, names))
    control_id = _plain(stamp.control_id)
    head = b"MSH|^~\\&|%s|%s||ORU^R01^ORU_R01|%s|P|%s" % (
        addresses,
        at,
        control_id,
        _VERSION.encode(),
    )
    return head + b"|" * 6 + b"UNICODE UTF-8"


def _ei_or_none(number: Issued | None, here: Segment) -> bytes:
    return b"" if number is None else _ei(number, here)


def _plain(text: str) -> bytes:
    return escaped(text, Marks(), _UTF_8)
