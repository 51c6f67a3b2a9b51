"""An opened object back in a file: what a site does with its paper key when a box is broken."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from bocage_edge.errors import SealError
from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_plain

_PREAMBLE = b"\0" * 128 + b"DICM"
_READ_BYTES = 1 << 20


def restore(plain: BinaryIO, target: Path, *, bare: bool = False) -> Header:
    """Write the object that `age -d` took the encryption off.

    The file appears only when every byte of it was verified.

    Args:
        plain: what came out of `age -d`.
        target: a DICOM file (PS3.10) for an instance, the document itself for anything else.
        bare: write the data set alone, without file meta information.

    Raises:
        SealError: damaged, cut short, or not an object of ours; no file was written.
        OSError: the medium refused.
    """
    if target.exists():
        raise SealError(f"{target.name} exists already", "name a file that does not")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with CodecPool(1) as pool, _private(temporary) as file:
            opened = open_plain(_chunks(plain), pool)
            if opened.header.kind is ObjectKind.INSTANCE and not bare:
                file.write(_PREAMBLE + file_meta(opened.header))
            for block in opened.blocks():
                file.write(block)
        temporary.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    return opened.header


def file_meta(header: Header) -> bytes:
    """Write the file meta information of an instance. Source: PS3.10 §7.1."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(header.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(header.sop_instance)
    meta.TransferSyntaxUID = UID(header.transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta)
    return buffer.getvalue()


def _private(path: Path) -> BinaryIO:
    """Make a file that only we can read: it will hold a patient's exam."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_READ_BYTES):
        yield chunk
