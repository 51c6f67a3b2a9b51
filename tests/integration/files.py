"""DICOM files for the road: real ones with new identities, and small ones of every other kind."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import data_store
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    generate_uid,
)

from bocage_provisioning.demo.part10 import dataset_of

REAL = Path(data_store.__file__).parent / "data"
PRIVATE_SOP_CLASS = "1.3.12.2.1107.5.9.1"  # Siemens CSA Non-Image Storage
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
CR = "1.2.840.10008.5.1.4.1.1.1"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


@dataclass(frozen=True, slots=True)
class File:
    """A DICOM file to send."""

    path: Path
    sop_instance: str
    study: str
    transfer_syntax: str

    def data_set(self) -> bytes:
        """Give the bytes that go over the wire."""
        return dataset_of(self.path)


def test_file(name: str) -> Path:
    """Find one of pydicom's own test files, or one of `pydicom-data`."""
    if (REAL / name).exists():
        return REAL / name
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), name
    return Path(found)


test_file.__test__ = False  # type: ignore[attr-defined]


def renewed(source: Path, folder: Path, *, study: str | None = None) -> File:
    """Copy a file under new UIDs; everything else stays as it is."""
    ds = pydicom.dcmread(source)
    uid = generate_uid()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.StudyInstanceUID = study or generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    path = folder / f"{uid}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return File(path, str(uid), str(ds.StudyInstanceUID), str(ds.file_meta.TransferSyntaxUID))


def small(
    folder: Path,
    *,
    sop_class: str = CR,
    syntax: str = ExplicitVRLittleEndian,
    study: str | None = None,
    uid: str | None = None,
    pixels: bool = True,
    **attributes: object,
) -> File:
    """Make a small instance.

    Args:
        attributes: by keyword.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(uid or generate_uid())
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    ds = FileDataset(
        io.BytesIO(),
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
    )
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = study or generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientName, ds.PatientID, ds.Modality = "Essai^Numéro", "T-1", "CR"
    ds.SpecificCharacterSet = "ISO_IR 100"
    if pixels:
        _add_pixels(ds, syntax)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    path = folder / f"{meta.MediaStorageSOPInstanceUID}-{len(list(folder.iterdir()))}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return File(path, str(ds.SOPInstanceUID), str(ds.StudyInstanceUID), syntax)


def _add_pixels(ds: Dataset, syntax: str) -> None:
    rows, columns = 64, 48
    wave = np.add.outer(np.arange(rows) * 5, np.arange(columns) * 3).astype("<u2")
    ds.Rows, ds.Columns, ds.SamplesPerPixel = rows, columns, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    if syntax == HTJ2KLossless:
        import imagecodecs

        frame = imagecodecs.htj2k_encode(wave, reversible=True)
        ds.PixelData = encapsulate([bytes(frame)])
        ds["PixelData"].VR = "OB"
        return
    ds.PixelData = (wave.astype(">u2") if syntax == ExplicitVRBigEndian else wave).tobytes()
    ds["PixelData"].VR = "OW"


def real_files() -> Iterator[Path]:
    """List the real files whose data set can stand on a wire: whole, with file meta information."""
    for name in REAL_NAMES:
        yield test_file(name)


# Every modality and every transfer syntax among the files of pydicom-data and pydicom.
REAL_NAMES = (
    "RG1_UNCI.dcm",
    "RG1_J2KR.dcm",
    "RG3_J2KI.dcm",
    "693_UNCI.dcm",
    "693_J2KR.dcm",
    "MR2_UNCR.dcm",
    "US1_UNCI.dcm",
    "US1_J2KR.dcm",
    "JPEG-LL.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "OBXXXX1A_rle_2frame.dcm",
    "SC_rgb_32bit_2frame.dcm",
    "SC_rgb_expb_16bit_2frame.dcm",
    "SC_rgb_dcmtk_ebcys4_dcmd.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "color-pl.dcm",
    "color3d_jpeg_baseline.dcm",
    "eCT_Supplemental.dcm",
    "emri_small.dcm",
    "emri_small_RLE.dcm",
    "emri_small_big_endian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "explicit_VR-UN.dcm",
    "gdcm-US-ALOKA-16_big.dcm",
    "liver.dcm",
    "liver_expb.dcm",
    "mlut_18.dcm",
    "vlut_04.dcm",
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_padded.dcm",
    "JPEGLSNearLossless_16.dcm",
    "JPGExtended.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "SC_rgb_rle_32bit_2frame.dcm",
    "test-SR.dcm",
    "reportsi.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "waveform_ecg.dcm",
)


def other_kinds(folder: Path) -> list[File]:
    """Make what the real files do not hold."""
    pdf = b"%PDF-1.4 not much of one\n"
    private = Dataset()
    private.add_new(0x00290010, "LO", "ACME 1.1")
    private.add_new(0x00291001, "OB", bytes(range(256)) * 4)
    private_kind = small(folder, sop_class=PRIVATE_SOP_CLASS, pixels=False)
    return [
        small(folder, syntax=HTJ2KLossless),
        small(folder, syntax=ImplicitVRLittleEndian),
        small(folder, syntax=ExplicitVRBigEndian),
        private_kind,
        _with(folder, private),
        small(
            folder,
            pixels=False,
            sop_class=ENCAPSULATED_PDF,
            MIMETypeOfEncapsulatedDocument="application/pdf",
            EncapsulatedDocument=pdf + b"\0" * (len(pdf) % 2),
        ),
        small(folder, pixels=False, sop_class=BASIC_TEXT_SR, Modality="SR"),
        small(folder, pixels=False, sop_class=KEY_OBJECT, Modality="KO"),
        small(folder, pixels=False, sop_class=PRESENTATION_STATE, Modality="PR"),
        small(folder, SpecificCharacterSet="ISO_IR 192", PatientName="Élève^Zoë^王"),
        small(
            folder,
            SpecificCharacterSet=["", "ISO 2022 IR 87"],
            PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
    ]


def _with(folder: Path, extra: Dataset) -> File:
    made = small(folder)
    ds = pydicom.dcmread(made.path)
    ds.update(extra)
    ds.save_as(made.path, enforce_file_format=True)
    return made
