"""How the samples of one frame lie in its bytes: what a codec worker must know.

Imports nothing heavy, since the worker imports it.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from typing import Any, Self

from bocage_edge.seal.errors import BrokenSealError

# No block, and no decoded frame, is larger.
BLOCK_LIMIT_BYTES = 64 * 1024 * 1024

_LAYOUT = struct.Struct(">BBBBII")
_PLANAR, _SIGNED, _BIG_ENDIAN = 1, 2, 4


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """How the samples of one native frame lie in its bytes: all a J block needs."""

    rows: int
    columns: int
    samples: int  # 1 or 3
    bits: int  # of a cell: 8 or 16
    is_signed: bool
    is_planar: bool  # colour by plane
    is_big_endian: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of one frame."""
        return self.rows * self.columns * self.samples * (self.bits // 8)

    def pack(self) -> bytes:
        """Give the 12 bytes that stand at the start of a J block."""
        flags = _PLANAR * self.is_planar | _SIGNED * self.is_signed
        flags |= _BIG_ENDIAN * self.is_big_endian
        return _LAYOUT.pack(self.bits, self.samples, flags, 0, self.rows, self.columns)

    @classmethod
    def unpack(cls, payload: bytes | memoryview) -> Self:
        """Read the start of a J block.

        Raises:
            BrokenSealError: no such frame can be, or it would decode to more than 64 MiB.
        """
        if len(payload) < _LAYOUT.size:
            raise BrokenSealError("a block of pixels is too short")
        bits, samples, flags, _zero, rows, columns = _LAYOUT.unpack_from(payload)
        layout = cls(
            rows,
            columns,
            samples,
            bits,
            bool(flags & _SIGNED),
            bool(flags & _PLANAR),
            bool(flags & _BIG_ENDIAN),
        )
        if bits not in (8, 16) or samples not in (1, 3):
            raise BrokenSealError("a block of pixels has an unknown layout")
        if not 0 < layout.size_bytes <= BLOCK_LIMIT_BYTES:
            raise BrokenSealError("a block of pixels would be too large")
        return layout


LAYOUT_BYTES = _LAYOUT.size


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One decoded frame in the form we compare and transcode: little endian, colour by pixel."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int  # 8 or 16
    bits_stored: int
    is_signed: bool
    photometric: str  # of the coded form, as in the data set

    @property
    def size_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.samples * (self.bits_allocated // 8)

    def to_json(self) -> dict[str, Any]:
        """Give the form that goes to a worker."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(**raw)
