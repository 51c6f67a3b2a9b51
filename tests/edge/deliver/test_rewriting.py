"""A few elements change and no other byte does; pydicom says what the bytes must be."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from bocage_edge.deliver.elements import MAX_DEPTH, DatasetFaultError
from bocage_edge.deliver.rewriting import (
    MAX_HEAD_BYTES,
    Append,
    Change,
    Identified,
    Put,
    Remove,
    Stamp,
)
from bocage_edge.seal.syntax import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, JPEG_BASELINE
from tests.edge.deliver.files import FOLDERS, blocks, parse, quiet_pydicom, take_apart
from tests.fakes.instances import element

STAMP = Stamp("20261124081500+0000", "Bocage caen-1", "flers-1")
ACCESSION, PATIENT_ID, ISSUER, OTHER_IDS = 0x00080050, 0x00100020, 0x00100021, 0x00101002
STUDY = 0x0020000D
NATIVE = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
REAL_FILES = (
    "CT_small.dcm", "MR_small_implicit.dcm", "liver_expb.dcm", "emri_small.dcm", "JPEG-LL.dcm",
    "test-SR.dcm", "reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm", "explicit_VR-UN.dcm",
    "US1_J2KR.dcm", "SC_rgb_rle_32bit_2frame.dcm", "color3d_jpeg_baseline.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm", "nested_priv_SQ.dcm", "UN_sequence.dcm",
)  # fmt: skip


def encoded(ds: Dataset, syntax: str) -> bytes:
    """Write a data set by pydicom."""
    out = DicomBytesIO()
    out.is_implicit_VR = syntax == IMPLICIT_LITTLE
    out.is_little_endian = syntax != EXPLICIT_BIG
    write_dataset(out, ds)
    return out.getvalue()


def rewritten(
    raw: bytes, changes: dict[int, Change], syntax: str = EXPLICIT_LITTLE, size: int = 4099
) -> bytes:
    """Change a data set that comes in blocks."""
    return b"".join(Identified(blocks(raw, size), syntax).rewritten(changes, STAMP))


def told(**modified: Any) -> Dataset:
    """An item of Original Attributes Sequence, as pydicom makes one."""
    item, kept = Dataset(), Dataset()
    for keyword, value in modified.items():
        setattr(kept, keyword, value)
    item.ModifiedAttributesSequence = [kept]
    item.AttributeModificationDateTime = STAMP.at
    item.ModifyingSystem = STAMP.system
    item.SourceOfPreviousValues = STAMP.source
    item.ReasonForTheAttributeModification = "COERCE"
    return item


# -- data sets of every shape


def _item(text: str, deep: int, is_open: bool) -> Dataset:
    item = Dataset()
    item.CodeValue = text
    item.is_undefined_length_sequence_item = is_open
    if deep:
        _add(item, "ContentSequence", [_item(text, deep - 1, not is_open)], is_open)
    return item


def _add(ds: Dataset, keyword: str, items: list[Dataset], is_open: bool) -> None:
    setattr(ds, keyword, Sequence(items))
    ds[keyword].is_undefined_length = is_open


def made(shape: dict[str, Any]) -> Dataset:
    """Make a data set; twice the same for the same shape."""
    ds = Dataset()
    ds.SOPInstanceUID = "1.2.3"
    ds.StudyInstanceUID = "1.2.3.4"
    ds.SeriesInstanceUID = "1.2.3.4.5"
    for keyword in ("PatientID", "AccessionNumber", "IssuerOfPatientID", "PatientName"):
        if shape[keyword] is not None:
            setattr(ds, keyword, shape[keyword])
    if shape["nested"] is not None:
        deep, is_open = shape["nested"]
        _add(ds, "ReferencedImageSequence", [_item("A", deep, is_open)], is_open)
        _add(ds, "ConceptNameCodeSequence", [_item("B", deep, not is_open)] * 2, is_open)
        _add(ds, "ReferencedStudySequence", [], is_open)
    if shape["private"]:
        ds.add_new(0x00091001, "OB", bytes(range(256)))
        ds.add_new(0x00090010, "LO", "ACME")
        ds.add_new(0x00291001, "UN", b"\1\2\3\4")
    if shape["others"] is not None:
        _add(ds, "OtherPatientIDsSequence", [_other("X", None)], shape["others"])
    if shape["before"] is not None:
        _add(ds, "OriginalAttributesSequence", [told(PatientID="older")], shape["before"])
    ds.PixelData = encapsulate([b"frame 1!", b"frame 2!"]) if shape["coded"] else bytes(512)
    ds["PixelData"].VR = "OB" if shape["coded"] else "OW"
    ds["PixelData"].is_undefined_length = shape["coded"]
    ds.DataSetTrailingPadding = bytes(64)
    return ds


def _other(number: str, issuer: str | None) -> Dataset:
    item = Dataset()
    item.PatientID = number
    if issuer is not None:
        item.IssuerOfPatientID = issuer
    item.TypeOfPatientID = "TEXT"
    return item


TEXT = st.none() | st.text("ABC 0123-", max_size=12).map(str.strip)
OPEN = st.none() | st.booleans()
SHAPES = st.fixed_dictionaries(
    {
        "PatientID": TEXT,
        "AccessionNumber": TEXT,
        "IssuerOfPatientID": TEXT,
        "PatientName": st.none() | st.just("Doe^Jane"),
        "nested": st.none() | st.tuples(st.integers(0, 5), st.booleans()),
        "private": st.booleans(),
        "others": OPEN,
        "before": OPEN,
        "coded": st.just(False),
    }
)


@settings(max_examples=300, deadline=None)
@given(SHAPES, st.sampled_from((*NATIVE, JPEG_BASELINE)), st.integers(1, 5000))
def test_the_bytes_are_those_pydicom_writes(shape: dict[str, Any], syntax: str, size: int) -> None:
    """Defined and undefined lengths, nested, private, encapsulated; blocks that fit nothing."""
    shape = shape | {"coded": syntax == JPEG_BASELINE}
    ds = made(shape)
    raw = encoded(ds, syntax)
    expected = made(shape)
    before = {
        keyword: getattr(expected, keyword, "")
        for keyword in ("AccessionNumber", "PatientID", "IssuerOfPatientID")
    }
    was_there = getattr(expected, "OtherPatientIDsSequence", None)
    kept = told(**before)
    _add(
        kept.ModifiedAttributesSequence[0],
        "OtherPatientIDsSequence",
        list(was_there or []),
        bool(was_there and shape["others"]),
    )
    added = _other("", None)
    del added.PatientID
    for keyword in ("PatientID", "IssuerOfPatientID"):
        if keyword in ds:
            setattr(added, keyword, getattr(ds, keyword))
    expected.PatientID, expected.AccessionNumber = "FL-17", "FL-9"
    if "IssuerOfPatientID" in expected:
        del expected.IssuerOfPatientID
    for keyword, item in (
        ("OtherPatientIDsSequence", added),
        ("OriginalAttributesSequence", kept),
    ):
        if keyword in expected:
            getattr(expected, keyword).append(item)
        else:
            setattr(expected, keyword, [item])
    changes: dict[int, Change] = {
        PATIENT_ID: Put(b"FL-17"),
        ACCESSION: Put(b"FL-9"),
        ISSUER: Remove(),
        OTHER_IDS: Append({0x00100022: b"TEXT"}, (PATIENT_ID, ISSUER)),
    }
    assert rewritten(raw, changes, syntax, size) == encoded(expected, syntax)


@settings(max_examples=100, deadline=None)
@given(SHAPES, st.sampled_from(NATIVE), st.integers(1, 5000))
def test_where_nothing_changes_every_byte_is_as_it_came(
    shape: dict[str, Any], syntax: str, size: int
) -> None:
    raw = encoded(made(shape), syntax)
    found = Identified(blocks(raw, size), syntax)
    assert found.value(PATIENT_ID) == (shape["PatientID"] or "").encode()
    assert b"".join(found.unchanged()) == raw


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files_keep_everything_else(name: str) -> None:
    """As pydicom reads it: the elements asked for are changed, all others equal."""
    if not any((folder / name).exists() for folder in FOLDERS):
        pytest.skip("pydicom has this file no more")
    syntax, raw = take_apart(name)
    changes: dict[int, Change] = {PATIENT_ID: Put(b"FL-17"), ACCESSION: Put(b"FL-9")}
    with quiet_pydicom():
        before, after = parse(syntax, raw), parse(syntax, rewritten(raw, changes, syntax))
        assert (after.PatientID, after.AccessionNumber) == ("FL-17", "FL-9")
        kept = after.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
        assert kept.PatientID == before.get("PatientID", "")
        changed = {PATIENT_ID, ACCESSION, 0x04000561, 0x00080000, 0x00100000, 0x00080001}
        for tag in (it for it in before if it.tag not in changed):
            assert after[tag.tag].value == tag.value
        assert len(after) >= len(before) - 3


def test_group_lengths_of_what_is_touched_are_left_out() -> None:
    """They would be wrong; those of other groups stay."""
    us = struct.Struct("<I").pack
    raw = b"".join(
        [
            element(8, 0, b"UL", us(4)),
            element(8, 1, b"UL", us(4)),
            element(8, 0x50, b"SH", b"17"),
            element(0x10, 0, b"UL", us(4)),
            element(0x20, 0, b"UL", us(4)),
            element(0x20, 0x0D, b"UI", b"1.2"),
            element(0x28, 0, b"UL", us(4)),
            element(0x400, 0, b"UL", us(4)),
        ]
    )
    found = parse(EXPLICIT_LITTLE, rewritten(raw, {ACCESSION: Put(b"9")}))
    tags = [int(it.tag) for it in found]
    assert tags == [0x00080050, 0x00100000, 0x00200000, STUDY, 0x00280000, 0x04000561]


def test_an_original_sequence_of_unknown_vr_gets_an_implicit_item() -> None:
    """PS3.5 6.2.2: what has VR UN is implicit, whatever stands around it."""
    inner = Dataset()
    inner.PatientID = "older"
    item = encoded(inner, IMPLICIT_LITTLE)
    framed = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    raw = (
        element(8, 0x50, b"SH", b"17")
        + element(0x20, 0x0D, b"UI", b"1.2")
        + element(0x400, 0x561, b"UN", framed)
    )
    changed = rewritten(raw, {ACCESSION: Put(b"9")})
    assert struct.pack("<HHI", 8, 0x50, 2) + b"17" in changed
    found = parse(EXPLICIT_LITTLE, changed)
    (old, new) = found.OriginalAttributesSequence
    assert old.PatientID == "older"
    assert new.ModifiedAttributesSequence[0].AccessionNumber == "17"


def test_what_lies_behind_is_not_looked_at() -> None:
    """A data set that is damaged behind its identifiers is carried as it is."""
    head = element(8, 0x50, b"SH", b"17") + element(0x20, 0x0D, b"UI", b"1.2")
    rubbish = struct.pack("<HH", 0x7FE0, 0x0010) + b"\xff" * 5000
    changed = rewritten(head + rubbish, {ACCESSION: Put(b"9")})
    assert changed.endswith(rubbish)


def _open_sequence(depth: int) -> bytes:
    opening = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return opening * depth


HEAD = element(8, 0x18, b"UI", b"1.2")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (HEAD + struct.pack("<HH2sH", 8, 0x50, b"SH", 9) + b"17", "too early"),
        (HEAD + struct.pack("<HH2sH", 8, 0x50, b"??", 2) + b"17", "VR that is none"),
        (HEAD + struct.pack("<HH2sHI", 8, 0x50, b"UT", 0, 0xFFFFFFFF), "no length"),
        (HEAD + _open_sequence(MAX_DEPTH + 1), "more than 32 deep"),
        (HEAD + struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF) + bytes(8), "no item"),
        (
            HEAD
            + struct.pack("<HH2sHI", 9, 0x1001, b"OB", 0, 0xFFFFFFFF)
            + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF),
            "a fragment has no length",
        ),
        (element(9, 0x1001, b"OB", bytes(MAX_HEAD_BYTES)), "larger than 8 MiB"),
    ],
)
def test_what_cannot_be_followed_is_a_fault(raw: bytes, reason: str) -> None:
    with pytest.raises(DatasetFaultError, match=reason):
        Identified(blocks(raw), EXPLICIT_LITTLE)


def test_a_fault_on_the_way_to_where_originals_are_kept() -> None:
    raw = element(8, 0x50, b"SH", b"17") + element(0x20, 0x0D, b"UI", b"1.2")
    for rest, reason in (
        (element(0x400, 0x561, b"LO", b"none"), "is none"),
        (element(0x400, 0x561, b"SQ", b"")[:-4], "too early"),
        (element(0x20, 0x0D, b"UI", b"1.2"), "out of order"),
    ):
        with pytest.raises(DatasetFaultError, match=reason):
            rewritten(raw + rest, {ACCESSION: Put(b"9")})


def test_out_of_order_is_a_fault_only_where_something_changes() -> None:
    raw = HEAD + element(8, 0x16, b"UI", b"1.2") + HEAD + element(0x20, 0x0D, b"UI", b"1.2")
    assert b"".join(Identified(blocks(raw), EXPLICIT_LITTLE).unchanged()) == raw
    with pytest.raises(DatasetFaultError, match="out of order"):
        rewritten(raw, {ACCESSION: Put(b"9")})


def test_a_deflated_data_set_and_changes_elsewhere_are_refused() -> None:
    with pytest.raises(DatasetFaultError, match="as a whole"):
        Identified([b""], "1.2.840.10008.1.2.1.99")
    found = Identified([HEAD], EXPLICIT_LITTLE)
    with pytest.raises(ValueError, match="Study Instance UID"):
        list(found.rewritten({0x00280010: Put(b"")}, STAMP))
    with pytest.raises(ValueError, match="changes"):
        list(found.rewritten({}, STAMP))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(NATIVE),
    st.sampled_from([b"", element(8, 0x50, b"SH", b"17"), _open_sequence(3)]),
)
def test_any_bytes_end_in_a_result_or_a_fault(tail: bytes, syntax: str, start: bytes) -> None:
    try:
        found = Identified(blocks(start + tail), syntax)
        for _ in found.rewritten({ACCESSION: Put(b"9")}, STAMP):
            pass
    except DatasetFaultError:
        return


def test_pixel_data_are_never_held() -> None:
    """Nor a document that stands before Original Attributes Sequence."""
    size = 64 * 1024 * 1024

    def long(tag: tuple[int, int]) -> Iterator[bytes]:
        yield struct.pack("<HH2sHI", *tag, b"OB", 0, size)
        for _ in range(size // 65536):
            yield bytes(65536)

    def dataset() -> Iterator[bytes]:
        yield element(8, 0x50, b"SH", b"17") + element(0x20, 0x0D, b"UI", b"1.2")
        yield from long((0x0042, 0x0011))
        yield from long((0x7FE0, 0x0010))

    def measured(run: Callable[[], int]) -> tuple[int, int]:
        tracemalloc.start()
        try:
            return run(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def run() -> int:
        found = Identified(dataset(), EXPLICIT_LITTLE)
        return sum(map(len, found.rewritten({ACCESSION: Put(b"9")}, STAMP)))

    sent, most = measured(run)
    assert sent > 2 * size
    assert most < 8 * 1024 * 1024
