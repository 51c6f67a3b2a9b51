"""Data sets to seal, written element by element, and what to seal them with."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import data_store
import pydicom
from pydicom.filereader import _read_file_meta_info

from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.keys import AgeKey, new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_sealed
from bocage_edge.seal.syntax import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bocage_edge.seal.writer import InstanceWriter, Sealed

CT = "1.2.840.10008.5.1.4.1.1.2"
SOP = "1.2.826.0.1.3680043.8.498.7"
STUDY = "1.2.826.0.1.3680043.8.498.8"
LONG_VRS = ("OB", "OW", "OF", "SQ", "UN", "UT")
OPENING: AgeKey = new_key()
RECOVERY: AgeKey = new_key()
RECIPIENTS = [OPENING.recipient, RECOVERY.recipient]

REAL_FOLDERS = (
    Path(data_store.__file__).parent / "data",
    Path(pydicom.__file__).parent / "data",
)


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes elements in one of the three encodings."""

    syntax: str = EXPLICIT_LITTLE

    @property
    def order(self) -> str:
        """Of numbers, as `struct` spells it."""
        return ">" if self.syntax == EXPLICIT_BIG else "<"

    def element(self, tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
        """Write one element; the value is in its byte order already."""
        if length is None and len(value) % 2:
            value += b"\0" if vr in ("UI", "OB", "UN") else b" "
        size = len(value) if length is None else length
        head = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if self.syntax == IMPLICIT_LITTLE:
            return head + struct.pack("<I", size) + value
        if vr in LONG_VRS:
            return head + vr.encode() + struct.pack(self.order + "HI", 0, size) + value
        return head + vr.encode() + struct.pack(self.order + "H", size) + value

    def us(self, tag: int, number: int) -> bytes:
        """Write an unsigned 16-bit number."""
        return self.element(tag, "US", struct.pack(self.order + "H", number))

    def item(self, content: bytes, *, is_defined: bool = True) -> bytes:
        """Write an item."""
        tag, end = struct.pack(self.order + "HH", 0xFFFE, 0xE000), b""
        if not is_defined:
            end = struct.pack(self.order + "HHI", 0xFFFE, 0xE00D, 0)
        size = len(content) if is_defined else 0xFFFFFFFF
        return tag + struct.pack(self.order + "I", size) + content + end

    def sequence(self, tag: int, items: list[bytes], *, is_defined: bool = True) -> bytes:
        """Write a sequence."""
        content = b"".join(items)
        if is_defined:
            return self.element(tag, "SQ", content)
        end = struct.pack(self.order + "HHI", 0xFFFE, 0xE0DD, 0)
        return self.element(tag, "SQ", content + end, 0xFFFFFFFF)

    def identity(self, *, study: str | None = STUDY, modality: str = "CT") -> bytes:
        """Write what identifies an instance."""
        parts = [
            self.element(0x00080016, "UI", CT.encode()),
            self.element(0x00080018, "UI", SOP.encode()),
            self.element(0x00080060, "CS", modality.encode()),
            self.element(0x00100010, "PN", b"Doe^Jane"),
        ]
        if study is not None:
            parts.append(self.element(0x0020000D, "UI", study.encode()))
        return b"".join(parts)

    def image(
        self,
        rows: int,
        columns: int,
        *,
        frames: int = 1,
        samples: int = 1,
        bits: int = 16,
        stored: int | None = None,
        signed: bool = False,
        planar: int = 0,
        photometric: str | None = None,
    ) -> bytes:
        """Write the image pixel module."""
        colour = photometric or ("MONOCHROME2" if samples == 1 else "RGB")
        stored = stored or bits
        parts = [
            self.us(0x00280002, samples),
            self.element(0x00280004, "CS", colour.encode()),
            self.us(0x00280006, planar) if samples > 1 else b"",
            self.element(0x00280008, "IS", str(frames).encode()) if frames != 1 else b"",
            self.us(0x00280010, rows),
            self.us(0x00280011, columns),
            self.us(0x00280100, bits),
            self.us(0x00280101, stored),
            self.us(0x00280102, stored - 1),
            self.us(0x00280103, int(signed)),
        ]
        return b"".join(parts)

    def pixels(self, value: bytes, vr: str = "OW") -> bytes:
        """Write native pixel data."""
        return self.element(0x7FE00010, vr, value + bytes(len(value) % 2))


EXPLICIT = Writing()
IMPLICIT = Writing(IMPLICIT_LITTLE)
BIG = Writing(EXPLICIT_BIG)


def encapsulated(frames: list[bytes], *, with_offsets: bool = True) -> bytes:
    """Write encapsulated pixel data, one fragment a frame."""
    even = [frame + bytes(len(frame) % 2) for frame in frames]
    starts, place = [], 0
    for frame in even:
        starts.append(place)
        place += len(frame) + 8
    table = struct.pack(f"<{len(starts)}I", *starts) if with_offsets else b""
    items = [EXPLICIT.item(table), *(EXPLICIT.item(frame) for frame in even)]
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return EXPLICIT.element(0x7FE00010, "OB", b"".join(items) + end, 0xFFFFFFFF)


def header_for(syntax: str, sop_class: str = CT, sop_instance: str = SOP) -> Header:
    """Make the header of an instance from a modality."""
    return Header(
        kind=ObjectKind.INSTANCE,
        sop_class=sop_class,
        sop_instance=sop_instance,
        transfer_syntax=syntax,
        calling_aet="CT1",
        called_aet="FLERS",
        service="routine",
        received_at=1_790_000_000,
    )


def seal(
    data_set: bytes, pool: CodecPool, syntax: str = EXPLICIT_LITTLE, piece: int = 16_384
) -> tuple[Sealed, bytes]:
    """Seal a data set given in pieces; gives what the writer says, and the object."""
    out = io.BytesIO()
    writer = InstanceWriter(out.write, RECIPIENTS, header_for(syntax), pool)
    for start in range(0, len(data_set), piece):
        writer.write(data_set[start : start + piece])
    return writer.finish(), out.getvalue()


def opened(sealed: bytes, pool: CodecPool | None, key: AgeKey = OPENING) -> bytes:
    """Open an object and give what it holds."""
    return b"".join(open_sealed(io.BytesIO(sealed), [key.secret], pool).blocks())


@dataclass(frozen=True, slots=True)
class RealFile:
    """A DICOM file, without its meta information."""

    name: str
    syntax: str
    data_set: bytes


def read_part10(path: Path) -> RealFile | None:
    """Read a file that states its transfer syntax; None where it is no such file."""
    raw = path.read_bytes()
    if raw[128:132] != b"DICM":
        return None
    stream = io.BytesIO(raw)
    stream.seek(132)
    meta = _read_file_meta_info(stream)
    syntax = meta.get("TransferSyntaxUID")
    if syntax is None:
        return None
    return RealFile(path.name, str(syntax), raw[stream.tell() :])


def real_paths() -> list[Path]:
    """List every file of pydicom-data and of pydicom's own tests."""
    found = [path for folder in REAL_FOLDERS for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix not in (".py", ".pyc", ".json", ".txt"))
