"""Where the data set of a file begins."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from bocage_provisioning.demo.part10 import NotPart10Error, dataset_of, dataset_offset


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm"])
def test_the_data_set_is_what_follows_the_meta_information(tmp_path: Path, name: str) -> None:
    """Read on from there as a data set of the stated transfer syntax, it is the file's."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    ds = pydicom.dcmread(found)
    bare = tmp_path / "bare"
    bare.write_bytes(dataset_of(Path(found)))
    again = pydicom.dcmread(bare, force=True)
    assert again.PatientName == ds.PatientName
    assert again.SOPInstanceUID == ds.SOPInstanceUID


@pytest.mark.parametrize(
    "head", [b"", b"\0" * 200, b"\0" * 128 + b"DICM" + b"\2\0\1\0" + b"x" * 20]
)
def test_what_is_no_file_is_said(head: bytes) -> None:
    """No magic, or meta information without its length."""
    with pytest.raises(NotPart10Error):
        dataset_offset(head)
