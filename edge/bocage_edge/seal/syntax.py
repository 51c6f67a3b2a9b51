"""Transfer syntaxes: how a data set is written, and what its pixel data is.

Source: PS3.5 A (transfer syntaxes); PS3.6 A (UIDs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

# Data sets that are inflated or fetched before they can be read: we do neither on the hot path.
_UNREADABLE = frozenset(
    {
        "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
        "1.2.840.10008.1.2.4.94",  # JPIP Referenced
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.204",  # JPIP HTJ2K Referenced
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    }
)


class Codec(Enum):
    """The image codecs of compressed transfer syntaxes."""

    JPEG = "jpeg"
    JPEG_LS = "jpegls"
    JPEG_2000 = "jpeg2k"
    HTJ2K = "htj2k"
    RLE = "rle"


CODECS = {
    JPEG_BASELINE: Codec.JPEG,
    JPEG_EXTENDED: Codec.JPEG,
    JPEG_LOSSLESS: Codec.JPEG,
    JPEG_LOSSLESS_SV1: Codec.JPEG,
    JPEG_LS_LOSSLESS: Codec.JPEG_LS,
    JPEG_LS_NEAR: Codec.JPEG_LS,
    JPEG_2000_LOSSLESS: Codec.JPEG_2000,
    JPEG_2000: Codec.JPEG_2000,
    HTJ2K_LOSSLESS: Codec.HTJ2K,
    HTJ2K_LOSSLESS_RPCL: Codec.HTJ2K,
    HTJ2K: Codec.HTJ2K,
    RLE_LOSSLESS: Codec.RLE,
}
# What we can write without loss.
LOSSLESS_TARGETS = (
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_2000_LOSSLESS,
    HTJ2K_LOSSLESS,
    RLE_LOSSLESS,
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set, or of a sequence in it, are written."""

    is_explicit: bool
    is_big_endian: bool


IMPLICIT = Encoding(is_explicit=False, is_big_endian=False)
EXPLICIT = Encoding(is_explicit=True, is_big_endian=False)
BIG = Encoding(is_explicit=True, is_big_endian=True)
_NATIVE = {IMPLICIT_LITTLE: IMPLICIT, EXPLICIT_LITTLE: EXPLICIT, EXPLICIT_BIG: BIG}


def is_native(uid: str) -> bool:
    """Whether pixel data is not encapsulated."""
    return uid in _NATIVE


def encoding_of(uid: str) -> Encoding | None:
    """Say how a data set of this transfer syntax is written; None where we do not read it.

    Every encapsulated transfer syntax, private ones too, is Explicit VR Little Endian (PS3.5 A.4).
    """
    if uid in _UNREADABLE:
        return None
    return _NATIVE.get(uid, EXPLICIT)
