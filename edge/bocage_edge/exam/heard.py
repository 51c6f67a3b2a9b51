"""Reads the identities out of a data set while a scanner walks through it. Pure.

It hears every element (`ContentSink` of the scanner) and keeps a few short values, so it costs no
second reading and no data set parser, whatever a stranger has written.

Source: PS3.3 C.7.1.1 (patient), C.7.2.1 (general study), C.17.2 (SR document general), C.17.3 (its
title), Table 10-18 (issuer); PS3.5 6.1.2 (character sets). The INS's OIDs are those of the ANS's
list of the French national health identity: NIR, NIA, and their test forms.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

from bocage_edge.exam.identities import Document, Identities, Issued

MAX_KEPT = 256
MAX_PREDECESSORS = 64
MAX_VALUE_BYTES = 1024
MAX_DEPTH = 8

CHARACTER_SET = 0x00080005
ACCESSION_NUMBER, ISSUER_OF_ACCESSION = 0x00080050, 0x00080051
PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID = 0x00100010, 0x00100020, 0x00100021
PATIENT_ISSUER_QUALIFIERS = 0x00100024
BIRTH_DATE, SEX, OTHER_PATIENT_IDS = 0x00100030, 0x00100040, 0x00101002
STUDY_UID = 0x0020000D
LOCAL_ENTITY, UNIVERSAL_ENTITY, UNIVERSAL_TYPE = 0x00400031, 0x00400032, 0x00400033
REQUEST_ATTRIBUTES, REFERENCED_REQUESTS = 0x00400275, 0x0040A370
PLACER_ORDER, FILLER_ORDER = 0x00402016, 0x00402017
CODE_VALUE, CONCEPT_NAME = 0x00080100, 0x0040A043
PREDECESSORS, REFERENCED_INSTANCE = 0x0040A360, 0x00081155
# Of a data set, which is in rising order, nothing behind this is listened to.
LAST_TAG = REFERENCED_REQUESTS

INS_ISSUERS = frozenset(
    ("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
)

_KEPT = frozenset(
    {
        CHARACTER_SET, ACCESSION_NUMBER, PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID, BIRTH_DATE,
        SEX, STUDY_UID, LOCAL_ENTITY, UNIVERSAL_ENTITY, UNIVERSAL_TYPE, PLACER_ORDER, FILLER_ORDER,
        CODE_VALUE,
    }
)  # fmt: skip
_FOLLOWED = frozenset(
    {
        ISSUER_OF_ACCESSION, PATIENT_ISSUER_QUALIFIERS, OTHER_PATIENT_IDS, REQUEST_ATTRIBUTES,
        REFERENCED_REQUESTS, CONCEPT_NAME, PREDECESSORS,
    }
)  # fmt: skip
_DESIGNATOR = (LOCAL_ENTITY, UNIVERSAL_ENTITY, UNIVERSAL_TYPE)
_TO_PREDECESSORS = frozenset({0x00081115, 0x00081199})  # Table C.17-3: series, instances
_DEFAULT = ("ascii",)
# Latin-9 (the oe and the euro sign) came into the standard later than into the library.
_LATIN_9 = {"ISO_IR 203": "iso8859_15", "ISO 2022 IR 203": "iso8859_15"}
_CODECS = {**python_encoding, **_LATIN_9}
_ESCAPES = {**CODES_TO_ENCODINGS, b"\x1b-b": "iso8859_15"}
_RESETS = frozenset(b"\\^=\r\n\f\t")
_Place = tuple[int, ...]  # sequence, item number, sequence, item number ... of the item we are in


class Heard:
    """See the module; give it to a scanner, then ask for `identities`."""

    def __init__(self) -> None:
        """Begin a data set."""
        self._kept: dict[_Place, dict[int, bytes]] = {}
        self._count = 0
        self._place: list[int] = []
        self._aside = 0  # depth inside a sequence that is not followed
        self._predecessors: list[bytes] = []

    def identities(self) -> Identities:
        """Give what was heard so far."""
        items = [((), self._kept.get((), {})), *self._requests()]
        patients = [self._patient(place) for place in ((), *self._others())]
        numbered = [each for each in patients if each.number]
        return Identities(
            study_uid=self._text((), STUDY_UID),
            accessions=_unique(self._accession(place) for place, _ in items),
            orders=tuple(
                dict.fromkeys(
                    text
                    for place, _ in items
                    for tag in (PLACER_ORDER, FILLER_ORDER)
                    if (text := self._text(place, tag))
                )
            ),
            patients=tuple(each for each in numbered if each.issuer not in INS_ISSUERS),
            ins=tuple(
                "".join(each.number.split()) for each in numbered if each.issuer in INS_ISSUERS
            ),
            name=self._text((), PATIENT_NAME),
            birth_date=self._text((), BIRTH_DATE),
            sex=self._text((), SEX),
        )

    def issuers(self) -> dict[int, bytes]:
        """Give who gave out accession number and patient ID, by the tags of their sequences.

        As bytes in the character set of the data set: local name, universal ID and its type,
        divided by backslashes. Only those that say anything.
        """
        found = {}
        for tag in (ISSUER_OF_ACCESSION, PATIENT_ISSUER_QUALIFIERS):
            item = self._kept.get((tag, 0), {})
            parts = [item.get(it, b"").strip(b" \0") for it in _DESIGNATOR]
            if any(parts):
                found[tag] = b"\\".join(parts)
        return found

    def document(self) -> Document:
        """Give what was heard of the document it is, if it is one."""
        uids = (each.decode("ascii", "replace").strip(" \0") for each in self._predecessors)
        return Document(
            predecessors=tuple(dict.fromkeys(each for each in uids if each)),
            title=self._text((CONCEPT_NAME, 0), CODE_VALUE),
        )

    # -- what the scanner tells

    def value(self, tag: int, value: bytes, number_bytes: int) -> None:
        """Take a whole value."""
        if self._aside or len(value) > MAX_VALUE_BYTES:
            return
        if self._is_at_predecessors:
            if tag == REFERENCED_INSTANCE and len(self._predecessors) < MAX_PREDECESSORS:
                self._predecessors.append(bytes(value))
            return
        if tag not in _KEPT:
            return
        if self._count < MAX_KEPT:
            self._count += 1
            self._kept.setdefault(tuple(self._place), {}).setdefault(tag, bytes(value))

    def long_value(self, tag: int, length: int, number_bytes: int) -> None:
        """Pass over a long value."""

    def more(self, data: memoryview) -> None:
        """Pass over a part of one."""

    def begin_sequence(self, tag: int) -> None:
        """Open a sequence."""
        followed = _TO_PREDECESSORS if self._is_at_predecessors else _FOLLOWED
        if self._aside or tag not in followed or len(self._place) >= 2 * MAX_DEPTH:
            self._aside += 1
        else:
            self._place += [tag, -1]

    def end_sequence(self) -> None:
        """Close a sequence."""
        if self._aside:
            self._aside -= 1
        elif self._place:
            del self._place[-2:]

    def begin_item(self) -> None:
        """Open an item."""
        if not self._aside and self._place:
            self._place[-1] += 1

    def end_item(self) -> None:
        """Close an item."""

    def pixels(self) -> None:
        """Pass over the pixel data."""

    def give_up(self) -> None:
        """Keep what was heard: the identities stand before whatever cannot be followed."""

    def flush(self) -> None:
        """Nothing of what was fed is held by reference."""

    # -- what it means

    @property
    def _is_at_predecessors(self) -> bool:
        return bool(self._place) and self._place[0] == PREDECESSORS

    def _requests(self) -> list[tuple[_Place, dict[int, bytes]]]:
        wanted = (REQUEST_ATTRIBUTES, REFERENCED_REQUESTS)
        return [it for it in self._kept.items() if len(it[0]) == 2 and it[0][0] in wanted]

    def _others(self) -> list[_Place]:
        return [it for it in self._kept if len(it) == 2 and it[0] == OTHER_PATIENT_IDS]

    def _patient(self, place: _Place) -> Issued:
        universal = self._text((*place, PATIENT_ISSUER_QUALIFIERS, 0), UNIVERSAL_ENTITY)
        issuer = universal or self._text(place, ISSUER_OF_PATIENT_ID)
        return Issued(self._text(place, PATIENT_ID), issuer)

    def _accession(self, place: _Place) -> Issued:
        of_issuer = (*place, ISSUER_OF_ACCESSION, 0)
        issuer = self._text(of_issuer, UNIVERSAL_ENTITY) or self._text(of_issuer, LOCAL_ENTITY)
        return Issued(self._text(place, ACCESSION_NUMBER), issuer)

    def _text(self, place: _Place, tag: int) -> str:
        value = self._kept.get(place, {}).get(tag, b"")
        sets = self._kept.get((), {}).get(CHARACTER_SET, b"").decode("ascii", "replace")
        return decoded(value, encodings(sets))


def encodings(character_set: str) -> tuple[str, ...]:
    """Name the codecs of a Specific Character Set; those nobody knows are left out.

    Args:
        character_set: as the element holds it, values divided by a backslash.
    """
    terms = [term.strip(" \0") for term in character_set.split("\\")]
    named = tuple(_CODECS[term] for term in terms if term and term in _CODECS)
    first_is_default = not terms[0] or terms[0] not in _CODECS
    return (*_DEFAULT, *named) if first_is_default else named


def decoded(value: bytes, codecs: tuple[str, ...]) -> str:
    """Read a text element; bytes that its character set does not have are read as Latin-1.

    An escape sequence (ISO 2022) changes the codec up to the next one; behind a delimiter the first
    codec is in force again.
    """
    parts, rest, codec = [], value.strip(b" \0"), codecs[0]
    while rest:
        if rest[:1] == b"\x1b":
            size = 4 if rest[:4] in _ESCAPES else 3
            codec, code, rest = _escaped(rest[:size], codecs[0]), rest[:size], rest[size:]
        else:
            code = b""
        end = rest.find(b"\x1b")
        piece, rest = (rest, b"") if end < 0 else (rest[:end], rest[end:])
        cut = _reset(piece) if code and codec in _STATELESS_AFTER else len(piece)
        parts.append(_read(piece[:cut], code, codec))
        parts.append(_read(piece[cut:], b"", codecs[0]))
        codec = codecs[0] if cut < len(piece) else codec
    return "".join(parts).strip(" \0")


# Codecs of one byte a character, in which a delimiter can be told.
_STATELESS_AFTER = frozenset(
    codec for codec in _CODECS.values() if not codec.startswith(("iso2022", "euc", "gb"))
)
# Python's codecs of these want the escape sequence itself.
_WANT_ESCAPE = frozenset(("iso2022_jp", "iso2022_jp_2"))


_PYTHON_NAMES = {
    "iso8859": "latin_1",
    "iso_ir_58": "gb2312",
    "iso_ir_126": "iso8859_7",
    "iso_ir_127": "iso8859_6",
    "iso_ir_138": "iso8859_8",
    "iso_ir_144": "iso8859_5",
    "iso_ir_148": "iso8859_9",
    "iso_ir_166": "tis_620",
}


def _escaped(code: bytes, first: str) -> str:
    return _ESCAPES.get(code, first)


def _reset(piece: bytes) -> int:
    return next((place for place, byte in enumerate(piece) if byte in _RESETS), len(piece))


def _read(piece: bytes, code: bytes, codec: str) -> str:
    raw = code + piece if codec in _WANT_ESCAPE else piece
    try:
        return raw.decode(_PYTHON_NAMES.get(codec, codec))
    except (UnicodeError, LookupError):
        return piece.decode("latin_1")


def _unique(found: Iterable[Issued]) -> tuple[Issued, ...]:
    return tuple(dict.fromkeys(each for each in found if each.number))
