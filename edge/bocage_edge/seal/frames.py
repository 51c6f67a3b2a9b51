"""Decisions about pixel data, pure: how frames lie in it, and how one is to be coded.

Source: PS3.3 C.7.6.3 (image pixel module); PS3.5 8 (encoding of pixel data).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from bocage_edge.seal.attributes import Attributes
from bocage_edge.seal.content import swapped
from bocage_edge.seal.layout import BLOCK_LIMIT_BYTES, FrameLayout, PixelFormat

# PS3.7 says nothing of time; modalities give up after 30 s and the design asks for 2 s.
ANSWER_WITHIN_S = 2.0
# Share of it that may be spent waiting for the good codec; the rest is for catching up and fsync.
CODING_WITHIN_S = 1.2
# Below this a frame's own block and round trip cost more than they save.
SMALLEST_FRAME_BYTES = 2048
# A frame that comes alone is cut by rows, so that every worker has a part of it and the first part
# is being coded while the others arrive. Shorter parts cost ratio: 0.4 % at 256 KiB, 1.5 % at 128.
SMALLEST_STRIP_BYTES = 256 * 1024
LARGEST_STRIP_BYTES = 1024 * 1024
# Colour by plane cannot be cut, and the codec takes six times a frame in memory (measured).
LARGEST_PLANAR_BYTES = 16 * 1024 * 1024
_WHOLE_BITS = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class NativePlan:
    """How native pixel data of known length splits into frames."""

    frame_bytes: int
    frames: int
    layout: FrameLayout | None  # None: not for the image codec
    number_bytes: int  # > 1: numbers (or words of bytes) to reverse for little endian
    is_planar: bool
    cell_bytes: int
    samples: int


def plan_native(
    image: Attributes, *, length: int, vr: bytes, is_big_endian: bool
) -> NativePlan | None:
    """Split native pixel data into frames; None where its attributes do not explain its length.

    Args:
        length: bytes of the Pixel Data value, with its padding.
        vr: of the Pixel Data element; empty in implicit VR.

    Source: PS3.5 8.1.1, 7.3 (byte order), 8.1.2 (planar configuration).
    """
    frame_bytes = _frame_bytes(image)
    if frame_bytes is None or not _explains(frame_bytes * image.frames, length):
        return None
    bits, samples = image.bits_allocated or 0, image.samples or 0
    number_bytes = 1
    if is_big_endian:
        # Bytes in an OW value travel as words: pairs of them are exchanged.
        number_bytes = 2 if bits == 16 or (bits == 8 and vr == b"OW") else bits // 8
    if frame_bytes % number_bytes:
        return None
    is_planar = samples > 1 and image.planar == 1
    return NativePlan(
        frame_bytes,
        image.frames,
        _codable(image, frame_bytes, number_bytes, is_planar=is_planar),
        number_bytes,
        is_planar,
        bits // 8,
        samples,
    )


def _frame_bytes(image: Attributes) -> int | None:
    known = (image.rows, image.columns, image.samples, image.bits_allocated)
    if None in known or 0 in known or image.bits_allocated not in _WHOLE_BITS:
        return None
    if image.photometric is None or image.photometric.endswith(("_422", "_420")):
        return None  # subsampled colour: fewer bytes than samples
    if image.samples != 1 and image.planar not in (0, 1):
        return None
    size = 1
    for factor in known:
        size *= factor or 0
    return size // 8


def _explains(total: int, length: int) -> bool:
    return 0 < total <= length <= total + total % 2


def _codable(
    image: Attributes, frame_bytes: int, number_bytes: int, *, is_planar: bool
) -> FrameLayout | None:
    bits, samples = image.bits_allocated or 0, image.samples or 0
    if bits not in (8, 16) or samples not in (1, 3) or image.is_signed is None:
        return None
    if not SMALLEST_FRAME_BYTES <= frame_bytes <= BLOCK_LIMIT_BYTES:
        return None
    if number_bytes > 1 and bits == 8:
        return None
    if is_planar and frame_bytes > LARGEST_PLANAR_BYTES:
        return None
    return FrameLayout(
        image.rows or 0,
        image.columns or 0,
        samples,
        bits,
        image.is_signed,
        is_planar,
        number_bytes > 1,
    )


def strips(layout: FrameLayout, frames: int, workers: int, backlog_bytes: int) -> list[FrameLayout]:
    """Cut a frame into parts, by rows from the top; one part where that gains nothing.

    Args:
        frames: of the instance; several keep the workers busy by themselves.
        backlog_bytes: waiting for, or in, the codec workers; they have enough to do then.
    """
    if layout.is_planar and layout.samples > 1:
        return [layout]
    size = layout.size_bytes
    wanted = 1 if frames > 1 or backlog_bytes else workers
    wanted = max(min(wanted, size // SMALLEST_STRIP_BYTES), size // LARGEST_STRIP_BYTES, 1)
    step = -(-layout.rows // min(wanted, layout.rows))
    return [
        replace(layout, rows=min(step, layout.rows - top)) for top in range(0, layout.rows, step)
    ]


def canonical_frame(plan: NativePlan, frame: bytes | bytearray | memoryview) -> bytes:
    """Give a native frame in the one form we compare: little endian, colour by pixel."""
    data = swapped(bytes(frame), plan.number_bytes) if plan.number_bytes > 1 else bytes(frame)
    if not plan.is_planar:
        return data
    plane, step = len(data) // plan.samples, plan.samples * plan.cell_bytes
    out = bytearray(len(data))
    for sample in range(plan.samples):
        for byte in range(plan.cell_bytes):
            lane = data[sample * plane + byte : (sample + 1) * plane : plan.cell_bytes]
            out[sample * plan.cell_bytes + byte :: step] = lane
    return bytes(out)


class Coding(Enum):
    """What a frame is coded with."""

    HTJ2K = "htj2k"
    ZSTD = "zstd"


ZSTD_GOOD, ZSTD_FAST = 3, 1


def choose_coding(
    frame_bytes: int, backlog_bytes: int, rate_bytes_s: float, workers: int
) -> Coding:
    """Choose the codec of a frame that has just come whole.

    Any frame may be the last one, so each must be done within the time of the answer.

    Args:
        backlog_bytes: waiting for, or in, the codec workers.
        rate_bytes_s: what all the workers together were measured to code.
        workers: of which one codes this frame.
    """
    wait_s = backlog_bytes / rate_bytes_s
    takes_s = frame_bytes / (rate_bytes_s / workers)
    return Coding.HTJ2K if wait_s + takes_s < CODING_WITHIN_S else Coding.ZSTD


def zstd_level(backlog_bytes: int, rate_bytes_s: float) -> int:
    """Choose how hard zstd tries: less where the processors are behind already."""
    return ZSTD_FAST if backlog_bytes > rate_bytes_s * CODING_WITHIN_S / 4 else ZSTD_GOOD


def pixel_format(image: Attributes) -> PixelFormat | None:
    """Say what a compressed frame must decode to; None where the data set does not say enough.

    Bounded: a frame that would decode to more than 64 MiB has no format.
    """
    bits, stored, samples = image.bits_allocated, image.bits_stored, image.samples
    if not image.rows or not image.columns or image.is_signed is None or not image.photometric:
        return None
    if bits not in (8, 16) or samples not in (1, 3) or stored is None or not 1 <= stored <= bits:
        return None
    found = PixelFormat(
        image.rows, image.columns, samples, bits, stored, image.is_signed, image.photometric
    )
    return found if found.size_bytes <= BLOCK_LIMIT_BYTES else None
