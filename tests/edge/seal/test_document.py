from __future__ import annotations

import io

import pytest

from bocage_edge.errors import SealError
from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.document import seal_document
from bocage_edge.seal.reader import open_sealed
from tests.edge.seal.making import RECIPIENTS, RECOVERY, header_for

REPORT = Header(
    kind=ObjectKind.REPORT,
    sop_class="ORU^R01",
    sop_instance="MSG-17",
    transfer_syntax="application/hl7-v2",
    calling_aet="RIS",
    called_aet="FLERS",
    service="report",
    received_at=1_790_000_000,
)


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_document_comes_back_exactly(size: int) -> None:
    document, out = (b"MSH|^~\\&|RIS\r" * (size // 13 + 1))[:size], io.BytesIO()
    sealed = seal_document(out.write, RECIPIENTS, REPORT, document)
    found = open_sealed(io.BytesIO(out.getvalue()), [RECOVERY.secret])
    assert found.header == REPORT
    assert b"".join(found.blocks()) == document
    assert found.trailer is not None
    assert found.trailer.digest == sealed.digest
    assert sealed.coded_bytes == len(out.getvalue())


def test_an_instance_is_no_document() -> None:
    with pytest.raises(SealError):
        seal_document(io.BytesIO().write, RECIPIENTS, header_for("1.2.840.10008.1.2.1"), b"")
