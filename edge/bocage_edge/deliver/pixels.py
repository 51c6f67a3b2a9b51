"""One frame, decoded or coded: the part of transcoding that runs in the codec worker.

These functions call C code on strangers' bytes, so they run where there is no key, no network and
no file (`seal.worker`); nothing here is imported by the process that talks to stations.

A decoded frame is native: little endian words of Bits Allocated, samples interleaved (planar
configuration 0). What was coded without loss is the same bit for bit; JPEG's lossy YCbCr is given
as RGB, as viewers expect of an uncompressed image.

Source: PS3.5 8.2, Annex A.4, Annex G (RLE); PS3.3 C.7.6.3.1.2; ISO 10918-1 B.2.2, 15444-1 A.5.1.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from bocage_edge.deliver.frame import FrameFaultError, FrameShape

Words = NDArray[np.generic]

JPEG_LOSSY = frozenset(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"))
JPEG_LOSSLESS = frozenset(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"))
JPEG_LS = frozenset(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"))
JPEG_2000 = frozenset(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"))
HTJ2K = frozenset(
    ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
)
RLE = "1.2.840.10008.1.2.5"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"

_SOF = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xF7))
_STANDALONE = frozenset((0x01, *range(0xD0, 0xDA)))


def decode_frame(transfer_syntax: str, coded: bytes, shape: FrameShape) -> bytes:
    """Decode one frame to native words.

    Raises:
        FrameFaultError: it cannot be decoded, or is not of the shape the data set states.
    """
    try:
        words, precision = _decode(transfer_syntax, coded, shape)
    except FrameFaultError:
        raise
    except Exception as error:  # each codec has its own kinds
        raise FrameFaultError(f"a frame cannot be decoded ({type(error).__name__})") from None
    if words.shape != shape.as_array:
        raise FrameFaultError("a frame is not of the size the data set states")
    return _as_words(words, precision, shape).tobytes()


def encode_frame(transfer_syntax: str, native: bytes, shape: FrameShape) -> bytes:
    """Code one native frame without loss: its words at full width, so that every bit comes back.

    Raises:
        FrameFaultError: this syntax cannot hold such a frame.
    """
    words = np.frombuffer(native, dtype=f"<u{shape.word_bytes}")
    if shape.is_planar and shape.samples > 1:
        words = np.moveaxis(words.reshape(shape.samples, shape.rows, shape.columns), 0, -1)
    words = np.ascontiguousarray(words.reshape(shape.as_array))
    try:
        if transfer_syntax == JPEG_LS_LOSSLESS:
            return bytes(imagecodecs.jpegls_encode(words))
        if transfer_syntax == JPEG_2000_LOSSLESS:
            return bytes(
                imagecodecs.jpeg2k_encode(
                    words, level=0, codecformat="j2k", reversible=True, mct=False
                )
            )
        if transfer_syntax == RLE:
            return _encode_rle(words, shape)
    except Exception as error:
        raise FrameFaultError(f"a frame cannot be coded ({type(error).__name__})") from None
    raise FrameFaultError("no codec for this transfer syntax")


def _decode(transfer_syntax: str, coded: bytes, shape: FrameShape) -> tuple[Words, int]:
    """Decode to an array, and say with how many bits a sample was coded."""
    if transfer_syntax in JPEG_LOSSY:
        is_ybr = shape.samples == 3 and shape.photometric.startswith("YBR_FULL")
        return _decode_jpeg(coded, shape, is_ybr), _jpeg_precision(coded)
    if transfer_syntax in JPEG_LOSSLESS:
        return _decode_jpeg(coded, shape, False), _jpeg_precision(coded)
    if transfer_syntax in JPEG_LS:
        return imagecodecs.jpegls_decode(coded), _jpeg_precision(coded)
    if transfer_syntax in JPEG_2000:
        return imagecodecs.jpeg2k_decode(coded), _jpeg2000_precision(coded)
    if transfer_syntax in HTJ2K:
        return imagecodecs.htj2k_decode(coded), _jpeg2000_precision(coded)
    if transfer_syntax == RLE:
        return _decode_rle(coded, shape), shape.bits_allocated
    raise FrameFaultError("no codec for this transfer syntax")


def _decode_jpeg(coded: bytes, shape: FrameShape, is_ybr: bool) -> Words:
    if shape.samples == 1:
        return np.asarray(imagecodecs.jpeg8_decode(coded))
    space = "YCBCR" if is_ybr else "RGB"
    return np.asarray(imagecodecs.jpeg8_decode(coded, colorspace=space, outcolorspace="RGB"))


def _as_words(decoded: Words, precision: int, shape: FrameShape) -> Words:
    """Bring decoded samples to words of Bits Allocated with the sign the data set states."""
    width = shape.bits_allocated
    if not 1 <= precision <= width:
        raise FrameFaultError("a frame has more bits than the data set allocates")
    values = decoded.astype(np.int64) if precision < width else decoded
    if precision < width:
        values = values & ((1 << precision) - 1)
        if shape.is_signed:
            sign = 1 << (precision - 1)
            values = (values ^ sign) - sign
    return values.astype(f"<i{shape.word_bytes}" if shape.is_signed else f"<u{shape.word_bytes}")


def _jpeg_precision(coded: bytes) -> int:
    """Read the sample precision out of a JPEG's or JPEG-LS's frame header."""
    at = 2
    while at + 5 <= len(coded):
        if coded[at] != 0xFF:
            break
        marker = coded[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _SOF:
            return coded[at + 4]
        else:
            at += 2 + int(struct.unpack_from(">H", coded, at + 2)[0])
    raise FrameFaultError("a frame has no JPEG frame header")


def _jpeg2000_precision(coded: bytes) -> int:
    """Read the precision of the first component out of a JPEG 2000 codestream's SIZ marker."""
    start = coded.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(coded) < start + 43:
        raise FrameFaultError("a frame has no JPEG 2000 size marker")
    return (coded[start + 42] & 0x7F) + 1


def _decode_rle(coded: bytes, shape: FrameShape) -> Words:
    """Decode DICOM RLE: a byte plane a segment, most significant first, samples one by one."""
    planes = shape.samples * shape.word_bytes
    offsets = struct.unpack_from("<16I", coded)
    if offsets[0] != planes or planes > 15:
        raise FrameFaultError("a frame has another number of RLE segments")
    size = shape.rows * shape.columns
    out = np.empty((size, shape.samples, shape.word_bytes), dtype=np.uint8)
    bounds = [*offsets[1 : planes + 1], len(coded)]
    for index in range(planes):
        plane = imagecodecs.packbits_decode(coded[bounds[index] : bounds[index + 1]])
        if len(plane) < size:
            raise FrameFaultError("an RLE segment is too short")
        sample, byte = divmod(index, shape.word_bytes)
        out[:, sample, shape.word_bytes - 1 - byte] = np.frombuffer(plane, np.uint8, size)
    return out.reshape(-1).view(f"<u{shape.word_bytes}").reshape(shape.as_array)


def _encode_rle(words: Words, shape: FrameShape) -> bytes:
    planes = words.view(np.uint8).reshape(shape.rows, shape.columns, shape.samples, -1)
    segments = []
    for sample in range(shape.samples):
        for byte in reversed(range(shape.word_bytes)):
            rows = np.ascontiguousarray(planes[:, :, sample, byte])
            # PS3.5 G.3.1: a row ends a run.
            segment = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in rows)
            segments.append(segment + b"\0" * (len(segment) & 1))
    offsets = [64]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    header = struct.pack("<16I", len(segments), *offsets, *([0] * (15 - len(offsets))))
    return header + b"".join(segments)
