"""Transcoding against pydicom and DCMTK, with real files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from bocage_edge.deliver import elements
from bocage_edge.deliver.elements import DatasetFaultError
from bocage_edge.deliver.transcode import (
    MAX_HEADER_BYTES,
    NotTranscodableError,
    can_transcode,
    collect,
    inflate,
    transcode,
)
from bocage_edge.seal.syntax import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
)
from bocage_system.command import LocalHost
from tests.edge.deliver.files import (
    LocalCodec,
    blocks,
    file,
    parse,
    part10,
    quiet_pydicom,
    take_apart,
)

NATIVE = [EXPLICIT_LITTLE, IMPLICIT_LITTLE]
DEFLATED = "1.2.840.10008.1.2.1.99"
CODED_TARGETS = [JPEG_LS_LOSSLESS, JPEG_2000_LOSSLESS, RLE_LOSSLESS, JPEG_LOSSLESS_SV1]
# What changes on purpose, or (LUT data in big endian) is one value in two byte orders.
NOT_COMPARED = {0x00280004, 0x00280006, 0x7FE00010}


def turned(name: str, target: str) -> tuple[str, bytes]:
    """Transcode a file; gives its own syntax and the result."""
    syntax, dataset = take_apart(name)
    return syntax, b"".join(transcode(blocks(dataset), syntax, target, LocalCodec()))


def same_elements(one: Dataset, other: Dataset) -> Iterator[tuple[DataElement, DataElement]]:
    """Pair the elements that must be equal."""
    for element in one:
        if element.tag in NOT_COMPARED or element.tag.element == 0:
            continue
        if "O" in element.VR and element.VR != "LO":
            continue
        yield element, other[element.tag]


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "emri_small_big_endian.dcm",
        "SC_rgb_expb_16bit_2frame.dcm",
        "SC_rgb_expb_32bit.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "OBXXXX1A_expb_2frame.dcm",
        "liver_expb.dcm",
        "rtdose_expb.dcm",
        "image_dfl.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "color-pl.dcm",
        "OBXXXX1A_rle_2frame.dcm",
        "emri_small_RLE.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_32bit_2frame.dcm",
        "rtdose_rle.dcm",
    ],
)
def test_pixels_and_elements_are_those_pydicom_reads_in_the_original(
    name: str, target: str
) -> None:
    syntax, dataset = take_apart(name)
    if syntax == target:
        pytest.skip("nothing to do")
    _, result = turned(name, target)
    with quiet_pydicom():
        before, after = parse(syntax, dataset), parse(target, result)
        assert np.array_equal(before.pixel_array, after.pixel_array)
        for one, other in same_elements(before, after):
            if one.VR == "SQ":
                assert len(one.value) == len(other.value)
            elif one.VR == other.VR:
                assert one.value == other.value, one.tag


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize(
    "name", ["rtplan.dcm", "reportsi.dcm", "test-SR.dcm", "priv_SQ.dcm", "waveform_ecg.dcm"]
)
def test_nested_sequences_keep_every_value(name: str, target: str) -> None:
    syntax, dataset = take_apart(name)
    if syntax == target:
        pytest.skip("nothing to do")
    _, result = turned(name, target)
    with quiet_pydicom():
        before, after = parse(syntax, dataset), parse(target, result)
        if target == IMPLICIT_LITTLE:
            # Implicit encoding does not tell the VR of private elements; their bytes are there.
            assert [one.tag for one in before] == [other.tag for other in after]
            before.remove_private_tags()
            after.remove_private_tags()
        assert before.to_json_dict() == after.to_json_dict()


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("US1_J2KR.dcm", "US1_UNCR.dcm"),
        ("MR2_J2KR.dcm", "MR2_UNCR.dcm"),
        ("RG1_J2KR.dcm", "RG1_UNCR.dcm"),
        ("RG3_J2KR.dcm", "RG3_UNCR.dcm"),
        ("US1_J2KI.dcm", "US1_UNCI.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm"),
        ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm"),
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb.dcm"),
        ("JPEG2000.dcm", "JPEG2000_UNC.dcm"),
    ],
)
def test_a_coded_file_becomes_its_uncompressed_twin(name: str, same_as: str) -> None:
    _, result = turned(name, EXPLICIT_LITTLE)
    after = parse(EXPLICIT_LITTLE, result)
    twin = pydicom.dcmread(file(same_as))
    assert np.array_equal(after.pixel_array, twin.pixel_array)
    assert after.PhotometricInterpretation == twin.PhotometricInterpretation
    assert after.get("PlanarConfiguration", 0) == 0


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("JPEG-LL.dcm", "dcmdjpeg"),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", "dcmdjpeg"),
        ("SC_rgb_jpeg_gdcm.dcm", "dcmdjpeg"),
        ("MR_small_RLE.dcm", "dcmdrle"),
        ("SC_rgb_rle_16bit_2frame.dcm", "dcmdrle"),
        ("emri_small_RLE.dcm", "dcmdrle"),
        ("OBXXXX1A_rle_2frame.dcm", "dcmdrle"),
        ("MR_small_jpeg_ls_lossless.dcm", "dcmdjpls"),
        ("emri_small_jpeg_ls_lossless.dcm", "dcmdjpls"),
        ("JPEGLSNearLossless_08.dcm", "dcmdjpls"),
        ("JPEGLSNearLossless_16.dcm", "dcmdjpls"),
        ("MR_small_bigendian.dcm", "dcmconv"),
        ("image_dfl.dcm", "dcmconv"),
    ],
)
def test_dcmtk_decodes_to_the_same_pixels(name: str, tool: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.dcm"
    more = ["+te"] if tool == "dcmconv" else []
    LocalHost().run([tool, *more, str(file(name)), str(theirs)])
    _, result = turned(name, EXPLICIT_LITTLE)
    with quiet_pydicom():
        after, reference = parse(EXPLICIT_LITTLE, result), pydicom.dcmread(theirs)
        assert np.array_equal(after.pixel_array, reference.pixel_array)
    assert after.PhotometricInterpretation == reference.PhotometricInterpretation


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("SC_rgb_dcmtk_+eb+cr.dcm", 1),
        ("SC_rgb_dcmtk_+eb+cy+n1.dcm", 2),
        ("SC_rgb_jpeg_dcmtk.dcm", 2),
        ("SC_jpeg_no_color_transform.dcm", 1),
        ("JPEG-lossy.dcm", 1),
        ("JPGExtended.dcm", 1),
    ],
)
def test_a_lossy_jpeg_is_decoded_as_dcmtk_does_within_the_rounding_of_its_arithmetic(
    name: str, most: int, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.dcm"
    LocalHost().run(["dcmdjpeg", str(file(name)), str(theirs)])
    _, result = turned(name, EXPLICIT_LITTLE)
    with quiet_pydicom():
        after, reference = parse(EXPLICIT_LITTLE, result), pydicom.dcmread(theirs)
        difference = after.pixel_array.astype(int) - reference.pixel_array.astype(int)
    assert np.abs(difference).max() <= most
    assert after.PhotometricInterpretation == reference.PhotometricInterpretation


@pytest.mark.parametrize(
    "name", ["SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_+eb+cy+s2.dcm", "examples_ybr_color.dcm"]
)
def test_subsampled_ycbcr_becomes_rgb_and_says_so(name: str) -> None:
    syntax, dataset = take_apart(name)
    assert syntax == JPEG_BASELINE
    _, result = turned(name, IMPLICIT_LITTLE)
    with quiet_pydicom():
        before, after = parse(syntax, dataset), parse(IMPLICIT_LITTLE, result)
        assert before.PhotometricInterpretation == "YBR_FULL_422"
        assert after.PhotometricInterpretation == "RGB"
        assert after.pixel_array.shape[-1] == 3
        frames = int(before.get("NumberOfFrames", 1))
        assert len(after.PixelData) == before.Rows * before.Columns * 3 * frames


@pytest.mark.parametrize("target", CODED_TARGETS)
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "emri_small.dcm", "SC_rgb_16bit.dcm", "color-pl.dcm", "US1_J2KR.dcm"]
)
def test_to_a_coded_syntax_and_back_every_pixel_is_there(name: str, target: str) -> None:
    _, coded = turned(name, target)
    back = b"".join(transcode(blocks(coded), target, EXPLICIT_LITTLE, LocalCodec()))
    _, direct = (
        turned(name, EXPLICIT_LITTLE)
        if take_apart(name)[0] != EXPLICIT_LITTLE
        else take_apart(name)
    )
    with quiet_pydicom():
        was, now = parse(EXPLICIT_LITTLE, direct), parse(EXPLICIT_LITTLE, back)
        assert np.array_equal(was.pixel_array, now.pixel_array)


def test_group_lengths_are_left_out() -> None:
    element = struct.pack("<HH2sHI", 0x0008, 0x0000, b"UL", 4, 12)
    kept = struct.pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"CR"
    result = b"".join(transcode([element + kept], EXPLICIT_LITTLE, IMPLICIT_LITTLE, LocalCodec()))
    assert result == struct.pack("<HHI", 0x0008, 0x0060, 2) + b"CR"


def test_a_native_multi_frame_larger_than_memory_would_allow_streams_by() -> None:
    frames, frame = 300, bytes(1 << 20)
    header = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames * len(frame))
    most = taken = given = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken, most
        yield header
        for _ in range(frames):
            taken += len(frame)
            most = max(most, taken - given)
            yield frame

    for piece in transcode(endless(), EXPLICIT_LITTLE, IMPLICIT_LITTLE, LocalCodec()):
        given += len(piece)
    assert given == frames * len(frame) + 8
    assert most <= 3 << 20


def fragmented(name: str, table: bool) -> tuple[str, bytes]:
    """Cut each frame of a coded file into three fragments, with or without offset table."""
    syntax, dataset = take_apart(name)
    whole = parse(syntax, dataset)
    frames = list(
        pydicom.encaps.generate_frames(whole.PixelData, number_of_frames=whole.NumberOfFrames)
    )
    items, offsets = b"", []
    for coded in frames:
        offsets.append(len(items))
        cut = [0, 10, len(coded) // 4 * 2, len(coded)]
        for start, end in pairwise(cut):
            items += struct.pack("<HHI", 0xFFFE, 0xE000, end - start) + coded[start:end]
    listed = struct.pack(f"<{len(offsets)}I", *offsets) if table else b""
    value = struct.pack("<HHI", 0xFFFE, 0xE000, len(listed)) + listed + items
    value += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    start = dataset.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
    return syntax, dataset[: start + 12] + value


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(
    "name", ["emri_small_jpeg_2k_lossless.dcm", "emri_small_jpeg_ls_lossless.dcm"]
)
def test_frames_in_several_fragments_are_joined(name: str, table: bool) -> None:
    syntax, dataset = fragmented(name, table)
    result = b"".join(transcode(blocks(dataset), syntax, EXPLICIT_LITTLE, LocalCodec()))
    twin = pydicom.dcmread(file("emri_small.dcm"))
    assert np.array_equal(parse(EXPLICIT_LITTLE, result).pixel_array, twin.pixel_array)


def test_a_missing_frame_is_refused() -> None:
    syntax, dataset = fragmented("emri_small_jpeg_ls_lossless.dcm", True)
    fewer = dataset.replace(b"IS\x02\x0010", b"IS\x02\x0011")
    assert fewer != dataset
    with pytest.raises(NotTranscodableError, match="10 coded frames"):
        list(transcode(blocks(fewer), syntax, EXPLICIT_LITTLE, LocalCodec()))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MR_truncated.dcm", "too early"),
        ("rtplan_truncated.dcm", "too early"),
        ("SC_rgb_jpeg.dcm", "VR that is none"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "codec cannot take"),
        ("emri_small_jpeg_2k_lossless_too_short.dcm", "too early"),
    ],
)
def test_what_does_not_hang_together_is_refused_with_a_reason(name: str, reason: str) -> None:
    syntax, dataset = take_apart(name)
    target = EXPLICIT_LITTLE if syntax == IMPLICIT_LITTLE else IMPLICIT_LITTLE
    with pytest.raises(NotTranscodableError, match=reason):
        list(transcode(blocks(dataset), syntax, target, LocalCodec()))


def test_deep_nesting_is_refused_without_recursion() -> None:
    opening = struct.pack("<HHI", 0x0040, 0xA730, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(NotTranscodableError, match="nested"):
        list(transcode([opening * 100_000], IMPLICIT_LITTLE, EXPLICIT_LITTLE, LocalCodec()))


def test_an_icon_that_is_compressed_by_itself_is_refused() -> None:
    icon = struct.pack("<HH2sHI", 0x0088, 0x0200, b"SQ", 0, 0xFFFFFFFF)
    icon += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    icon += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    with pytest.raises(NotTranscodableError, match="icon"):
        list(transcode([icon], JPEG_2000_LOSSLESS, EXPLICIT_LITTLE, LocalCodec()))


def test_a_header_without_end_is_refused_before_it_fills_memory() -> None:
    def endless() -> Iterator[tuple[int, bytes]]:
        while True:
            yield 0x00420011, bytes(1 << 20)

    with pytest.raises(DatasetFaultError, match=f"{MAX_HEADER_BYTES >> 20} MiB"):
        collect(endless())


def test_a_deflate_bomb_comes_out_in_small_pieces() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(200)) + deflater.flush()
    assert len(bomb) < 1 << 20
    sizes = [len(piece) for piece in inflate([bomb])]
    assert sum(sizes) == 200 << 20
    assert max(sizes) <= elements.CHUNK_BYTES


def test_unknown_syntaxes_have_no_way() -> None:
    assert not can_transcode("1.2.840.10008.1.2.4.100", EXPLICIT_LITTLE)
    assert not can_transcode(EXPLICIT_LITTLE, "1.2.840.10008.1.2.4.50")
    assert can_transcode(EXPLICIT_BIG, IMPLICIT_LITTLE)
    with pytest.raises(NotTranscodableError):
        next(transcode([b""], "1.2.3", EXPLICIT_LITTLE, LocalCodec()))


def test_the_result_is_a_file_that_can_be_read() -> None:
    _, result = turned("US1_J2KR.dcm", IMPLICIT_LITTLE)
    assert part10(IMPLICIT_LITTLE, result).startswith(bytes(128) + b"DICM")
