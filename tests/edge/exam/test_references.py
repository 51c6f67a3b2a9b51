"""The data sets of storage commitment: as toolkits write them, and as a hostile peer does."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from bocage_edge.exam.references import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    MAX_DATA_SET_BYTES,
    MAX_REFERENCES,
    Reference,
    ReferencesError,
    Request,
    Result,
    TooManyReferencesError,
    read_request,
    read_result,
    write_request,
    write_result,
)

CR = "1.2.840.10008.5.1.4.1.1.1"
SYNTAXES = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)
UIDS = st.from_regex(r"[1-9][0-9.]{0,63}", fullmatch=True)
REFERENCES = st.builds(Reference, UIDS, UIDS)


def by_pydicom(dataset: Dataset, syntax: str) -> bytes:
    """Encode with a toolkit that is not ours."""
    out = BytesIO()
    file = DicomIO(out)
    file.is_implicit_VR = syntax == IMPLICIT_LITTLE
    file.is_little_endian = syntax != EXPLICIT_BIG
    write_dataset(file, dataset)
    return out.getvalue()


def item(instance: str, reason: int | None = None, sop_class: str = CR) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, instance
    if reason is not None:
        made.FailureReason = reason
    return made


def asked(*instances: str, undefined: bool = False) -> Dataset:
    """A request as a modality writes it."""
    made = Dataset()
    made.TransactionUID = "2.25.7"
    made.ReferencedSOPSequence = Sequence([item(each) for each in instances])
    if undefined:
        made["ReferencedSOPSequence"].is_undefined_length = True
        for each in made.ReferencedSOPSequence:
            each.is_undefined_length_sequence_item = True
    return made


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [False, True])
def test_a_request_of_another_toolkit_is_read(syntax: str, undefined: bool) -> None:
    raw = by_pydicom(asked("1.2.3", "1.2.45", undefined=undefined), syntax)
    wanted = Request("2.25.7", (Reference(CR, "1.2.3"), Reference(CR, "1.2.45")))
    assert read_request(raw, syntax) == wanted


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_we_do_not_need_is_passed_over(syntax: str) -> None:
    """Media ids, a performed procedure step (of older editions), private elements, nesting."""
    dataset = asked("1.2.3")
    dataset.StorageMediaFileSetID = "DISK"
    inner = item("9.9")
    inner.ReferencedSeriesSequence = Sequence([item("8.8")])
    dataset.ReferencedPerformedProcedureStepSequence = Sequence([inner])
    dataset.ReferencedSOPSequence[0].PurposeOfReferenceCodeSequence = Sequence([item("7.7")])
    found = read_request(by_pydicom(dataset, syntax), syntax)
    assert found.references == (Reference(CR, "1.2.3"),)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_result_of_another_toolkit_is_read(syntax: str) -> None:
    dataset = asked("1.2.3")
    dataset.FailedSOPSequence = Sequence([item("1.2.4", 0x0112), item("1.2.5", 0x0119)])
    found = read_result(by_pydicom(dataset, syntax), syntax)
    assert found.committed == (Reference(CR, "1.2.3"),)
    assert found.failed == ((Reference(CR, "1.2.4"), 0x0112), (Reference(CR, "1.2.5"), 0x0119))
    assert found.event_type == 2


@given(UIDS, st.lists(REFERENCES, min_size=1, max_size=20))
def test_what_is_written_is_read(transaction: str, references: list[Reference]) -> None:
    request = Request(transaction, tuple(references))
    assert read_request(write_request(request), IMPLICIT_LITTLE) == request


@given(
    UIDS,
    st.lists(REFERENCES, max_size=9),
    st.lists(st.tuples(REFERENCES, st.integers(0, 0xFFFF)), min_size=1, max_size=9),
)
def test_a_result_that_is_written_is_read(
    transaction: str, committed: list[Reference], failed: list[tuple[Reference, int]]
) -> None:
    result = Result(transaction, tuple(committed), tuple(failed))
    assert read_result(write_result(result), IMPLICIT_LITTLE) == result


def test_another_toolkit_reads_what_is_written() -> None:
    raw = write_result(
        Result("2.25.7", (Reference(CR, "1.2.3"),), ((Reference(CR, "1.4"), 0x112),))
    )
    found = dcmread(BytesIO(raw), force=True)
    assert found.TransactionUID == "2.25.7"
    assert [each.ReferencedSOPInstanceUID for each in found.ReferencedSOPSequence] == ["1.2.3"]
    assert [each.FailureReason for each in found.FailedSOPSequence] == [0x0112]


def test_a_sequence_without_an_item_is_left_out() -> None:
    raw = write_result(Result("2.25.7", (Reference(CR, "1.2.3"),)))
    assert "FailedSOPSequence" not in dcmread(BytesIO(raw), force=True)
    assert Result("2.25.7", (Reference(CR, "1.2.3"),)).event_type == 1


GOOD = write_request(Request("2.25.7", (Reference(CR, "1.2.3"), Reference(CR, "1.2.4"))))


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_no_bytes_are_too_strange(raw: bytes, syntax: str) -> None:
    for read in (read_request, read_result):
        with pytest.raises(ReferencesError):
            read(raw, syntax)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.sampled_from(SYNTAXES))
def test_a_changed_byte_is_another_request_or_none(place: int, byte: int, syntax: str) -> None:
    """Never another kind of error."""
    raw = bytearray(GOOD)
    raw[place] = byte
    try:
        found = read_request(bytes(raw), syntax)
    except ReferencesError:
        return
    assert 1 <= len(found.references) <= 2


@pytest.mark.parametrize("size", range(1, len(GOOD), 7))
def test_a_request_cut_short_is_refused(size: int) -> None:
    with pytest.raises(ReferencesError):
        read_request(GOOD[:size], IMPLICIT_LITTLE)


def deep(levels: int) -> bytes:
    """Sequences in sequences, none of which ends."""
    return struct.pack("<HHIHHI", 8, 0x1199, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * levels


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (deep(100_000), ReferencesError),
        (bytes(MAX_DATA_SET_BYTES + 1), TooManyReferencesError),
        (struct.pack("<HHI", 9, 1, 0) * 200_000, TooManyReferencesError),
        (struct.pack("<HHI", 8, 0x1199, 0xFFFFFFFE), ReferencesError),
        (struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), ReferencesError),
        (struct.pack("<HHI", 0xFFFE, 0xE000, 0), ReferencesError),
    ],
)
def test_hostile_bytes_are_bounded(raw: bytes, error: type[ReferencesError]) -> None:
    with pytest.raises(error):
        read_request(raw, IMPLICIT_LITTLE)


def test_as_many_references_as_allowed_and_no_more() -> None:
    references = tuple(Reference(CR, f"1.2.{number}") for number in range(MAX_REFERENCES + 1))
    most = Request("2.25.7", references[:-1])
    assert read_request(write_request(most), IMPLICIT_LITTLE) == most
    with pytest.raises(TooManyReferencesError):
        read_request(write_request(Request("2.25.7", references)), IMPLICIT_LITTLE)


@pytest.mark.parametrize("instances", [[], ["1.2.A"], ["1" * 65], ["1.2.3", ""]])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI", "ignore:The value length")
def test_what_lacks_something_is_refused(instances: list[str]) -> None:
    raw = by_pydicom(asked(*instances), IMPLICIT_LITTLE)
    with pytest.raises(ReferencesError):
        read_request(raw, IMPLICIT_LITTLE)


def test_a_request_without_a_transaction_is_refused() -> None:
    dataset = asked("1.2.3")
    del dataset.TransactionUID
    with pytest.raises(ReferencesError, match="0008,1195"):
        read_request(by_pydicom(dataset, IMPLICIT_LITTLE), IMPLICIT_LITTLE)


def test_a_transfer_syntax_of_no_use_is_refused() -> None:
    with pytest.raises(ReferencesError, match="transfer syntax"):
        read_request(GOOD, "1.2.840.10008.1.2.1.99")
