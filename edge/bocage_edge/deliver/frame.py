"""What a frame is: its shape as the data set states it, and who decodes and codes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from bocage_edge.seal.layout import PixelFormat

# A decoded frame is held whole, twice, in the worker: larger ones are refused with a reason.
MAX_FRAME_BYTES = 64 * 1024 * 1024
MAX_FRAMES = 1 << 20

_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_BITS_ALLOCATED, _BITS_STORED, _REPRESENTATION = 0x00280100, 0x00280101, 0x00280103


class FrameFaultError(Exception):
    """A frame cannot be decoded or coded; the message says why, without a word of its content."""


@dataclass(frozen=True, slots=True)
class FrameShape:
    """Rows x columns x samples of words. Source: PS3.3 C.7.6.3."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric: str
    is_planar: bool
    frames: int

    @property
    def word_bytes(self) -> int:
        """Bytes of one sample."""
        return self.bits_allocated // 8

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame."""
        return self.rows * self.columns * self.samples * self.word_bytes

    @property
    def form(self) -> PixelFormat:
        """What a codec must know of one frame."""
        return PixelFormat(
            self.rows,
            self.columns,
            self.samples,
            self.bits_allocated,
            self.bits_stored,
            self.is_signed,
            self.photometric,
        )

    @classmethod
    def of(cls, image: Mapping[int, bytes]) -> Self:
        """Read the shape from the elements of group 0028.

        Args:
            image: raw values by tag, little endian.

        Raises:
            FrameFaultError: it is incomplete, or not of the kinds we decode and code.
        """
        shape = cls(
            rows=_number(image, _ROWS),
            columns=_number(image, _COLUMNS),
            samples=_number(image, _SAMPLES, 1),
            bits_allocated=_number(image, _BITS_ALLOCATED),
            bits_stored=_number(image, _BITS_STORED),
            is_signed=_number(image, _REPRESENTATION, 0) == 1,
            photometric=_text(image, _PHOTOMETRIC),
            is_planar=_number(image, _PLANAR, 0) == 1,
            frames=_frames(image),
        )
        shape._check()
        return shape

    def _check(self) -> None:
        if self.bits_allocated not in (8, 16, 32) or self.samples not in (1, 3):
            raise FrameFaultError(
                f"pixels of {self.bits_allocated} bits x {self.samples} are not transcoded"
            )
        if not 0 < self.bits_stored <= self.bits_allocated:
            raise FrameFaultError("bits stored and bits allocated contradict each other")
        if not 0 < self.frame_bytes <= MAX_FRAME_BYTES:
            raise FrameFaultError("a frame is empty or larger than 64 MiB")


class FrameCodec(Protocol):
    """Who decodes and codes single frames: workers without keys, network and files.

    A decoded frame is little endian words of Bits Allocated, colour by pixel, without any change
    of colour but what the codestream itself carries.
    """

    def decode(self, syntax: str, form: PixelFormat, stream: bytes) -> bytes:
        """Decode one frame of a compressed transfer syntax.

        Raises:
            FrameFaultError: it is not a frame of this form.
        """

    def encode(self, syntax: str, form: PixelFormat, raw: bytes) -> tuple[bytes, str]:
        """Code one frame without loss; also gives the photometric interpretation it has then.

        Raises:
            FrameFaultError: this syntax cannot hold it exactly.
        """


def _number(image: Mapping[int, bytes], tag: int, default: int | None = None) -> int:
    value = image.get(tag, b"")
    if len(value) == 2:
        return int.from_bytes(value, "little")
    if value or default is None:
        raise FrameFaultError("the data set does not state the shape of its pixels")
    return default


def _frames(image: Mapping[int, bytes]) -> int:
    text = _text(image, _FRAMES) or "1"
    if not text.isdigit() or not 0 < int(text) <= MAX_FRAMES:
        raise FrameFaultError("the number of frames is not a number we accept")
    return int(text)


def _text(image: Mapping[int, bytes], tag: int) -> str:
    return image.get(tag, b"").decode("ascii", "replace").strip(" \0")
