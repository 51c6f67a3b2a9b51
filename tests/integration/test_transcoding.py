"""A station that does not take an instance's own transfer syntax."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from tests.integration.files import renewed, small, test_file
from tests.integration.road import Road, wait_for

pytestmark = pytest.mark.integration

DECODERS = {
    JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    JPEGLosslessSV1: imagecodecs.jpegsof3_decode,
    JPEGLSLossless: imagecodecs.jpegls_decode,
}


@pytest.mark.parametrize("accepted", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize(
    "name",
    [
        "693_J2KR.dcm",
        "MR_small_RLE.dcm",
        "JPGLosslessP14SV1_1s_1f_8b.dcm",
        "emri_small_jpeg_ls_lossless.dcm",
        "SC_rgb_expb_16bit_2frame.dcm",
        "RG3_UNCI.dcm",
    ],
)
def test_a_station_with_one_transfer_syntax_gets_it_losslessly(
    road: Road, tmp_path: Path, name: str, accepted: str
) -> None:
    """Compressed to uncompressed too; the ledger records it; the pixels are the same."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    file = renewed(test_file(name), sent)
    with road.station(kept, accepted) as station:
        assert [answer.status for answer in road.send([file.path])] == [0]
        found = wait_for(station, [file.sop_instance])[file.sop_instance]
        road.wait_settled()
    assert found.transfer_syntax == accepted
    if file.transfer_syntax == accepted:
        assert found.data_set() == file.data_set()
        return
    entry = road.entries(road.lab.practice, "transcoded")[-1]
    assert (entry.body["from"], entry.body["to"]) == (file.transfer_syntax, accepted)
    path = tmp_path / "transcoded.dcm"
    as_part10(found.data_set(), accepted, path)
    assert (pixels(path) == pixels(file.path)).all()


def test_what_no_syntax_fits_is_refused_and_kept(road: Road, tmp_path: Path) -> None:
    """A station that takes 8-bit lossy JPEG only, and 16-bit pixels: losing some is no way out."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    file = small(sent)
    with road.station(kept, JPEGBaseline8Bit) as station:
        assert [answer.status for answer in road.send([file.path])] == [0]
        road.wait_settled()
        assert not station()
    refused = road.entries(road.lab.practice, "refused")[-1]
    assert refused.body["scope"] == "instance"
    assert refused.body["reason"]
    road.verify_spools()


def pixels(path: Path) -> np.ndarray:
    """Decode every frame, without pydicom's plugins."""
    ds = pydicom.dcmread(path)
    syntax = ds.file_meta.TransferSyntaxUID
    decode = DECODERS.get(syntax)
    if decode is None:
        return ds.pixel_array.reshape(-1)
    frames = generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1)))
    return np.concatenate([decode(frame).reshape(-1) for frame in frames])


def as_part10(data_set: bytes, syntax: str, path: Path) -> None:
    """Write a data set as a file."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    head = pydicom.filebase.DicomBytesIO()
    meta.MediaStorageSOPClassUID = meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.3")
    pydicom.filewriter.write_file_meta_info(head, meta)
    path.write_bytes(b"\0" * 128 + b"DICM" + head.getvalue() + data_set)
