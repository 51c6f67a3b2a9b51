"""Which identifiers a data set is to bear where it is delivered. Pure.

    at the practice   the hospital's numbers, marked as the link says (`Link.coerce`)
    at the hospital   the hospital's own, whatever the practice's systems have made of them

Nothing is ever cut: what does not fit is a reason not to deliver. Where everything agrees already,
nothing changes. What stood there goes into Original Attributes Sequence.

Source: PS3.3 C.7.1.1 (patient), C.7.2.1 (general study), 10.15 (issuer of patient id), 10.14 (HL7v2
hierarchic designator), C.12.1 (original attributes); PS3.5 6.2 (lengths).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydicom.datadict import keyword_for_tag

from bocage_contract.coercion import MAX_ACCESSION, MAX_PATIENT_ID, Coerce, is_oid
from bocage_edge.deliver.rewriting import Append, Change, Identified, Put, Remove, Stamp
from bocage_edge.exam.heard import Heard, decoded, encodings
from bocage_edge.exam.hospital import Designator, HospitalIdentities, designator, same_name
from bocage_edge.exam.identity import strip_uid
from bocage_edge.exam.repertoire import encoded, written
from bocage_edge.seal.scanner import Scanner

CHARACTER_SET = 0x00080005
ACCESSION_NUMBER, ISSUER_OF_ACCESSION = 0x00080050, 0x00080051
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
TYPE_OF_PATIENT_ID, ISSUER_QUALIFIERS = 0x00100022, 0x00100024
BIRTH_DATE, OTHER_PATIENT_IDS = 0x00100030, 0x00101002
STUDY_UID = 0x0020000D
LOCAL_ENTITY, UNIVERSAL_ENTITY, UNIVERSAL_TYPE = 0x00400031, 0x00400032, 0x00400033


class NotCoercibleError(Exception):
    """This instance cannot be given the identifiers it must bear; says why, in a fixed sentence."""


class IdentitiesHeldError(Exception):
    """Not now: what identifiers it must bear cannot be known; says why, in a fixed sentence."""


@dataclass(frozen=True, slots=True)
class Coercion:
    """What becomes of one data set.

    Args:
        changes: none at all: it stays byte for byte.
        is_unproven: nobody could look whether its identifiers are those they must be.
    """

    changes: Mapping[int, Change] = field(default_factory=dict)
    stamp: Stamp | None = None
    is_unproven: bool = False

    @property
    def keywords(self) -> tuple[str, ...]:
        """Name what changes, in the order of the data set."""
        return tuple(keyword_for_tag(tag) for tag in sorted(self.changes))


def stamp_of(at: float, system: str, source: str) -> Stamp:
    """Say who changes a data set, and when: the same for every attempt at one object.

    Args:
        at: Unix seconds.
        system: this box.
        source: the box it came from.
    """
    moment = datetime.fromtimestamp(at, UTC)
    return Stamp(moment.strftime("%Y%m%d%H%M%S+0000"), f"Bocage {system}", source)


def marked(found: Identified, coerce: Coerce) -> dict[int, Change]:
    """Mark a hospital's numbers.

    An exam without a patient ID or without an accession number is left without one: a mark alone
    would make one number of many.

    Raises:
        NotCoercibleError: a number has no room for its mark.
    """
    return {**_marked_accession(found, coerce), **_marked_patient(found, coerce)}


def _marked_accession(found: Identified, coerce: Coerce) -> dict[int, Change]:
    changes: dict[int, Change] = {}
    if not found.value(ACCESSION_NUMBER):
        return changes
    if coerce.accession_prefix:
        what = "an accession number", MAX_ACCESSION
        changes[ACCESSION_NUMBER] = _prefixed(
            found, ACCESSION_NUMBER, coerce.accession_prefix, what
        )
    issuer = coerce.issuer_of_accession
    if issuer:
        changes[ISSUER_OF_ACCESSION] = Put((_designator(issuer),))
    elif changes and found.has(ISSUER_OF_ACCESSION):
        changes[ISSUER_OF_ACCESSION] = Remove()  # it gave out the number without the prefix
    return changes


def _marked_patient(found: Identified, coerce: Coerce) -> dict[int, Change]:
    changes: dict[int, Change] = {}
    number = found.value(PATIENT_ID)
    if not number:
        return changes
    if coerce.patient_id_prefix:
        what = "a patient ID", MAX_PATIENT_ID
        changes[PATIENT_ID] = _prefixed(found, PATIENT_ID, coerce.patient_id_prefix, what)
    issuer = (coerce.issuer_of_patient_id or "").encode("ascii")
    if issuer and issuer != found.value(ISSUER_OF_PATIENT_ID):
        changes[ISSUER_OF_PATIENT_ID] = Put(issuer)
    if not changes:
        return changes
    was_issued = found.has(ISSUER_OF_PATIENT_ID) or found.has(ISSUER_QUALIFIERS)
    if found.has(ISSUER_QUALIFIERS):
        changes[ISSUER_QUALIFIERS] = Remove()
    if coerce.other_patient_ids and (coerce.patient_id_prefix or was_issued):
        copied = (PATIENT_ID, ISSUER_OF_PATIENT_ID, ISSUER_QUALIFIERS)
        changes[OTHER_PATIENT_IDS] = Append({TYPE_OF_PATIENT_ID: b"TEXT"}, copied)
    return changes


def _prefixed(found: Identified, tag: int, prefix: str, what: tuple[str, int]) -> Put:
    number, (named, most) = found.value(tag), what
    if len(prefix) + len(_text(found, tag)) > most:
        raise NotCoercibleError(
            f"its number and the prefix of the link have more characters than {named} may: {most}"
        )
    return Put(prefix.encode("ascii") + number)


def _designator(issuer: str) -> dict[int, bytes | tuple[()]]:
    if is_oid(issuer):
        return {UNIVERSAL_ENTITY: issuer.encode("ascii"), UNIVERSAL_TYPE: b"ISO"}
    return {LOCAL_ENTITY: issuer.encode("ascii")}


def returned(found: Identified, own: HospitalIdentities) -> dict[int, Change]:
    """Give what comes back to a hospital the hospital's own identifiers.

    Numbers become exactly what the exam's were, empty where they were: a number of the practice's
    may be another patient's here. Name and birth date follow where the hospital had any.

    Raises:
        NotCoercibleError: a number cannot be written in the data set's character set.
    """
    changes: dict[int, Change] = {}
    changes |= _own_numbers(found, own)
    if own.birth_date and own.birth_date != _text(found, BIRTH_DATE):
        changes[BIRTH_DATE] = Put(own.raw.get("PatientBirthDate", b""))
    if own.name and not same_name(own.name, _text(found, PATIENT_NAME)):
        changes |= _own_name(found, own)
    return changes


def _own_numbers(found: Identified, own: HospitalIdentities) -> dict[int, Change]:
    changes: dict[int, Change] = {}
    if own.study_uid and own.study_uid != strip_uid(_text(found, STUDY_UID)):
        changes[STUDY_UID] = Put(own.study_uid.encode("ascii", "replace"))
    if own.accession != _text(found, ACCESSION_NUMBER):
        changes[ACCESSION_NUMBER] = _own_number(found, own, "AccessionNumber")
    is_other = ACCESSION_NUMBER in changes
    changes |= _own_issuer(found, own.accession_issuer, ISSUER_OF_ACCESSION, is_other=is_other)
    if own.patient_id != _text(found, PATIENT_ID):
        changes[PATIENT_ID] = _own_number(found, own, "PatientID")
    if own.issuer != _text(found, ISSUER_OF_PATIENT_ID):
        changes[ISSUER_OF_PATIENT_ID] = (
            _own_number(found, own, "IssuerOfPatientID") if own.issuer else Remove()
        )
    is_other = PATIENT_ID in changes or ISSUER_OF_PATIENT_ID in changes
    return changes | _own_issuer(found, own.qualifiers, ISSUER_QUALIFIERS, is_other=is_other)


def _own_issuer(
    found: Identified, own: Designator, tag: int, *, is_other: bool
) -> dict[int, Change]:
    """Let the hospital's own issuer stand there; that of a number that changes goes with it."""
    if own == _issuer_in(found, tag):
        return {}
    parts = zip((LOCAL_ENTITY, UNIVERSAL_ENTITY, UNIVERSAL_TYPE), own, strict=True)
    said = {part: text for part, text in parts if text}
    if not said:
        return {tag: Remove()} if is_other else {}
    there = found.value(CHARACTER_SET)
    values = {part: encoded(text, there) for part, text in said.items()}
    item = {part: value for part, value in values.items() if value is not None}
    if len(item) < len(said):
        raise NotCoercibleError("its character set cannot write who gave out a number")
    return {tag: Put((item,))}


def _issuer_in(found: Identified, tag: int) -> Designator:
    heard = Heard()
    Scanner(found.transfer_syntax, heard).feed(found.raw(CHARACTER_SET) + found.raw(tag))
    codecs = encodings(found.value(CHARACTER_SET).decode("ascii", "replace"))
    return designator(decoded(heard.issuers().get(tag, b""), codecs))


def _own_number(found: Identified, own: HospitalIdentities, keyword: str) -> Put:
    raw = own.raw.get(keyword, b"")
    there = found.value(CHARACTER_SET)
    text = decoded(raw, encodings(own.character_set.decode("ascii", "replace")))
    fits = written(text, raw, own.character_set, there)
    if fits is None or (fits.character_set != there and not raw.isascii()):
        raise NotCoercibleError("its character set cannot write a number of the hospital's own")
    return Put(fits.value)


def _own_name(found: Identified, own: HospitalIdentities) -> dict[int, Change]:
    """Write the hospital's name; one that cannot be written leaves the practice's as it is."""
    there = found.value(CHARACTER_SET)
    fits = written(own.name, own.raw.get("PatientName", b""), own.character_set, there)
    if fits is None:
        return {}
    changes: dict[int, Change] = {PATIENT_NAME: Put(fits.value)}
    if fits.character_set != there:
        changes[CHARACTER_SET] = Put(fits.character_set)
    return changes


def _text(found: Identified, tag: int) -> str:
    codecs = encodings(found.value(CHARACTER_SET).decode("ascii", "replace"))
    return decoded(found.value(tag), codecs)
