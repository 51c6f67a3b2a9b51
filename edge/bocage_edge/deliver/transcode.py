"""One data set, from the syntax it came in to one the station accepts, while it streams by.

Lossless: decoded values are equal, and every other element keeps its bytes. Bounded: elements pass
one by one, frames one by one (64 MiB at most), a native multi-frame of any size is never held. What
cannot be done that way raises, with a reason; pixel data are never dropped.

    native -> native        elements rewritten, words swapped
    coded  -> native        frames decoded; photometric interpretation, planar configuration follow
    native or coded -> coded  frames coded at full word width, empty offset table

Source: PS3.5 Annex A; PS3.3 C.7.6.3.1 (what the values mean before and after).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from bocage_edge.deliver.colour import ybr_full_to_rgb
from bocage_edge.deliver.contexts import DEFLATED, FALLBACKS
from bocage_edge.deliver.elements import (
    CHUNK_BYTES,
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    PIXEL_DATA,
    UNDEFINED,
    DatasetFaultError,
    Encoding,
    PixelElement,
    Rewriter,
    Source,
    head,
    swap,
)
from bocage_edge.deliver.encapsulated import coded_frames, encapsulate
from bocage_edge.deliver.frame import FrameCodec, FrameFaultError, FrameShape
from bocage_edge.seal import syntax

MAX_HEADER_BYTES = 32 * 1024 * 1024
MAX_INFLATED_BYTES = 4 * 1024**3
# PS3.5 7.1.1: an even length below the value that says "undefined".
MAX_NATIVE_BYTES = 0xFFFFFFFE

PHOTOMETRIC, PLANAR = 0x00280004, 0x00280006
EXTENDED_OFFSETS, EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002

_NATIVE = {
    syntax.IMPLICIT_LITTLE: IMPLICIT_LE,
    syntax.EXPLICIT_LITTLE: EXPLICIT_LE,
    syntax.EXPLICIT_BIG: EXPLICIT_BE,
    DEFLATED: EXPLICIT_LE,
}
# JPEG's lossy processes code YCbCr, which we turn into RGB; the lossless ones are left as they are.
JPEG_LOSSY = frozenset((syntax.JPEG_BASELINE, syntax.JPEG_EXTENDED))
# What a decoder gives: JPEG 2000 undoes its component transform, JPEG its subsampling.
_DECODED = {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}


class NotTranscodableError(Exception):
    """This instance cannot be sent in another syntax without losing something; says why."""


def can_transcode(source: str, target: str) -> bool:
    """Whether we know both syntaxes at all; whether an instance fits shows as it streams."""
    return (source in _NATIVE or source in syntax.CODECS) and target in FALLBACKS


def transcode(
    dataset: Iterable[bytes], source: str, target: str, codec: FrameCodec
) -> Iterator[bytes]:
    """Rewrite a data set in another transfer syntax.

    Args:
        dataset: its bytes in `source`.

    Raises:
        NotTranscodableError: not without loss, not within bounds, or not a sound data set; part of
            the result may have been given already.
    """
    if not can_transcode(source, target):
        raise NotTranscodableError("no way is known from its transfer syntax to another")
    try:
        yield from _Transcoder(dataset, source, target, codec).run()
    except (DatasetFaultError, FrameFaultError) as fault:
        raise NotTranscodableError(f"cannot be transcoded: {fault}") from None


class _Transcoder:
    def __init__(
        self, dataset: Iterable[bytes], source: str, target: str, codec: FrameCodec
    ) -> None:
        self._from, self._to, self._codec = source, target, codec
        self._source = Source(inflate(dataset) if source == DEFLATED else dataset)
        self._encoding = _NATIVE.get(source, EXPLICIT_LE)
        self._target: Encoding = _NATIVE.get(target, EXPLICIT_LE)
        self._rewriter = Rewriter(self._source, self._encoding, self._target)

    def run(self) -> Iterator[bytes]:
        is_rewritten_only = self._from in _NATIVE and self._to in _NATIVE
        if is_rewritten_only:
            yield from (piece for _, piece in self._rewriter.elements())
            pixels = self._rewriter.pixels
            if pixels is not None:
                yield from self._native(pixels)
        else:
            header = collect(self._rewriter.elements())
            pixels = self._rewriter.pixels
            if pixels is None:
                yield from header.values()
                return
            yield from self._coded(header, pixels)
        if pixels is not None:
            yield from (piece for _, piece in self._rewriter.elements())
            if self._rewriter.pixels is not None:
                raise DatasetFaultError("there are pixel data twice")

    def _native(self, pixels: PixelElement) -> Iterator[bytes]:
        if pixels.is_encapsulated:
            raise DatasetFaultError("pixel data are encapsulated in a native transfer syntax")
        unit = 1
        if not self._encoding.little:
            unit = word_to_swap(pixels.vr, self._rewriter.image.get(0x00280100, b""))
        if pixels.length % unit:
            raise DatasetFaultError("pixel data are not a whole number of words")
        yield head(PIXEL_DATA, pixels.vr, pixels.length, self._target)
        for chunk in self._source.chunks(pixels.length, unit):
            yield swap(chunk, unit)

    def _coded(self, header: dict[int, bytes], pixels: PixelElement) -> Iterator[bytes]:
        shape = FrameShape.of(self._rewriter.image)
        if shape.photometric.startswith("YBR_PARTIAL"):
            raise FrameFaultError("YBR_PARTIAL images are not transcoded")
        if self._from in _NATIVE:
            frames, plain = self._native_frames(pixels, shape), replace(shape, is_planar=False)
        else:
            extended = _offsets(header.pop(EXTENDED_OFFSETS, b""))
            header.pop(EXTENDED_LENGTHS, None)
            frames, plain = self._decoded_frames(pixels, shape, extended)
        if self._to in _NATIVE:
            self._describe(header, plain)
            yield from (header[tag] for tag in sorted(header))
            yield from self._as_native(frames, plain)
            return
        coded = (self._codec.encode(self._to, plain.form, frame) for frame in frames)
        first, photometric = next(coded)
        self._describe(header, replace(plain, photometric=photometric))
        yield from (header[tag] for tag in sorted(header))
        yield head(PIXEL_DATA, b"OB", UNDEFINED, self._target)
        yield from encapsulate(chain((first,), (stream for stream, _ in coded)))

    def _decoded_frames(
        self, pixels: PixelElement, shape: FrameShape, extended: tuple[int, ...]
    ) -> tuple[Iterator[bytes], FrameShape]:
        """Give native frames one by one, and their shape."""
        if not pixels.is_encapsulated:
            raise DatasetFaultError("pixel data of a coded transfer syntax are not encapsulated")
        coded = coded_frames(
            self._source,
            shape.frames,
            is_rle=self._from == syntax.RLE_LOSSLESS,
            extended=extended,
        )
        frames = (self._codec.decode(self._from, shape.form, frame) for frame in coded)
        photometric = _DECODED.get(shape.photometric, shape.photometric)
        plain = replace(shape, photometric=photometric, is_planar=False)
        if self._from in JPEG_LOSSY and photometric == "YBR_FULL" and shape.samples == 3:
            rgb = (b"".join(ybr_full_to_rgb(frame)) for frame in frames)
            return rgb, replace(plain, photometric="RGB")
        return frames, plain

    def _native_frames(self, pixels: PixelElement, shape: FrameShape) -> Iterator[bytes]:
        if shape.photometric == "YBR_FULL_422" or not self._encoding.little:
            raise FrameFaultError("such pixel data are not coded")
        total = shape.frame_bytes * shape.frames
        if pixels.length not in (total, total + (total & 1)):
            raise DatasetFaultError("pixel data are not as long as the data set states")
        for _ in range(shape.frames):
            frame = self._source.read(shape.frame_bytes)
            yield interleaved(frame, shape) if shape.is_planar and shape.samples > 1 else frame
        self._source.read(pixels.length - total)

    def _as_native(self, frames: Iterable[bytes], shape: FrameShape) -> Iterator[bytes]:
        total = shape.frame_bytes * shape.frames
        if total > MAX_NATIVE_BYTES:
            raise FrameFaultError("uncompressed it is larger than 4 GiB")
        vr = b"OW" if shape.bits_allocated > 8 or not self._target.explicit else b"OB"
        yield head(PIXEL_DATA, vr, total + (total & 1), self._target)
        yield from frames
        if total & 1:
            yield b"\0"

    def _describe(self, header: dict[int, bytes], now: FrameShape) -> None:
        """Make the image module say what the pixels are now."""
        if now.samples == 1:
            return
        text = now.photometric.encode("ascii")
        text += b" " * (len(text) & 1)
        header[PHOTOMETRIC] = head(PHOTOMETRIC, b"CS", len(text), self._target) + text
        header[PLANAR] = head(PLANAR, b"US", 2, self._target) + struct.pack("<H", 0)


def collect(elements: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """Hold the elements before the pixel data, by tag.

    Raises:
        DatasetFaultError: they are more than fits in memory, or out of order.
    """
    gathered: dict[int, list[bytes]] = {}
    size = last = 0
    for tag, piece in elements:
        if tag < last:
            raise DatasetFaultError("its elements are out of order")
        last = tag
        size += len(piece) + 100
        if size > MAX_HEADER_BYTES:
            raise DatasetFaultError("what stands before its pixel data is larger than 32 MiB")
        gathered.setdefault(tag, []).append(piece)
    return {tag: b"".join(pieces) for tag, pieces in gathered.items()}


def inflate(deflated: Iterable[bytes]) -> Iterator[bytes]:
    """Inflate a deflated data set in bounded pieces. Source: PS3.5 A.5 (RFC 1951).

    Raises:
        DatasetFaultError: damaged, or larger than 4 GiB.
    """
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    total = 0
    for block in deflated:
        waiting = block
        while waiting and not inflater.eof:
            try:
                piece = inflater.decompress(waiting, CHUNK_BYTES)
            except zlib.error:
                raise DatasetFaultError("its deflated bytes are damaged") from None
            total += len(piece)
            if total > MAX_INFLATED_BYTES:
                raise DatasetFaultError("inflated it is larger than 4 GiB")
            if piece:
                yield piece
            waiting = inflater.unconsumed_tail
    yield from _rest(inflater.flush)
    if not inflater.eof:
        raise DatasetFaultError("its deflated bytes end too early")


def word_to_swap(vr: bytes, bits_allocated: bytes) -> int:
    """Say in words of how many bytes big endian pixel data are swapped.

    Pixels of more than 16 bits are swapped as whole, as those who write such files do; 8 bits in
    OW stand two in a word.
    """
    bits = int.from_bytes(bits_allocated[:2], "little")
    if bits > 8:
        return bits // 8 if bits in (16, 32, 64) else 1
    return 2 if vr == b"OW" else 1


def _rest(flush: Callable[[], bytes]) -> Iterator[bytes]:
    piece = flush()
    if piece:
        yield piece


def interleaved(frame: bytes, shape: FrameShape) -> bytes:
    """Put the samples of a frame in planes side by side, pixel by pixel."""
    pixels, width = shape.rows * shape.columns, shape.word_bytes
    out = bytearray(len(frame))
    for sample in range(shape.samples):
        for byte in range(width):
            plane = frame[sample * pixels * width + byte : (sample + 1) * pixels * width : width]
            out[sample * width + byte :: shape.samples * width] = plane
    return bytes(out)


def _offsets(element: bytes) -> tuple[int, ...]:
    """Read the extended offset table; our own rewriting gave it a head of 12 bytes, OV."""
    value = element[12:] if element[4:6] == b"OV" else element[8:]
    return struct.unpack(f"<{len(value) // 8}Q", value[: len(value) // 8 * 8])
