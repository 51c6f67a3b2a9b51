"""The data set of a DICOM file, exactly as its bytes stand there. Source: PS3.10 §7.1."""

from __future__ import annotations

import struct
from pathlib import Path

PREAMBLE_BYTES = 132  # 128 bytes of anything and "DICM"
_GROUP_LENGTH = struct.Struct("<HH2sHI")  # (0002,0000) UL, 4 bytes: length of the rest of group 2


class NotPart10Error(ValueError):
    """The file does not begin as a DICOM file must."""


def dataset_offset(head: bytes) -> int:
    """Say at which byte the data set begins.

    Args:
        head: at least the first 144 bytes of the file.

    Raises:
        NotPart10Error: no "DICM", or no group length first.
    """
    if len(head) < PREAMBLE_BYTES + _GROUP_LENGTH.size or head[128:132] != b"DICM":
        raise NotPart10Error("no DICOM file")
    group, element, vr, length, rest = _GROUP_LENGTH.unpack_from(head, PREAMBLE_BYTES)
    if (group, element, vr, length) != (2, 0, b"UL", 4):
        raise NotPart10Error("file meta information does not begin with its length")
    return PREAMBLE_BYTES + _GROUP_LENGTH.size + int(rest)


def dataset_of(path: Path) -> bytes:
    """Read the data set of a DICOM file.

    Raises:
        NotPart10Error: it is none.
    """
    raw = path.read_bytes()
    return raw[dataset_offset(raw) :]
