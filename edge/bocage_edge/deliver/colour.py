"""YCbCr as JPEG means it, to RGB: what viewers expect of an image that is no longer compressed.

Plain arithmetic over samples that are decoded already, the same integers as libjpeg's, so that two
decoders give one image.

Source: PS3.3 C.7.6.3.1.2 (YBR_FULL); ITU-T T.871 section 7.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

PIXELS_AT_ONCE = 1 << 16
_HALF = 1 << 15


def _fixed(factor: float) -> int:
    return round(factor * (1 << 16))


def ybr_full_to_rgb(frame: bytes) -> Iterator[bytes]:
    """Convert a frame of 8-bit interleaved samples, a strip at a time."""
    samples = np.frombuffer(frame, np.uint8).reshape(-1, 3)
    for start in range(0, len(samples), PIXELS_AT_ONCE):
        y, cb, cr = samples[start : start + PIXELS_AT_ONCE].astype(np.int32).T
        cb, cr = cb - 128, cr - 128
        red = y + ((_fixed(1.402) * cr + _HALF) >> 16)
        green = y + ((-_fixed(0.344136286) * cb - _fixed(0.714136286) * cr + _HALF) >> 16)
        blue = y + ((_fixed(1.772) * cb + _HALF) >> 16)
        rgb = np.stack((red, green, blue), axis=1)
        yield np.clip(rgb, 0, 255).astype(np.uint8).tobytes()
