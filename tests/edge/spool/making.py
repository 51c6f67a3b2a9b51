"""Objects for the spool's tests, and the question every one of them ends with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ArrivedObject, ObjectKind, OutgoingObject
from tests.fakes.clock import FakeClock

LINK = "flers-vire"
NO_RESERVE = 0


def digest_of(word: str) -> str:
    """A digest for tests, 64 hex digits."""
    return hashlib.sha256(word.encode()).hexdigest()


def name_of(content: bytes) -> str:
    """The name the spool gives to these sealed bytes."""
    return hashlib.sha256(content).hexdigest()


def outgoing(
    word: str,
    *,
    klass: ExamClass = ExamClass.ROUTINE,
    key: str | None = None,
    link: str = LINK,
    arrive_by: float | None = None,
) -> OutgoingObject:
    """What receive says of an instance; `word` makes its digest, `key` its identity."""
    return OutgoingObject(
        link=link,
        klass=klass,
        kind=ObjectKind.INSTANCE,
        exam_id=digest_of("exam")[:32],
        instance_key=digest_of(key or word)[:32],
        digest=digest_of(word),
        content_digest=None,
        dataset_bytes=len(word),
        service="FLERS",
        received_at=1.0,
        arrive_by=arrive_by,
    )


def arrived(
    content: bytes,
    *,
    klass: ExamClass = ExamClass.ROUTINE,
    link: str = LINK,
    key: str | None = None,
) -> ArrivedObject:
    """What the partner's offer says of sealed bytes."""
    return ArrivedObject(
        name=name_of(content),
        link=link,
        klass=klass,
        kind=ObjectKind.INSTANCE,
        exam_id=digest_of("exam")[:32],
        instance_key=key or name_of(content)[:32],
        digest=name_of(content),
        size_bytes=len(content),
    )


def received(name: str) -> EntryDraft:
    """The ledger entry of an object that started here."""
    return draft("received", 1.0, object=name)


def accept(spool: Spool, content: bytes, new: OutgoingObject) -> str:
    """Take an object as receive does."""
    with spool.incoming() as incoming:
        incoming.write(content)
        return spool.accept_outgoing(incoming, new, [received(incoming.finish())])


def arrive(
    spool: Spool,
    content: bytes,
    destinations: Sequence[str] = ("station",),
    klass: ExamClass = ExamClass.ROUTINE,
    *,
    link: str = LINK,
    key: str | None = None,
) -> str:
    """Take an object as relay does."""
    new = arrived(content, klass=klass, link=link, key=key)
    with spool.part(new.name) as part:
        part.write(content[part.offset :])
        spool.accept_arrived(part, new, destinations, [draft("stored", 1.0, object=new.name)])
    return new.name


def open_spool(root: Path, clock: FakeClock | None = None, unit: str = "receive") -> Spool:
    """A spool in a folder of the test."""
    return Spool(root / "spool", clock or FakeClock(), unit=unit, reserve_bytes=NO_RESERVE)


def assert_clean(spool: Spool) -> None:
    """Everything acknowledged is there, and nothing else. Every spool test ends with this."""
    report = spool.verify()
    assert report.is_clean, report
