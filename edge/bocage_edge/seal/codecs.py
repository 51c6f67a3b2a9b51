"""The image codecs themselves. Only a confined worker imports this module.

Every encoder decodes what it made and compares: what it returns restores the very bytes, or it
raises. Signed samples are coded as signed where the codec knows signs, as their bit pattern where
it does not (JPEG, JPEG-LS, RLE), which is what DICOM stores.

Source: PS3.5 8.2 (encapsulated pixel data), G (RLE); PS3.3 C.7.6.3.1.2 (photometric interpretation)
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from bocage_edge.seal.layout import BLOCK_LIMIT_BYTES, FrameLayout, PixelFormat
from bocage_edge.seal.syntax import CODECS, JPEG_LOSSLESS_SV1, Codec

Samples = npt.NDArray[Any]
Bytes = bytes | bytearray
COMPARED_BYTES = 1 << 20
_RLE_HEADER = struct.Struct("<16I")


class RefusedError(Exception):
    """This frame cannot be coded or decoded; the message holds none of it."""


def code_block(layout: FrameLayout, raw: Bytes) -> bytes:
    """Code one native frame as a reversible HTJ2K codestream.

    Raises:
        RefusedError: it would not come back exactly.
    """
    stream = _htj2k(_native_samples(layout, raw))
    if not _is_same(open_block(layout, stream), memoryview(raw)):
        raise RefusedError("does not come back exactly")
    return stream


def _is_same(one: memoryview, other: memoryview) -> bool:
    """Compare bytes without a copy of all of them: a frame may be 64 MiB."""
    places = range(0, max(len(one), len(other)), COMPARED_BYTES)
    return all(
        bytes(one[place : place + COMPARED_BYTES]) == other[place : place + COMPARED_BYTES]
        for place in places
    )


def open_block(layout: FrameLayout, stream: Bytes) -> memoryview:
    """Give the exact bytes of a frame that `code_block` coded.

    Raises:
        RefusedError: the codestream holds another frame than the layout says.
    """
    cells = imagecodecs.htj2k_decode(stream)
    wanted = np.dtype(f"{'i' if layout.is_signed else 'u'}{layout.bits // 8}")
    shape = (layout.rows, layout.columns, layout.samples)[: 3 if layout.samples > 1 else 2]
    if cells.shape != shape or cells.dtype != wanted:
        raise RefusedError("holds another frame than announced")
    if layout.is_planar and layout.samples > 1:
        cells = np.moveaxis(cells, -1, 0)
    if layout.is_big_endian:
        cells = cells.astype(wanted.newbyteorder(">"))
    return np.ascontiguousarray(cells).reshape(-1).view(np.uint8).data


def _native_samples(layout: FrameLayout, raw: Bytes) -> Samples:
    order = ">" if layout.is_big_endian else "<"
    cells = np.frombuffer(raw, f"{order}{'i' if layout.is_signed else 'u'}{layout.bits // 8}")
    if layout.samples == 1:
        cells = cells.reshape(layout.rows, layout.columns)
    elif layout.is_planar:
        cells = np.moveaxis(cells.reshape(layout.samples, layout.rows, layout.columns), 0, -1)
    else:
        cells = cells.reshape(layout.rows, layout.columns, layout.samples)
    return np.ascontiguousarray(cells, cells.dtype.newbyteorder("="))


def _htj2k(samples: Samples) -> bytes:
    return bytes(imagecodecs.htj2k_encode(samples, reversible=True, rgb=samples.ndim == 3))


def decode(syntax: str, form: PixelFormat, stream: Bytes) -> bytes:
    """Decode one frame of a compressed transfer syntax, without any change of colour.

    Except where the codestream itself carries a colour transform (YBR_RCT, YBR_ICT): undone.

    Returns:
        `form.size_bytes` bytes: little endian cells, colour by pixel.

    Raises:
        RefusedError: not a frame of this form.
    """
    return _decoded(syntax, form, stream).tobytes()


def _decoded(syntax: str, form: PixelFormat, stream: Bytes) -> Samples:
    codec = CODECS.get(syntax)
    if codec is None:
        raise RefusedError("no decoder for this transfer syntax")
    if form.size_bytes > BLOCK_LIMIT_BYTES:
        raise RefusedError("would be too large")
    cells = _cells(codec, form, stream)
    shape = (form.rows, form.columns, form.samples)[: 3 if form.samples > 1 else 2]
    if cells.shape != shape or cells.dtype.kind not in "iu":
        raise RefusedError("holds another frame than announced")
    return _to_cells(form, cells)


def digest(syntax: str, form: PixelFormat, stream: Bytes) -> bytes:
    """Give the SHA-256 of a decoded frame."""
    cells = np.ascontiguousarray(_decoded(syntax, form, stream))
    return hashlib.sha256(cells.reshape(-1).view(np.uint8).data).digest()


def encode(syntax: str, form: PixelFormat, raw: Bytes) -> tuple[bytes, str]:
    """Code one frame without loss for a compressed transfer syntax.

    Args:
        raw: as `decode` gives it; `form.photometric` is what these samples are.

    Returns:
        The codestream, not padded, and the photometric interpretation the data set must then state.

    Raises:
        RefusedError: this target cannot hold such a frame exactly.
    """
    if len(raw) != form.size_bytes:
        raise RefusedError("is not of the size its data set states")
    kind = "i" if form.is_signed else "u"
    cells = np.frombuffer(raw, f"<{kind}{form.bits_allocated // 8}")
    shape = (form.rows, form.columns, form.samples)[: 3 if form.samples > 1 else 2]
    stream = _encoded(syntax, cells.reshape(shape))
    if decode(syntax, form, stream) != raw:
        raise RefusedError("does not come back exactly")
    is_wavelet = CODECS[syntax] in (Codec.JPEG_2000, Codec.HTJ2K)
    return stream, "YBR_RCT" if is_wavelet and form.photometric == "RGB" else form.photometric


def _encoded(syntax: str, cells: Samples) -> bytes:
    unsigned = np.ascontiguousarray(cells.view(f"u{cells.dtype.itemsize}"))
    codec = CODECS.get(syntax)
    if codec is Codec.HTJ2K:
        return _htj2k(np.ascontiguousarray(cells))
    if codec is Codec.JPEG_2000:
        coded = imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(cells), level=0, codecformat="j2k", reversible=True
        )
    elif codec is Codec.JPEG_LS:
        coded = imagecodecs.jpegls_encode(unsigned)
    elif codec is Codec.RLE:
        coded = _rle(unsigned)
    elif syntax == JPEG_LOSSLESS_SV1:
        coded = imagecodecs.jpeg8_encode(
            unsigned, lossless=True, predictor=1, **_same_colour(unsigned.ndim)
        )
    else:
        raise RefusedError("no lossless encoder for this transfer syntax")
    return bytes(coded)


def _jpeg(form: PixelFormat, stream: Bytes) -> Samples:
    ndim = 3 if form.samples > 1 else 2
    return np.asarray(imagecodecs.jpeg8_decode(stream, **_same_colour(ndim)))


def _same_colour(ndim: int) -> dict[str, Any]:
    """Name one colour space for both sides: then libjpeg converts nothing."""
    return {"colorspace": "RGB", "outcolorspace": "RGB"} if ndim == 3 else {}


def _cells(codec: Codec, form: PixelFormat, stream: Bytes) -> Samples:
    match codec:
        case Codec.RLE:
            return _rle_cells(form, stream)
        case Codec.JPEG:
            return _jpeg(form, stream)
        case Codec.JPEG_LS:
            return np.asarray(imagecodecs.jpegls_decode(stream))
        case Codec.JPEG_2000:
            return np.asarray(imagecodecs.jpeg2k_decode(stream))
        case Codec.HTJ2K:
            return np.asarray(imagecodecs.htj2k_decode(stream))


def _to_cells(form: PixelFormat, cells: Samples) -> Samples:
    """Bring decoded samples into cells of Bits Allocated, signs extended."""
    wanted = np.dtype(f"{'<i' if form.is_signed else '<u'}{form.bits_allocated // 8}")
    if cells.dtype.itemsize > wanted.itemsize:
        raise RefusedError("holds wider samples than announced")
    if form.is_signed and cells.dtype.kind == "u":
        spare = 8 * cells.dtype.itemsize - form.bits_stored
        if spare and not (cells >> form.bits_stored).any():
            # A codestream without signs, of Bits Stored precision: its top bit is the sign.
            signed = cells.view(f"i{cells.dtype.itemsize}")
            cells = (signed << spare) >> spare
        else:
            cells = cells.view(f"i{cells.dtype.itemsize}")
    return np.ascontiguousarray(cells.astype(wanted, copy=False))


def _rle_cells(form: PixelFormat, stream: Bytes) -> Samples:
    dtype = np.dtype(f"<u{form.bits_allocated // 8}")
    plain = bytes(imagecodecs.dicomrle_decode(bytes(stream), dtype))
    if len(plain) != form.size_bytes:
        raise RefusedError("holds another frame than announced")
    planes = np.frombuffer(plain, dtype).reshape(form.samples, form.rows, form.columns)
    return planes[0] if form.samples == 1 else np.moveaxis(planes, 0, -1)


def _rle(cells: Samples) -> bytes:
    """Code by DICOM RLE: one PackBits segment a sample byte, most significant first, row by row.

    Source: PS3.5 G.
    """
    planes = (
        [cells] if cells.ndim == 2 else [cells[..., sample] for sample in range(cells.shape[2])]
    )
    segments = []
    for plane in planes:
        lanes = np.ascontiguousarray(plane).view("u1").reshape(*plane.shape, plane.dtype.itemsize)
        for byte in reversed(range(plane.dtype.itemsize)):
            packed = bytes(imagecodecs.packbits_encode(np.ascontiguousarray(lanes[..., byte])))
            segments.append(packed + bytes(len(packed) % 2))
    place, starts = _RLE_HEADER.size, []
    for segment in segments:
        starts.append(place)
        place += len(segment)
    header = _RLE_HEADER.pack(len(segments), *starts, *[0] * (15 - len(starts)))
    return header + b"".join(segments)


def load_all() -> None:
    """Load the shared libraries, which a confined process cannot."""
    grey = np.zeros((8, 8), "u2")
    form = PixelFormat(8, 8, 1, 16, 16, False, "MONOCHROME2")
    for syntax in CODECS:
        if syntax in _LOADABLE:
            encode(syntax, form, grey.tobytes())


_LOADABLE = frozenset(uid for uid in CODECS if CODECS[uid] is not Codec.JPEG) | {JPEG_LOSSLESS_SV1}
