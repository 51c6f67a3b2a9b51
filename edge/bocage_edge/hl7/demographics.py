"""Reads who a message is about and what it calls the exam: PID, ORC, OBR, IPC, ZDS, TXA, OBX. Pure.

Source: HL7 v2.5.1 chapters 3, 4 and 9; IHE RAD TF-2 4.4, 4.28 (ZDS, OBR-18, IPC); ANS, volet INS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.message import Message, Segment

T = TypeVar("T")

# The INS by its issuer: NIR, NIA, and the NIR of the test and the demonstration domain.
INS_OIDS = frozenset(f"1.2.250.1.213.1.4.{arc}" for arc in (8, 9, 10, 11))
_INS_TYPES = frozenset({"INS", "INS-NIR", "INS-NIA"})  # CX.5, where CX.4 names no OID
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST_UID = 64
_LONGEST_NUMBER = 64
_STUDY_CODES = frozenset({"110180", "113014"})  # DCM: Study Instance UID, DICOM Study
_BIRTH = re.compile(r"\d{8}")
_SEXES = frozenset({"M", "F", "O"})


def identities_of(message: Message) -> Identities:
    """Collect every identity a message bears; what is malformed is left out."""
    pid = message.first("PID")
    patients, ins = _patients(pid)
    return Identities(
        study_uid=next(_study_uids(message), ""),
        accessions=_once(_accessions(message)),
        orders=_once(_orders(message)),
        patients=patients,
        ins=ins,
        name=_name(pid),
        birth_date=_birth_date(pid),
        sex=_sex(pid),
    )


def is_uid(text: str) -> bool:
    """Whether a text may be a UID (PS3.5 9.1)."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def _patients(pid: Segment | None) -> tuple[tuple[Issued, ...], tuple[str, ...]]:
    """Give the sites' own numbers, and the national ones."""
    patients: list[Issued] = []
    ins: list[str] = []
    if pid is None:
        return (), ()
    # PID-2 and PID-4 are where version 2.2 put what PID-3 repeats since.
    for place in (3, 2, 4):
        for cx in pid.repetitions(place):
            value = pid.component(cx, 1)
            if not _is_number(value):
                continue
            oid = pid.component(cx, 4, 2)
            if oid in INS_OIDS or (not oid and pid.component(cx, 5).upper() in _INS_TYPES):
                ins.append(value.replace(" ", ""))
            else:
                patients.append(Issued(value, oid or pid.component(cx, 4, 1)))
    return _once(patients), _once(ins)


def _ei(segment: Segment, place: int) -> Iterator[Issued]:
    for ei in segment.repetitions(place)[:1]:
        value = segment.component(ei, 1)
        if _is_number(value):
            yield Issued(value, segment.component(ei, 3) or segment.component(ei, 2))


def _is_number(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_NUMBER and value.isprintable()


def _accessions(message: Message) -> Iterator[Issued]:
    for segment in message.all("IPC"):
        yield from _ei(segment, 1)
    for segment in message.all("OBR"):
        yield from _ei(segment, 18)


def _orders(message: Message) -> Iterator[str]:
    places = {"ORC": (2, 3), "OBR": (2, 3, 19), "IPC": (2,), "TXA": (14, 15)}
    for segment in message.segments:
        for place in places.get(segment.name, ()):
            yield from (each.number for each in _ei(segment, place))


def _study_uids(message: Message) -> Iterator[str]:
    for segment in message.segments:
        uid = _study_uid(segment)
        if is_uid(uid):
            yield uid


def _study_uid(segment: Segment) -> str:
    if segment.name == "ZDS":
        return segment.text(1)
    if segment.name == "IPC":
        return segment.text(3)
    if segment.name == "OBX" and tells_study(segment):
        return segment.text(5)
    return ""


def tells_study(obx: Segment) -> bool:
    """Whether an observation is the Study Instance UID of what was observed."""
    named = f"{obx.text(3, 2)} {obx.text(3, 1)}".upper()
    return obx.text(3, 1) in _STUDY_CODES or "STUDY INSTANCE UID" in named


def _name(pid: Segment | None) -> str:
    """Family and given name; the legal one (XPN.7 L) before others."""
    if pid is None:
        return ""
    names = pid.repetitions(5)
    legal = [xpn for xpn in names if pid.component(xpn, 7).upper() == "L"]
    for xpn in legal or names:
        return "^".join((pid.component(xpn, 1), pid.component(xpn, 2))).strip("^")
    return ""


def _birth_date(pid: Segment | None) -> str:
    said = "" if pid is None else pid.text(7)[:8]
    return said if _BIRTH.fullmatch(said) else ""


def _sex(pid: Segment | None) -> str:
    said = "" if pid is None else pid.text(8).upper()[:1]
    return said if said in _SEXES else ""


def _once(numbers: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(numbers))
