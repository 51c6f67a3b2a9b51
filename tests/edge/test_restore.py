"""An opened object back in a file: whole and verified, or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pyrage
import pytest

from bocage_edge.errors import SealError
from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID
from bocage_edge.restore import restore
from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.document import seal_document
from bocage_edge.seal.keys import new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.writer import InstanceWriter
from tests.fakes.instances import EXPLICIT_LITTLE, instance

pytestmark = pytest.mark.processes  # codec workers

ONE = instance(1)


def header(kind: ObjectKind) -> Header:
    """The header of an object."""
    return Header(
        kind=kind,
        sop_class=ONE.sop_class,
        sop_instance=ONE.sop_instance,
        transfer_syntax=EXPLICIT_LITTLE,
        calling_aet="CR1",
        called_aet="FLERS",
        service="routine",
        received_at=1_800_000_000,
    )


@pytest.fixture(scope="module")
def plain() -> bytes:
    """An instance whose encryption was taken off by the age program's own library."""
    key, sealed = new_key(), io.BytesIO()
    with CodecPool(1) as pool:
        writer = InstanceWriter(sealed.write, [key.recipient], header(ObjectKind.INSTANCE), pool)
        writer.write(ONE.data_set)
        writer.finish()
    return bytes(pyrage.decrypt(sealed.getvalue(), [pyrage.x25519.Identity.from_str(key.secret)]))


def test_an_instance_becomes_a_file_any_viewer_reads(tmp_path: Path, plain: bytes) -> None:
    """With file meta information, or the bare data set."""
    target, bare = tmp_path / "one.dcm", tmp_path / "bare"
    restore(io.BytesIO(plain), target)
    restore(io.BytesIO(plain), bare, bare=True)
    assert bare.read_bytes() == ONE.data_set
    assert target.read_bytes().endswith(ONE.data_set)
    ds = pydicom.dcmread(target)
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID == ONE.sop_instance
    assert ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_document_becomes_itself(tmp_path: Path) -> None:
    """A request or report that is no DICOM instance."""
    key, sealed = new_key(), io.BytesIO()
    seal_document(sealed.write, [key.recipient], header(ObjectKind.REQUEST), b"MSH|^~\\&|")
    opened = pyrage.decrypt(sealed.getvalue(), [pyrage.x25519.Identity.from_str(key.secret)])
    restore(io.BytesIO(opened), tmp_path / "request")
    assert (tmp_path / "request").read_bytes() == b"MSH|^~\\&|"


def test_what_is_damaged_or_there_already_is_not_written(tmp_path: Path, plain: bytes) -> None:
    """No file rather than a wrong one, and none is overwritten."""
    for raw in (plain[:-1], plain + b"\0", plain[:40] + b"\xff" + plain[41:], b"", b"nonsense"):
        with pytest.raises(SealError):
            restore(io.BytesIO(raw), tmp_path / "one.dcm")
        assert not list(tmp_path.iterdir())
    (tmp_path / "one.dcm").write_bytes(b"mine")
    with pytest.raises(SealError, match="exists already"):
        restore(io.BytesIO(plain), tmp_path / "one.dcm")
    assert (tmp_path / "one.dcm").read_bytes() == b"mine"
