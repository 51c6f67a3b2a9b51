"""The few values of a data set that decide how it is identified, coded and compared.

Source: PS3.3 C.7.6.3 (image pixel module), C.12.1 (SOP common); PS3.5 9.1 (UIDs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bocage_edge.seal import dictionary as dd

# Leading zeros and empty components are wrong too, but modalities in service send them.
_UID = re.compile(r"[0-9.]+", re.ASCII)
_UID_CHARS = 64
_PARTICULAR_BYTES = 512  # the longest of them, PN with three groups, has 64 characters a group


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a data set says of its pixels; None where it does not, or not legibly."""

    rows: int | None = None
    columns: int | None = None
    samples: int | None = None
    bits_allocated: int | None = None
    bits_stored: int | None = None
    high_bit: int | None = None
    is_signed: bool | None = None
    planar: int | None = None
    photometric: str | None = None
    frames: int = 1


class Noted:
    """Values met so far at the top level."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._texts: dict[int, str] = {}
        self._numbers: dict[int, int | None] = {}
        self.is_identified = False
        self.particulars: dict[int, bytes] = {}  # of `dictionary.KEPT`, padding and all

    def note(self, tag: int, value: bytes, *, is_big: bool) -> str | None:
        """Keep a value; gives why the instance cannot be identified, if that is now clear."""
        if tag in dd.NOTED_NUMBERS:
            number = int.from_bytes(value, "big" if is_big else "little")
            self._numbers[tag] = number if len(value) == 2 else None
            return None
        if tag in dd.KEPT:
            self.particulars[tag] = value[:_PARTICULAR_BYTES]
        text = value.decode("latin-1").strip(" \0")
        if tag in dd.NOTED_UIDS:
            problem = self._check_uid(tag, text)
            if problem:
                return problem
        self._texts[tag] = text
        self.is_identified = self.is_identified or dd.NOTED_UIDS.keys() <= self._texts.keys()
        return None

    def missing(self) -> str:
        """Say in words which identifying value has not come."""
        names = [name for tag, name in dd.NOTED_UIDS.items() if tag not in self._texts]
        return f"no {', no '.join(names)}" if names else "nothing is missing"

    def text(self, tag: int) -> str | None:
        """Give a text value, None where it has not come or is empty."""
        return self._texts.get(tag) or None

    def attributes(self) -> Attributes:
        """Give what is known of the image."""
        signed = self._numbers.get(dd.PIXEL_REPRESENTATION)
        return Attributes(
            rows=self._numbers.get(dd.ROWS),
            columns=self._numbers.get(dd.COLUMNS),
            samples=self._numbers.get(dd.SAMPLES_PER_PIXEL),
            bits_allocated=self._numbers.get(dd.BITS_ALLOCATED),
            bits_stored=self._numbers.get(dd.BITS_STORED),
            high_bit=self._numbers.get(dd.HIGH_BIT),
            is_signed=None if signed not in (0, 1) else bool(signed),
            planar=self._numbers.get(dd.PLANAR_CONFIGURATION),
            photometric=self.text(dd.PHOTOMETRIC_INTERPRETATION),
            frames=_count(self.text(dd.NUMBER_OF_FRAMES)),
        )

    def _check_uid(self, tag: int, text: str) -> str | None:
        name = dd.NOTED_UIDS[tag]
        if len(text) > _UID_CHARS or not _UID.fullmatch(text):
            return f"the {name} is not a UID"
        if self._texts.get(tag, text) != text:
            return f"two different values for {name}"
        return None


def _count(text: str | None) -> int:
    """Read Number of Frames: 1 where absent, 0 (no such number) where it is not legible."""
    if text is None:
        return 1
    return int(text) if len(text) <= 12 and text.isascii() and text.isdigit() else 0
