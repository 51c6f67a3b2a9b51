"""Real DICOM files of pydicom's test data, taken apart and put together as bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import data_store
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from bocage_edge.deliver.frame import FrameFaultError
from bocage_edge.seal import codecs
from bocage_edge.seal.layout import PixelFormat

FOLDERS = (
    Path(pydicom.__file__).parent / "data" / "test_files",
    Path(data_store.__file__).parent / "data",
)
GROUP_LENGTH_AT, META_AT = 140, 144


def file(name: str) -> Path:
    """Find a test file."""
    return next(folder / name for folder in FOLDERS if (folder / name).exists())


def take_apart(name: str) -> tuple[str, bytes]:
    """Give transfer syntax and exact data set bytes of a Part 10 file."""
    path = file(name)
    raw = path.read_bytes()
    end = META_AT + int.from_bytes(raw[GROUP_LENGTH_AT:META_AT], "little")
    syntax = str(pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID)
    return syntax, raw[end:]


def part10(syntax: str, dataset: bytes) -> bytes:
    """Put a Part 10 file together."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    out = DicomBytesIO()
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, meta)
    return out.getvalue() + dataset


def parse(syntax: str, dataset: bytes) -> Dataset:
    """Parse data set bytes with pydicom."""
    return pydicom.dcmread(io.BytesIO(part10(syntax, dataset)), force=True)


def blocks(dataset: bytes, size: int = 4099) -> Iterator[bytes]:
    """Cut bytes into blocks that fit nothing."""
    for start in range(0, len(dataset), size):
        yield dataset[start : start + size]


class LocalCodec:
    """The codecs in this very process, for trusted test files."""

    def decode(self, syntax: str, form: PixelFormat, stream: bytes) -> bytes:
        """Decode one frame."""
        try:
            return codecs.decode(syntax, form, stream)
        except Exception as error:
            raise FrameFaultError("the codec cannot take one of its frames") from error

    def encode(self, syntax: str, form: PixelFormat, raw: bytes) -> tuple[bytes, str]:
        """Code one frame."""
        try:
            return codecs.encode(syntax, form, raw)
        except Exception as error:
            raise FrameFaultError("the codec cannot take one of its frames") from error


def quiet_pydicom() -> warnings.catch_warnings[None]:
    """Let pydicom say what it thinks of odd files without failing the test."""
    return warnings.catch_warnings(action="ignore")
