"""Seals a request or a report: any bytes, not looked into.

Same container and same guarantees as for an instance; there are no pixels in it and it is small
enough to be held.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bocage_edge.errors import SealError
from bocage_edge.seal.container import Header, ObjectKind, Trailer
from bocage_edge.seal.digest import InstanceDigest
from bocage_edge.seal.frames import ZSTD_GOOD
from bocage_edge.seal.outflow import Outflow
from bocage_edge.seal.pool import Budget


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """What was sealed."""

    digest: str  # 64 hex digits
    document_bytes: int
    coded_bytes: int  # of the sealed object


def document_digest(header: Header, document: bytes) -> str:
    """Give the digest a document will have under its seal, 64 hex digits."""
    digest = InstanceDigest(header.sop_class, header.sop_instance, header.transfer_syntax)
    digest.update(document)
    return digest.hexdigest()


def seal_document(
    out_write: Callable[[bytes], object],
    recipients: Sequence[str],
    header: Header,
    document: bytes,
) -> SealedDocument:
    """Seal one document.

    Raises:
        SealError: the header is one of an instance: those go through `InstanceWriter`.
        Exception: whatever `out_write` raised.
    """
    if header.kind is ObjectKind.INSTANCE:
        raise SealError("an instance is sealed by its own writer")
    digest = document_digest(header, document)
    outflow = Outflow(out_write, Budget(0))
    outflow.open(list(recipients), header)
    outflow.plain(document, ZSTD_GOOD)
    outflow.finish(time.monotonic())
    outflow.close(Trailer(digest, None, len(document)))
    return SealedDocument(digest, len(document), outflow.coded_bytes)
