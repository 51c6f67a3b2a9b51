"""The same real instance, rewritten by other people's tools, has the same content digest."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from bocage_edge.seal.pool import CodecPool
from bocage_system.command import LocalHost
from tests.edge.seal.making import RealFile, read_part10, real_paths, seal

pytestmark = pytest.mark.processes

HOST = LocalHost()
BY_NAME = {path.name: path for path in real_paths()}
NATIVE = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR2_UNCR.dcm",
    "RG3_UNCR.dcm",
    "US1_UNCR.dcm",
    "SC_rgb.dcm",
    "SC_rgb_16bit.dcm",
    "SC_rgb_2frame.dcm",
    "color-pl.dcm",
    "emri_small.dcm",
    "test-SR.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "examples_palette.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
]
# How DCMTK rewrites a file; the names of those without pixels stay out of the second table.
REWRITES = {
    "explicit, defined lengths": ["dcmconv", "+te", "+e"],
    "explicit, undefined lengths": ["dcmconv", "+te", "-e", "+g"],
    "implicit": ["dcmconv", "+ti", "-g"],
    "big endian": ["dcmconv", "+tb"],
    "padded": ["dcmconv", "+te", "+p", "512", "256"],
}
COMPRESSIONS = {
    "JPEG lossless SV1": ["dcmcjpeg", "+e1"],
    "JPEG lossless, predictor 4": ["dcmcjpeg", "+el", "+sv", "4"],
    "JPEG lossless, predictor 7": ["dcmcjpeg", "+el", "+sv", "7"],
    "JPEG lossless, many fragments": ["dcmcjpeg", "+e1", "+fs", "8"],
    "JPEG-LS": ["dcmcjpls", "+el"],
    "RLE": ["dcmcrle"],
    "RLE without offsets": ["dcmcrle", "-ot"],
}
# DCMTK compresses the icon too, in a sequence we know nothing of.
WITH_ICON = "MR-SIEMENS-DICOM-WithOverlays.dcm"
WITHOUT_PIXELS = {"test-SR.dcm", "reportsi.dcm", "rtplan.dcm"}

SHORTER = {*WITHOUT_PIXELS, WITH_ICON}


def digest_of(path: Path, pool: CodecPool) -> str | None:
    real = read_part10(path)
    assert isinstance(real, RealFile)
    return seal(real.data_set, pool, real.syntax)[0].content_digest


def rewritten(source: Path, command: list[str], target: Path) -> Path:
    HOST.run([*command, source, target])
    return target


@pytest.mark.parametrize("how", REWRITES)
@pytest.mark.parametrize("name", NATIVE)
def test_rewritten_by_dcmtk(name: str, how: str, pool: CodecPool, tmp_path: Path) -> None:
    wanted = digest_of(BY_NAME[name], pool)
    other = rewritten(BY_NAME[name], REWRITES[how], tmp_path / "other")
    assert digest_of(other, pool) == wanted is not None


@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("name", [name for name in NATIVE if name not in SHORTER])
def test_compressed_by_dcmtk(name: str, how: str, pool: CodecPool, tmp_path: Path) -> None:
    # First through DCMTK without compression: it drops what it cannot carry.
    plain = rewritten(BY_NAME[name], ["dcmconv", "+te"], tmp_path / "plain")
    other = rewritten(plain, COMPRESSIONS[how], tmp_path / "other")
    assert digest_of(other, pool) == digest_of(plain, pool) is not None


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless],
    ids=lambda syntax: syntax.keyword,
)
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "SC_rgb.dcm", "test-SR.dcm"])
def test_rewritten_by_pydicom(name: str, syntax: UID, pool: CodecPool, tmp_path: Path) -> None:
    ds = pydicom.dcmread(BY_NAME[name])
    if syntax is RLELossless:
        if name in WITHOUT_PIXELS:
            pytest.skip("no pixels to compress")
        ds.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(tmp_path / "other", implicit_vr=syntax is ImplicitVRLittleEndian, little_endian=True)
    assert digest_of(tmp_path / "other", pool) == digest_of(BY_NAME[name], pool) is not None


# Files of one instance in several syntaxes, made by others.
@pytest.mark.parametrize(
    "pattern",
    [
        "emri_small{}.dcm: _RLE _big_endian _jpeg_2k_lossless _jpeg_ls_lossless",
        "MR_small{}.dcm: _RLE _bigendian _expb _implicit _jp2klossless _jpeg_ls_lossless",
        "SC_rgb{}.dcm: _expb _rle _jpeg_gdcm",
        "SC_rgb{}_16bit.dcm: _expb _rle",
        "OBXXXX1A{}.dcm: _expb _rle",
        "color-p{}.dcm: l x",
    ],
)
def test_collections_in_several_syntaxes(pattern: str, pool: CodecPool) -> None:
    name, _, others = pattern.partition(": ")
    names = {name.format(other) for other in ("", *others.split())} & BY_NAME.keys()
    assert len(names) >= len(others.split())
    found = {digest_of(BY_NAME[each], pool) for each in names}
    assert len(found) == 1
    assert None not in found


def test_other_pixels_have_another_digest(pool: CodecPool, tmp_path: Path) -> None:
    raw = bytearray(BY_NAME["CT_small.dcm"].read_bytes())
    raw[-3000] ^= 1
    changed = tmp_path / "changed"
    changed.write_bytes(raw)
    assert digest_of(changed, pool) != digest_of(BY_NAME["CT_small.dcm"], pool)


def test_what_cannot_be_decoded_has_none(pool: CodecPool, tmp_path: Path) -> None:
    assert digest_of(BY_NAME["SC_rgb_rle_32bit.dcm"], pool) is None
    icon = rewritten(BY_NAME[WITH_ICON], ["dcmcrle"], tmp_path / "icon")
    assert digest_of(icon, pool) is None
    raw = bytearray(BY_NAME["MR_small_RLE.dcm"].read_bytes())
    raw[-2000:-1000] = bytes(1000)
    broken = tmp_path / "broken"
    broken.write_bytes(raw)
    assert digest_of(broken, pool) != digest_of(BY_NAME["MR_small_RLE.dcm"], pool)
