"""Text that must not be found again, put everywhere a data set can hold text; and the search.

A run has three marks of its own: one of ASCII letters, one of letters outside ASCII, one of digits
for UIDs. Whatever is put into a data set holds one of them, so the search looks for three things,
in every spelling a leak could have.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pydicom
import zstandard
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.integration.files import ENCAPSULATED_PDF, File, small

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowel: no word by chance
FOREIGN = "ÀÂÄÅÆÇÈÉÊËÌÎÏÐÑÒÔÖØÙÛÜÝÞ"
# Value representations that hold text, and what may stand beside the mark in them.
TEXT_VRS = {
    "AE": "{0}",
    "CS": "{0}",
    "LO": "{0} {1}",
    "LT": "{0}\r\n{1}",
    "PN": "{0}^{1}",
    "SH": "{0}",
    "ST": "{0} {1}",
    "UC": "{0} {1}",
    "UR": "http://{0}.test/",
    "UT": "{0} {1}",
}
NUMBER_VRS = {"DS": "{2}", "DT": "19{3}"}
# What makes the instance what it is, or says how it is to be read.
LEFT_ALONE = frozenset(
    {
        *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID"),
        *("PhotometricInterpretation", "NumberOfFrames", "MIMETypeOfEncapsulatedDocument"),
    }
)
INSIDE_A_SEAL = b"BOCAGE1\n"  # how it begins
_ZSTD_MAGIC = zstandard.FRAME_HEADER
_UNPACK_BYTES = 4 << 20
_BLOCK_BYTES = 8 << 20
_OVERLAP_BYTES = 256


@dataclass(frozen=True, slots=True)
class Marks:
    """What to look for.

    Args:
        letters: 12, which fit into every text value representation.
        foreign: 12 letters of Latin-1 outside ASCII.
        digits: 20, a component of UIDs.
    """

    letters: str
    foreign: str
    digits: str

    @classmethod
    def new(cls) -> Marks:
        """Draw marks no other run has."""
        return cls(
            "".join(secrets.choice(LETTERS) for _ in range(12)),
            "".join(secrets.choice(FOREIGN) for _ in range(12)),
            "9" + "".join(secrets.choice("0123456789") for _ in range(19)),
        )

    def uid(self, number: int) -> str:
        """Give a UID that holds the mark."""
        return f"1.2.826.0.1.3680043.8.498.{self.digits}.{number}"

    def fill(self, pattern: str) -> str:
        """Put marks into a text."""
        return pattern.format(self.letters, self.foreign, self.digits[:16], self.digits[:12])

    def needles(self) -> dict[bytes, str]:
        """Give every spelling to look for, with its name."""
        found = dict(_spellings("letters", self.letters, "ascii"))
        found |= _spellings("letters in small", self.letters.lower(), "ascii")
        found |= _spellings("foreign in Latin-1", self.foreign, "latin-1")
        found |= _spellings("foreign in UTF-8", self.foreign, "utf-8")
        found |= _spellings("digits", self.digits[:12], "ascii")
        return found


def _spellings(name: str, text: str, encoding: str) -> dict[bytes, str]:
    raw = text.encode(encoding)
    found = {raw: name}
    for wide in ("utf-16-le", "utf-16-be"):
        found[text.encode(wide)] = f"{name}, {wide}"
    found[raw.hex().encode()] = f"{name}, hex"
    found[raw.hex().upper().encode()] = f"{name}, HEX"
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw)
        # Letters that hold bits of a neighbour are not ours.
        ours = coded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        found[ours] = f"{name}, base64"
        found[ours.translate(bytes.maketrans(b"+/", b"-_"))] = f"{name}, base64url"
    return found


def every_text(marks: Marks) -> Dataset:
    """Put marks into every attribute of the standard that holds text, a UID, or digits."""
    ds = Dataset()
    for tag, (vr, _vm, _name, _retired, keyword) in DicomDictionary.items():
        if keyword in LEFT_ALONE or tag >> 16 < 8 or not keyword:
            continue
        if vr in TEXT_VRS or vr in NUMBER_VRS:
            text = marks.fill((TEXT_VRS | NUMBER_VRS)[vr])
            ds.add(DataElement(tag, vr, text, validation_mode=pydicom.config.IGNORE))
        elif vr == "UI":
            ds.add_new(tag, vr, marks.uid(99))
    return ds


def nested(marks: Marks, depth: int = 4) -> Dataset:
    """Put marks into items inside items, public and private."""
    ds = Dataset()
    ds.PatientName, ds.PatientComments = marks.fill("{0}^{1}"), marks.fill("{1}{0}")
    ds.ReferencedSOPInstanceUID = marks.uid(98)
    block = ds.private_block(0x0029, "BOCAGE TEST", create=True)
    for element, (vr, pattern) in enumerate(TEXT_VRS.items(), 1):
        block.add_new(element, vr, marks.fill(pattern))
    text = marks.fill("{0}{1}").encode("latin-1")
    block.add_new(0x20, "OB", text + b"\0" * (len(text) % 2))
    block.add_new(0x21, "UN", text + b"\0" * (len(text) % 2))
    if depth:
        ds.RequestAttributesSequence = Items([nested(marks, depth - 1)])
        block.add_new(0x30, "SQ", Items([nested(marks, 0)]))
    return ds


def marked(folder: Path, marks: Marks, number: int, *, charset: str = "ISO_IR 100") -> File:
    """Make an instance that holds marks wherever it can, its pixels included."""
    file = small(folder, uid=marks.uid(number), study=marks.uid(1), SpecificCharacterSet=charset)
    ds = pydicom.dcmread(file.path)
    ds.update(every_text(marks))
    ds.update(nested(marks))
    ds.SeriesInstanceUID = marks.uid(2)
    ds.PixelData = _of_length(marks, 64 * 48 * 2)
    ds.save_as(file.path, enforce_file_format=True)
    return file


def marked_pdf(folder: Path, marks: Marks, number: int) -> File:
    """Make a document that holds marks."""
    return small(
        folder,
        uid=marks.uid(number),
        study=marks.uid(1),
        sop_class=ENCAPSULATED_PDF,
        pixels=False,
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"%PDF-1.4\n" + _of_length(marks, 4001),
        DocumentTitle=marks.fill("{0} {1}"),
    )


def large_pixels(marks: Marks, size: int) -> bytes:
    """Give half of a Pixel Data element: it does not code away, and marks are everywhere in it."""
    mark = marks.letters.encode()
    pieces = [mark + secrets.token_bytes(500) for _ in range(size // (500 + len(mark)))]
    return b"".join([b"\xe0\x7f\x10\0OW\0\0", (2 * size).to_bytes(4, "little"), *pieces])


def _of_length(marks: Marks, size: int) -> bytes:
    text = marks.fill("{0}{1}").encode("latin-1") + marks.uid(97).encode()
    return (text * (size // len(text) + 1))[:size]


@dataclass(frozen=True)
class Search:
    """Looks for marks in files, raw, and inside whatever zstd has coded in the open."""

    marks: Marks
    more: tuple[bytes, ...] = ()  # to look for as well

    @cached_property
    def _needles(self) -> dict[bytes, str]:
        return {**self.marks.needles(), **{each: repr(each) for each in self.more}}

    def through(self, paths: Iterable[Path]) -> list[str]:
        """Say what was found where; files that go meanwhile are passed over."""
        return [f"{path}: {what}" for path in paths for what in self.in_file(path)]

    def in_file(self, path: Path) -> list[str]:
        """Say what one file holds."""
        found: dict[str, None] = {}
        end_of_last = b""
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    found |= dict.fromkeys(self.in_bytes(end_of_last + block))
                    end_of_last = block[-_OVERLAP_BYTES:]
        except (FileNotFoundError, ProcessLookupError):
            return []
        if self._spelt(str(path).encode("utf-8", "surrogateescape")):
            found["in its name"] = None
        return list(found)

    def in_bytes(self, data: bytes) -> list[str]:
        """Say what some bytes hold."""
        found = self._spelt(data)
        for place in re.finditer(re.escape(_ZSTD_MAGIC), data):
            found += [f"{what}, in zstd" for what in self._spelt(_unpacked(data[place.start() :]))]
        return found

    def _spelt(self, data: bytes) -> list[str]:
        return [name for needle, name in self._needles.items() if needle in data]


def _unpacked(coded: bytes) -> bytes:
    """Decode as much of a zstd frame as there is; nothing where it is none."""
    reader = zstandard.ZstdDecompressor().stream_reader(coded)
    unpacked = bytearray()
    try:
        while len(unpacked) < _UNPACK_BYTES and (part := reader.read(1 << 16)):
            unpacked += part
    except zstandard.ZstdError:
        return bytes(unpacked)
    return bytes(unpacked)


def files_below(
    folders: Iterable[Path], *, but: Iterable[Path] = (), since: float = 0
) -> Iterator[Path]:
    """List the regular files below folders.

    Args:
        but: folders to leave out.
        since: Unix seconds; files that were not changed after are left out.
    """
    left_out = {str(each) for each in but}
    for folder in folders:
        for place, names, files in os.walk(folder):
            names[:] = [name for name in names if os.path.join(place, name) not in left_out]
            for path in (Path(place, file) for file in files):
                with contextlib.suppress(FileNotFoundError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_mtime >= since:
                        yield path


def open_files(pids: Iterable[int]) -> Iterator[Path]:
    """List what processes hold open on a medium, also what has no name any more."""
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(FileNotFoundError):
                target = str(descriptor.readlink())
                is_elsewhere = target.startswith(("/memfd:", "/proc/"))
                if not is_elsewhere and stat.S_ISREG(descriptor.stat().st_mode):
                    yield descriptor
