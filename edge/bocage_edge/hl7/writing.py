"""Messages we send: a report with the hospital's own identifiers, or one around a file. Pure.

A rewritten message keeps every byte it does not have to change. What stood in a changed field is
kept in the message where the standard has a place for it: behind the hospital's own where a field
repeats, in OBR-20 for the filler's number.

Source: HL7 v2.5.1 chapters 2, 3, 4 and 7; IHE RAD TF-2 4.28.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bocage_contract.coercion import MAX_ACCESSION, MAX_PATIENT_ID, Coerce
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.charset import Charset
from bocage_edge.hl7.demographics import INS_OIDS, identities_of, tells_study
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Marks, Message, Segment, escaped, timestamp

_UTF_8 = Charset("utf-8", is_as_said=True)
_VERSION = "2.5.1"
_ACCESSION_PLACES = {"OBR": (18, 3), "ORC": (3,), "IPC": (1,)}
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


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A message with some fields replaced.

    Args:
        changed: which, as `PID-3`; in the order of the message.
    """

    message: Message
    changed: tuple[str, ...]


def with_fields(message: Message, segment: str, put: Mapping[int, bytes]) -> Message:
    """Replace fields of every segment of a name by their numbers; what is alike stays as it is."""
    return _with_segments(
        message, [_with(each, put) if each.name == segment else each for each in message.segments]
    )


def readdressed(message: Message, route: Route) -> Message:
    """Put a route in the place of MSH-3 to 6; what the route leaves empty stays as it was."""
    said = (
        route.sending_application,
        route.sending_facility,
        route.receiving_application,
        route.receiving_facility,
    )
    changes = {number: text for number, text in zip((3, 4, 5, 6), said, strict=True) if text}
    header = message.header
    return with_fields(message, "MSH", {n: _escaped(text, header) for n, text in changes.items()})


def with_identities(message: Message, own: Identities) -> Rewritten:
    """Put the hospital's own identifiers in the place of the practice's.

    PID-3 gets the hospital's numbers in front and keeps behind them those of others that say who
    gave them out. A number that does not may be another patient's here: it goes, from PID-2 and
    PID-4 as well. OBR-18 and IPC-1 are the hospital's accession number or nothing; so are ORC-3 and
    OBR-3, which keep a number with a namespace where the hospital has none, and what stood in OBR-3
    is kept in OBR-20. ORC-2 and OBR-2 are whose order it was, as the practice was told; where
    nothing stands there, or the hospital's number is known, it is put there. The study is the one
    that was sent.
    """
    segments, changed = [], []
    for segment in message.segments:
        put = {
            number: value
            for number, value in _own(segment, own).items()
            if value != segment.field(number)
        }
        changed += [f"{segment.name}-{number}" for number in put]
        segments.append(_with(segment, put))
    return Rewritten(_with_segments(message, segments), tuple(dict.fromkeys(changed)))


def with_marks(message: Message, coerce: Coerce) -> Rewritten:
    """Mark a hospital's numbers in a request as they are marked in the exam it goes with.

    PID-3 gets the marked number in front and keeps behind it those that say who gave them out; the
    accession number is marked wherever it stands (OBR-18, IPC-1, and ORC-3 and OBR-3 where these
    repeat it). Placer numbers stay: the report answers under them.

    Raises:
        Hl7Error: a number has no room for its mark.
    """
    came = identities_of(message)
    accessions = {each.number for each in came.accessions}
    segments, changed = [], []
    for segment in message.segments:
        put = _marked_accessions(segment, coerce, accessions)
        if segment.name == "PID" and coerce.marks_patients and came.patients:
            put = _own_patient(segment, Identities(patients=(_marked(came.patients[0], coerce),)))
        put = {number: value for number, value in put.items() if value != segment.field(number)}
        changed += [f"{segment.name}-{number}" for number in put]
        segments.append(_with(segment, put))
    return Rewritten(_with_segments(message, segments), tuple(dict.fromkeys(changed)))


def _marked(patient: Issued, coerce: Coerce) -> Issued:
    marked = (coerce.patient_id_prefix or "") + patient.number
    if len(marked) > MAX_PATIENT_ID:
        raise Hl7Error("its patient ID has no room for the prefix of the link")
    return Issued(marked, coerce.issuer_of_patient_id or "")


def _marked_accessions(
    segment: Segment, coerce: Coerce, accessions: Collection[str]
) -> dict[int, bytes]:
    put = {}
    for place in _ACCESSION_PLACES.get(segment.name, ()) if coerce.marks_accessions else ():
        number = segment.text(place)
        if number not in accessions:
            continue
        marked = (coerce.accession_prefix or "") + number
        if len(marked) > MAX_ACCESSION:
            raise Hl7Error("its accession number has no room for the prefix of the link")
        put[place] = _ei(Issued(marked, coerce.issuer_of_accession or ""), segment)
    return put


def _own(segment: Segment, own: Identities) -> dict[int, bytes]:
    rules = {"PID": _own_patient, "ORC": _own_order, "OBR": _own_result, "IPC": _own_procedure,
             "ZDS": _own_study, "OBX": _own_observation}  # fmt: skip
    rule = rules.get(segment.name)
    return {} if rule is None else rule(segment, own)


def _own_patient(pid: Segment, own: Identities) -> dict[int, bytes]:
    came = (*pid.repetitions(3), *pid.repetitions(4))
    numbers = [_as_it_came(number, came, pid) or _cx(number, pid) for number in own.patients]
    held = {pid.component(cx, 1).replace(" ", "") for cx in came if _is_ins(pid, cx)}
    numbers += [_cx(Issued(ins), pid, "INS") for ins in own.ins if ins not in held]
    ours = {each.issuer.casefold() for each in own.patients if each.issuer}
    others = [cx for cx in came if _is_ins(pid, cx) or _is_of_others(_issuers(pid, cx), ours)]
    put = {3: pid.marks.repetition.join(dict.fromkeys((*numbers, *others)))}
    if pid.field(2):
        put[2] = numbers[0] if numbers else b""
    if pid.field(4):
        put[4] = b""
    return put


def _as_it_came(number: Issued, came: Sequence[bytes], pid: Segment) -> bytes | None:
    """Find the hospital's number among those of the message: it stays as it is written there."""
    issuer = number.issuer.casefold()
    for cx in came:
        if pid.component(cx, 1) == number.number and issuer in _issuers(pid, cx):
            return cx
    return None


def _is_ins(pid: Segment, cx: bytes) -> bool:
    return pid.component(cx, 4, 2) in INS_OIDS or pid.component(cx, 5).upper().startswith("INS")


def _is_of_others(issuers: set[str], ours: set[str]) -> bool:
    return bool(issuers) and not issuers & ours


def _issuers(pid: Segment, cx: bytes) -> set[str]:
    """Give the ways a number says who gave it out."""
    said = (pid.component(cx, 4, 1), pid.component(cx, 4, 2))
    return {each.casefold() for each in said if each}


def _own_order(orc: Segment, own: Identities) -> dict[int, bytes]:
    return _own_placer(orc, own) | _own_filler(orc, own)


def _own_result(obr: Segment, own: Identities) -> dict[int, bytes]:
    put = _own_placer(obr, own) | _own_filler(obr, own) | {18: _own_accession(obr, own)}
    if obr.field(3) not in (b"", put[3]) and not obr.field(20):
        put[20] = obr.field(3)
    return put


def _own_placer(segment: Segment, own: Identities) -> dict[int, bytes]:
    if own.orders or (own.accessions and not segment.field(2)):
        return {2: _ei_or_none(_order_of(own), segment)}
    return {}


def _own_filler(segment: Segment, own: Identities) -> dict[int, bytes]:
    if own.accessions:
        return {3: _own_accession(segment, own)}
    has_namespace = bool(segment.text(3, 2) or segment.text(3, 3))
    return {3: segment.field(3) if has_namespace else b""}


def _own_accession(segment: Segment, own: Identities) -> bytes:
    return _ei_or_none(next(iter(own.accessions), None), segment)


def _own_procedure(ipc: Segment, own: Identities) -> dict[int, bytes]:
    put = {1: _own_accession(ipc, own)}
    if own.study_uid and ipc.field(3):
        put[3] = own.study_uid.encode("ascii", "replace")
    return put


def _own_study(zds: Segment, own: Identities) -> dict[int, bytes]:
    if not own.study_uid:
        return {}
    _, *rest = zds.field(1).split(zds.marks.component)
    uid = own.study_uid.encode("ascii", "replace")
    return {1: zds.marks.component.join((uid, *rest))}


def _own_observation(obx: Segment, own: Identities) -> dict[int, bytes]:
    if own.study_uid and tells_study(obx):
        return {5: own.study_uid.encode("ascii", "replace")}
    return {}


def _with_segments(message: Message, segments: Sequence[Segment]) -> Message:
    return replace(message, raw=_joined([each.raw for each in segments]), segments=tuple(segments))


def _with(segment: Segment, put: Mapping[int, bytes]) -> Segment:
    """Replace fields by their numbers, adding empty ones as far as needed."""
    if not put:
        return segment
    shift = 1 if segment.name == "MSH" else 0
    fields = segment.raw.split(segment.marks.field)
    for number, value in put.items():
        place = number - shift
        if value or place < len(fields):
            fields += [b""] * (place + 1 - len(fields))
            fields[place] = value
    return replace(segment, raw=segment.marks.field.join(fields))


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
