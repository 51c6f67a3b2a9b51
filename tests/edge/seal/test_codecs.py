from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal import codecs
from bocage_edge.seal.layout import FrameLayout, PixelFormat
from bocage_edge.seal.syntax import (
    HTJ2K_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    LOSSLESS_TARGETS,
    RLE_LOSSLESS,
)

TRUTH = st.booleans()


def samples(layout: FrameLayout, seed: int, top: int) -> bytes:
    """A smooth frame with noise, its values between 0 and `top` as bit patterns."""
    cells = layout.rows * layout.columns * layout.samples
    ramp = np.linspace(0, top, cells) + np.random.default_rng(seed).integers(0, 5, cells)
    order = ">" if layout.is_big_endian else "<"
    return ramp.clip(0, top).astype(f"{order}u{layout.bits // 8}").tobytes()


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), TRUTH, TRUTH, TRUTH, TRUTH)
def test_every_layout_comes_back_exactly(
    rows: int, columns: int, colours: int, wide: bool, signed: bool, planar: bool, big: bool
) -> None:
    layout = FrameLayout(rows, columns, colours, 16 if wide else 8, signed, planar, big)
    assert FrameLayout.unpack(layout.pack()) == layout
    for top in (255, 4095, 65535)[: 3 if wide else 1]:
        raw = samples(layout, rows, top)
        stream = codecs.code_block(layout, bytearray(raw))
        assert codecs.open_block(layout, stream) == raw


@given(st.binary(min_size=512, max_size=512), TRUTH)
def test_any_bytes_come_back_exactly(raw: bytes, signed: bool) -> None:
    layout = FrameLayout(16, 16, 1, 16, signed, False, False)
    assert codecs.open_block(layout, codecs.code_block(layout, raw)) == raw


@pytest.mark.parametrize("syntax", LOSSLESS_TARGETS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("signed", [False, True])
def test_every_lossless_target_is_exact(syntax: str, bits: int, colours: int, signed: bool) -> None:
    layout = FrameLayout(33, 21, colours, bits, signed, False, False)
    photometric = "RGB" if colours == 3 else "MONOCHROME2"
    form = PixelFormat(33, 21, colours, bits, bits, signed, photometric)
    raw = samples(layout, 3, 2**bits - 1)
    stream, after = codecs.encode(syntax, form, raw)
    is_wavelet = syntax in (JPEG_2000_LOSSLESS, HTJ2K_LOSSLESS)
    assert after == ("YBR_RCT" if colours == 3 and is_wavelet else photometric)
    assert codecs.decode(syntax, form, stream) == raw
    assert len(codecs.digest(syntax, form, stream)) == 32


@pytest.mark.parametrize(
    "syntax", [JPEG_LOSSLESS_SV1, JPEG_LS_LOSSLESS, JPEG_2000_LOSSLESS, RLE_LOSSLESS]
)
def test_twelve_bits_with_signs_keep_them(syntax: str) -> None:
    form = PixelFormat(16, 16, 1, 16, 12, True, "MONOCHROME2")
    raw = np.arange(-128, 128, dtype="<i2").tobytes()
    stream, _ = codecs.encode(syntax, form, raw)
    assert codecs.decode(syntax, form, stream) == raw


def test_a_sign_that_is_not_extended_is_refused_rather_than_changed() -> None:
    form = PixelFormat(16, 16, 1, 16, 12, True, "MONOCHROME2")
    raw = np.full(256, 0x0FFF, "<u2").tobytes()
    with pytest.raises(codecs.RefusedError):
        codecs.encode(JPEG_LS_LOSSLESS, form, raw)


def test_a_target_with_loss_is_refused() -> None:
    form = PixelFormat(16, 16, 1, 8, 8, False, "MONOCHROME2")
    with pytest.raises(codecs.RefusedError):
        codecs.encode(JPEG_BASELINE, form, bytes(256))


def test_a_frame_that_would_be_too_large_is_refused_unread() -> None:
    form = PixelFormat(65535, 65535, 1, 16, 16, False, "MONOCHROME2")
    with pytest.raises(codecs.RefusedError):
        codecs.decode(JPEG_2000_LOSSLESS, form, b"\xff\x4f\xff\x51")
