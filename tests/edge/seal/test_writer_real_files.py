from __future__ import annotations

from pathlib import Path

import pytest

from bocage_edge.seal.errors import TruncatedError, UnidentifiedError
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.scanner import Fault
from tests.edge.seal.making import opened, read_part10, real_paths, seal

pytestmark = pytest.mark.processes

# Cut on purpose by those who made the collection.
CUT = {
    "MR_truncated.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "rtplan_truncated.dcm",
}
PATHS = real_paths()


def test_the_collection_is_there() -> None:
    assert len(PATHS) > 200


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_real_file_comes_back_exactly(path: Path, pool: CodecPool) -> None:
    real = read_part10(path)
    if real is None:
        pytest.skip("not a DICOM file that states its transfer syntax")
    try:
        sealed, raw = seal(real.data_set, pool, real.syntax)
    except TruncatedError:
        assert real.name in CUT
        return
    except UnidentifiedError:
        assert b"\x20\x00\x0d\x00" not in real.data_set or real.name in NOT_AN_INSTANCE
        return
    assert opened(raw, pool) == real.data_set
    assert sealed.identified.fault in (None, Fault.MALFORMED)


# Those with a Study Instance UID that still cannot be identified, and why.
NOT_AN_INSTANCE = {
    "DICOMDIR",  # references other instances and is none
    "DICOMDIR-nooffset",
    "DICOMDIR-nopatient",
    "DICOMDIR-reordered",
    "DICOMDIR-implicit",
    "bad_sequence.dcm",  # its SOP Instance UID is no UID
    "UN_sequence.dcm",  # one sequence, that has one inside
    "SC_rgb_jpeg.dcm",  # its data set begins with bytes that are none
    "image_dfl.dcm",  # deflated
    "meta_missing_tsyntax.dcm",
    "no_meta_group_length.dcm",
}
