"""Who an exam is of and what its site calls it: sealed to the box's own opening key.

The box that sends must know it later, to match a report and to give it the site's own identifiers,
and may not read it meanwhile. The values are kept as the bytes they came in, with their repertoire.

Source: PS3.3 C.7.1.1, C.7.2.1; PS3.5 6.1.2.5 (repertoires).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom.charset import convert_encodings, decode_bytes

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.seal import dictionary as dd
from bocage_edge.seal.age import AgeWriter, age_read
from bocage_edge.seal.errors import BrokenSealError

_REPERTOIRE = "SpecificCharacterSet"
_DELIMITERS = {ord("^"), ord("=")}  # PS3.5 6.1.2.5.3: code extensions are reset there
_PARTICULARS = dd.PARTICULARS | dd.ISSUERS
_KEYWORDS = frozenset(_PARTICULARS.values())


@dataclass(frozen=True, slots=True)
class Particulars:
    """The values by DICOM keyword, as bytes without padding; only those that were there."""

    values: Mapping[str, bytes]

    def text(self, keyword: str) -> str:
        """Give a value as text; empty where it was not there. What cannot be read becomes U+FFFD.

        Args:
            keyword: of `dictionary.PARTICULARS`.
        """
        value = self.values.get(keyword, b"")
        # pydicom warns in texts that quote what it read: nothing of it is let out.
        terms = self.values.get(_REPERTOIRE, b"").decode("ascii", "replace").split("\\")
        try:
            encodings = convert_encodings([term.strip() for term in terms])
            return decode_bytes(value, encodings, _DELIMITERS)
        except (LookupError, ValueError):
            return value.decode("ascii", "replace")


def noted(identities: Identities) -> dict[int, bytes]:
    """Write what a message says of its patient and exam as a data set would, for sealing."""
    patient = next(iter(identities.patients), Issued(""))
    accession = next(iter(identities.accessions), Issued(""))
    said = {
        "SpecificCharacterSet": "ISO_IR 192",
        "AccessionNumber": accession.number,
        "PatientName": identities.name,
        "PatientID": patient.number,
        "IssuerOfPatientID": patient.issuer,
        "PatientBirthDate": identities.birth_date,
        "PatientSex": identities.sex,
        "StudyInstanceUID": identities.study_uid,
    }
    return {
        tag: said[keyword].encode() for tag, keyword in dd.PARTICULARS.items() if said.get(keyword)
    }


def seal_particulars(noted: Mapping[int, bytes], recipient: str) -> bytes:
    """Seal what a data set says of its patient and study.

    Args:
        noted: by tag; what is not of `dictionary.PARTICULARS` or `ISSUERS` is left out.
        recipient: `age1…`, the box's own.

    Raises:
        SealError: the recipient is none.
    """
    values = {
        _PARTICULARS[tag]: base64.b64encode(value.strip(b" \0")).decode()
        for tag, value in noted.items()
        if tag in _PARTICULARS
    }
    sealed = BytesIO()
    writer = AgeWriter(sealed.write, [recipient])
    writer.write(json.dumps(values, sort_keys=True).encode())
    writer.close()
    return sealed.getvalue()


def open_particulars(sealed: bytes, identities: Sequence[str]) -> Particulars:
    """Open what `seal_particulars` sealed.

    Args:
        identities: `AGE-SECRET-KEY-1…`; any of them.

    Raises:
        NotForUsError: no identity opens it.
        BrokenSealError: it was changed.
    """
    raw = b"".join(age_read(BytesIO(sealed), identities))
    try:
        values = json.loads(raw)
        return Particulars(
            {
                keyword: base64.b64decode(text, validate=True)
                for keyword, text in values.items()
                if keyword in _KEYWORDS
            }
        )
    except (ValueError, TypeError, AttributeError):
        raise BrokenSealError("an exam's particulars are not what we write") from None
