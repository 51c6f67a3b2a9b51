"""Small SOP instances, encoded as they stand in a C-STORE."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
STUDY = "1.2.826.0.1.3680043.8.498.1"
_LONG = (b"OB", b"OW", b"UN", b"SQ")


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: identity and data set in explicit VR little endian."""

    sop_class: str
    sop_instance: str
    data_set: bytes


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    """Encode an element in explicit VR little endian."""
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB", b"UN") else b" "
    if vr in _LONG:
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def instance(
    number: int,
    *,
    study: str | None = STUDY,
    sop_class: str = CR,
    pixels: bytes = b"\1\2\3\4" * 64,
    patient: str = "Doe^Jane",
    rows: int = 1,
    columns: int | None = None,
    frames: int = 1,
) -> Instance:
    """Make the instance with this number.

    Args:
        study: None: without one.
        pixels: 16-bit samples.
        columns: None: as many as there are samples.
    """
    uid = f"1.2.826.0.1.3680043.8.498.2.{number}"
    us = struct.Struct("<H").pack
    parts = [
        element(0x0008, 0x0016, b"UI", sop_class.encode()),
        element(0x0008, 0x0018, b"UI", uid.encode()),
        element(0x0008, 0x0060, b"CS", b"CR"),
        element(0x0010, 0x0010, b"PN", patient.encode()),
        element(0x0020, 0x000D, b"UI", study.encode()) if study is not None else b"",
        element(0x0020, 0x000E, b"UI", f"{STUDY}.1".encode()),
        element(0x0028, 0x0002, b"US", us(1)),
        element(0x0028, 0x0004, b"CS", b"MONOCHROME2"),
        element(0x0028, 0x0008, b"IS", str(frames).encode()),
        element(0x0028, 0x0010, b"US", us(rows)),
        element(0x0028, 0x0011, b"US", us(columns or min(len(pixels) // 2, 65535))),
        element(0x0028, 0x0100, b"US", us(16)),
        element(0x0028, 0x0101, b"US", us(16)),
        element(0x0028, 0x0102, b"US", us(15)),
        element(0x0028, 0x0103, b"US", us(0)),
        element(0x7FE0, 0x0010, b"OW", pixels),
    ]
    return Instance(sop_class, uid, b"".join(parts))
