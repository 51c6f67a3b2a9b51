"""The thread beside the lanes: it tells, it says how it stands, and it ends nothing but itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.audit import AuditRepository
from bocage_contract.configuration import Desired
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import Head
from bocage_contract.pins import Pins
from bocage_edge.audit.own_certificate import make_own_certificate, public_part
from bocage_edge.audit.subject import open_subject
from bocage_edge.configuration import InForce
from bocage_edge.deliver.auditing import Auditing, AuditSetup, audit_setup
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState, StoredObject
from tests.contract.keys import card_of, desired_document, identity
from tests.edge.audit.site import EXAM, LINK, QUICK, AuditedBox
from tests.fakes.collector import FakeCollector, credentials

SHOWS = credentials()
REPOSITORY = AuditRepository(
    host="192.168.1.50", certificates=SHOWS.certificate, source_id="bocage-flers"
)
CARRIED = StoredObject(
    name="a" * 64,
    direction=Direction.IN,
    link=LINK,
    klass=ExamClass.ROUTINE,
    kind=ObjectKind.INSTANCE,
    exam_id=EXAM,
    instance_key="b" * 32,
    digest="c" * 64,
    content_digest=None,
    dataset_bytes=1,
    service=None,
    size_bytes=1,
    state=ObjectState.ARRIVED,
    reason="",
    held=None,
    accepted_at=0.0,
    arrive_by=None,
    due_at=0.0,
    attempts=0,
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[AuditedBox]:
    made = AuditedBox(tmp_path / "box")
    yield made
    made.close()


def auditing(box: AuditedBox, tmp_path: Path, ledger: Any = None) -> Auditing:
    own = tmp_path / "audit.pem"
    return Auditing(box.spool, ledger or box, lambda: box.keys, box.clock, own, QUICK)


def setup(repository: AuditRepository, box: AuditedBox) -> AuditSetup:
    made = audit_setup(in_force(repository))
    assert made is not None
    return replace(made, recipient=box.key.recipient)


def in_force(repository: AuditRepository | None) -> InForce:
    document = desired_document(identity(1))
    if repository is not None:
        document["audit"] = repository.to_json()
    return InForce(Desired.of(document), card_of(identity(1)), Pins())


def test_what_it_works_by_comes_from_the_configuration() -> None:
    assert audit_setup(in_force(None)) is None
    made = audit_setup(in_force(REPOSITORY))
    assert made is not None
    assert made.chains == ("flers-1/box", "flers-1/flers-caen")
    assert made.around.partners[LINK].id == "caen-1"
    assert made.around.destinations["pacs"].address == "192.168.1.30"
    assert made.around.callings == {"pacs": "BOCAGE"}
    assert made.quiet_s == 60.0


def test_an_exam_is_told_and_its_patient_is_sealed_meanwhile(
    box: AuditedBox, tmp_path: Path
) -> None:
    it = auditing(box, tmp_path)
    with FakeCollector(shows=SHOWS) as there:
        it.use(setup(there.repository(), box))
        it.step()
        came = Identities(study_uid="1.2.3", patients=(Issued("P1"),), name="DURAND^ZOE")
        delivered = replace(came, patients=(Issued("FLERS-P1"),))
        it.heard(CARRIED, [came, delivered])
        sealed = box.spool.audit_subject(LINK, EXAM)
        assert sealed is not None
        assert open_subject(sealed, box.keys).patient_id == "FLERS-P1"
        box.receive()
        it.step()
        (begin,) = there.messages
    assert b'ParticipantObjectID="FLERS-P1"' in begin.xml
    assert it.status() == {
        "waiting": 0,
        "oldest_at": None,
        "limit": 1_000_000,
        "full": False,
        "locked": False,
        "unreachable_since": None,
        "reason": "",
        "last_sent_at": box.clock.now(),
        "fault": "",
    }


def test_a_site_without_a_repository_keeps_nothing(box: AuditedBox, tmp_path: Path) -> None:
    it = auditing(box, tmp_path)
    it.use(None)
    it.heard(CARRIED, [Identities(study_uid="1.2.3")])
    box.alert()
    assert it.step() is False
    assert it.status() is None
    assert box.spool.audit_subject(LINK, EXAM) is None
    assert box.waiting == 0


def test_a_repository_that_is_told_of_no_exam_needs_no_patient(
    box: AuditedBox, tmp_path: Path
) -> None:
    it = auditing(box, tmp_path)
    it.use(setup(REPOSITORY.model_copy(update={"events": ["security"]}), box))
    it.heard(CARRIED, [Identities(study_uid="1.2.3")])
    assert box.spool.audit_subject(LINK, EXAM) is None


def test_nothing_is_forgotten_before_the_configuration_was_read(
    box: AuditedBox, tmp_path: Path
) -> None:
    box.read()
    it = auditing(box, tmp_path)
    it.step()
    assert box.spool.audit_positions()
    it.use(None)
    it.step()
    assert not box.spool.audit_positions()


def test_a_repository_that_wants_a_certificate_gets_the_box_s(
    box: AuditedBox, tmp_path: Path
) -> None:
    pem = make_own_certificate("flers-1")
    it = auditing(box, tmp_path)
    with FakeCollector(shows=SHOWS, client=public_part(pem)) as there:
        it.use(setup(there.repository(client_certificate=True), box))
        it.step()
        box.alert()
        it.step()
        status = it.status()
        assert status is not None
        assert status["reason"] == "a certificate cannot be read (FileNotFoundError)"
        (tmp_path / "audit.pem").write_bytes(pem)
        box.clock.advance(61)
        it.step()
        assert there.numbers() == [1]


class Surprise:
    """A keeper of which nobody knows what it does."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def head(self, chain: str) -> Head:
        """Fail in a way nobody expects."""
        self.asked.set()
        raise RuntimeError("DURAND^ZOE")

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Fail as well."""
        raise RuntimeError("DURAND^ZOE")


def test_a_surprise_ends_neither_the_thread_nor_the_unit(box: AuditedBox, tmp_path: Path) -> None:
    ledger = Surprise()
    it = auditing(box, tmp_path, ledger)
    it.use(setup(REPOSITORY, box))
    with it:
        assert ledger.asked.wait(10)
    status = it.status()
    assert status is not None
    assert status["fault"] == "internal fault (RuntimeError)"
