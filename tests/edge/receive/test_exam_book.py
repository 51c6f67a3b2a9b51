"""Exams over a listening box: who may travel, what waits for whom, when one is quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.convention.approval import approve
from bocage_contract.convention.model import Convention
from bocage_contract.exam_class import ExamClass
from bocage_edge.configuration import InForce
from bocage_edge.exam.identity import exam_id
from bocage_edge.particulars import open_particulars
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.decision import ENCAPSULATED_PDF
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.types import Direction
from tests.contract.keys import identity, public
from tests.edge.receive.test_association import CONTEXTS
from tests.fakes.instances import CR, STUDY, Instance, element, instance
from tests.fakes.scripted_peer import (
    ACCEPTED,
    Response,
    ScriptedPeer,
    associate_request,
    data,
    store_command,
)
from tests.fakes.site import LINK, LINK_KEY, OWN_KEY, Site, in_force

SR = "1.2.840.10008.5.1.4.1.1.88.11"
EXPLICIT = "1.2.840.10008.1.2.1"
EXAM = exam_id(LINK_KEY, STUDY)
TERMS: dict[str, Any] = {
    "id": "flers",
    "version": 1,
    "link": LINK,
    "requesting_site": "Flers",
    "reading_site": "Caen",
    "valid_from": "2020-01-01",
    "valid_until": "2099-12-31",
    "holidays": None,
    "services": {
        "FLERS": {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}},
        "FLERS_URG": {"class": "urgent", "eligible": {"modalities": ["CR", "DX", "CT"]}},
        "FLERS_OLD": {"class": "prior"},
    },
    "slots": [{"days": "mon-sun", "from": "08:30", "to": "10:00"}],
}


def under(terms: dict[str, Any] | None = None, **changes: Any) -> InForce:
    """A configuration whose link has a convention; `quiet_s` is the least there is."""
    convention = Convention.of({**TERMS, **(terms or {}), **changes})
    one, other = identity(11), identity(12)
    approvals = [
        approve(convention, "requesting", "Dr", 1, one.sign, public(one)),
        approve(convention, "reading", "Dr", 1, other.sign, public(other)),
    ]
    now = in_force(quiet_s=5)
    document = now.desired.to_json()
    document["links"][0]["conventions"] = [
        {"convention": convention.to_json(), "approvals": [each.to_json() for each in approvals]}
    ]
    return replace(now, desired=Desired.of(document))


@pytest.fixture
def agreed(tmp_path: Path) -> Iterator[Site]:
    """A listening box under the convention."""
    with Site(tmp_path, under()) as site:
        yield site


def of_modality(number: int, modality: str, sop_class: str = CR) -> Instance:
    """An instance of the one exam; its modality has two letters, or four."""
    made = instance(number, sop_class=sop_class)
    head = b"\x08\x00\x60\x00CS"
    value = modality.encode()
    changed = made.data_set.replace(
        head + b"\x02\x00CR", head + len(value).to_bytes(2, "little") + value
    )
    return replace(made, data_set=changed)


def store(site: Site, sent: Instance, called: bytes = b"FLERS") -> Response:
    """Send one instance on an association of its own, and wait until that is over."""
    contexts = [*CONTEXTS[:1], (3, sent.sop_class, [EXPLICIT])]
    with ScriptedPeer(site.port) as peer:
        assert peer.associate(associate_request(b"CR1", called, contexts)).type == ACCEPTED
        command = store_command(sent.sop_class, sent.sop_instance, 1)
        peer.send(data(3, command, command=True))
        peer.send(data(3, sent.data_set))
        response = peer.response()
        peer.release()
    site.wait_until_empty()
    return response


def the_exam(site: Site) -> Exam:
    """The one exam of the index."""
    found = site.spool.exam(Direction.OUT, LINK, EXAM)
    assert found is not None
    return found


def test_an_exam_is_refused_on_one_service_and_passes_on_the_other(agreed: Site) -> None:
    """With a word for the technologist; nothing of the refused one is kept, one entry says so."""
    for number in (1, 2):
        response = store(agreed, of_modality(number, "CT"))
        assert response.status == Answer.MODALITY_NOT_AGREED.status
        assert response.comment == "Refused: modality not agreed for this service"
    assert agreed.objects() == []
    (entry,) = agreed.entries("exam_refused")
    assert entry.draft.body["reason"] == "modality_not_agreed"
    assert the_exam(agreed).state is ExamState.REFUSED
    assert store(agreed, of_modality(1, "CT"), b"FLERS_URG").status == 0
    (stored,) = agreed.objects()
    assert stored.klass is ExamClass.URGENT
    assert stored.arrive_by is None
    (entry,) = agreed.entries("exam")
    assert (entry.draft.body["why"], entry.draft.body["modality"]) == ("new", "CT")


def test_a_companion_waits_for_an_instance_that_decides(agreed: Site) -> None:
    """Acknowledged and durable, but it does not travel before."""
    assert store(agreed, of_modality(1, "SR", SR)).status == 0
    assert agreed.objects() == []
    assert the_exam(agreed).state is ExamState.WAITING
    assert store(agreed, instance(2)).status == 0
    assert len(agreed.objects()) == 2
    assert len({stored.arrive_by for stored in agreed.objects()}) == 1
    assert store(agreed, of_modality(3, "SR", SR)).status == 0
    assert len(agreed.objects()) == 3


def test_companions_of_a_refused_exam_travel_once_it_passes_as_urgent(agreed: Site) -> None:
    """Until then they are kept, in the urgent class afterwards."""
    assert store(agreed, of_modality(1, "SR", SR)).status == 0
    assert store(agreed, of_modality(2, "CT")).status != 0
    assert store(agreed, of_modality(3, "SR", SR)).status == 0
    assert agreed.objects() == []
    assert store(agreed, of_modality(2, "CT"), b"FLERS_URG").status == 0
    assert [stored.klass for stored in agreed.objects()] == [ExamClass.URGENT] * 3


def test_an_exam_that_comes_again_as_urgent_is_raised_as_a_whole(agreed: Site) -> None:
    """By its first instance, without a second copy."""
    for number in (1, 2):
        store(agreed, instance(number))
    assert store(agreed, instance(1), b"FLERS_URG").status == 0
    assert [stored.klass for stored in agreed.objects()] == [ExamClass.URGENT] * 2
    assert {stored.arrive_by for stored in agreed.objects()} == {None}
    assert [each.draft.body["why"] for each in agreed.entries("exam")] == ["new", "raised"]
    assert len(agreed.entries("raised")) == 1
    store(agreed, instance(3))  # late, on the routine service: it goes with its exam
    assert [stored.klass for stored in agreed.objects()] == [ExamClass.URGENT] * 3


def test_an_exam_outside_the_validity_is_refused(tmp_path: Path) -> None:
    """The technologist hears why."""
    with Site(tmp_path, under(valid_until="2020-12-31")) as site:
        assert store(site, instance(1)).status == Answer.OUTSIDE_VALIDITY.status


@pytest.mark.parametrize("above", ["accept-with-alarm", "refuse"])
def test_the_agreed_volume(tmp_path: Path, above: str) -> None:
    """Told from 80 % on; above, as the convention says. Instances of one exam count once."""
    with Site(tmp_path, under(volume={"exams_per_month": 2, "above": above})) as site:
        for exam in (1, 2):
            for number in (1, 2):
                sent = instance(10 * exam + number, study=f"{STUDY}.{exam}")
                assert store(site, sent).status == 0
        response = store(site, instance(31, study=f"{STUDY}.3"))
        is_refused = above == "refuse"
        assert response.status == (Answer.VOLUME.status if is_refused else 0)
        assert site.entries("volume")[0].draft.body == {"scope": "month", "used": 2, "limit": 2}
        assert {each["code"] for each in site.reception.status()["alarms"]} == {"volume"}


def test_an_urgent_exam_while_nobody_reads_is_told(tmp_path: Path) -> None:
    """Once, by its first instance; a routine one waits for its slot and is no alarm."""
    nightly = [{"days": "mon-sun", "from": "03:00", "to": "03:30"}]
    with Site(tmp_path, under(slots=nightly, urgent={"outside_slots": "accept"})) as site:
        for number in (1, 2):
            assert store(site, instance(number), b"FLERS_URG").status == 0
        alarms = site.reception.status()["alarms"]
        assert [each["code"] for each in alarms] == ["urgent_outside"]


def test_a_link_without_a_convention_takes_everything(site: Site) -> None:
    """Companions wait for nobody; the exam is known all the same."""
    assert store(site, of_modality(1, "SR", SR)).status == 0
    assert len(site.objects()) == 1
    (entry,) = site.entries("exam")
    assert (entry.draft.body["convention"], entry.draft.body["slot_from"]) == ("", None)


def quiet(site: Site) -> list[dict[str, Any]]:
    """Let the exam's time pass, and give what has been said so far."""
    site.reception.step()
    site.clock.advance(6)
    site.reception.step()
    return [each.draft.body for each in site.entries("quiet")]


def test_an_exam_is_quiet_once_and_late_instances_are_a_delta(agreed: Site) -> None:
    """What came again makes neither."""
    store(agreed, instance(1))
    store(agreed, instance(2))
    digests = sorted(stored.digest for stored in agreed.objects())
    root = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert quiet(agreed) == [{"exam_id": EXAM, "instances": 2, "root": root, "late": 0}]
    store(agreed, instance(1))
    assert len(quiet(agreed)) == 1
    store(agreed, instance(3))
    assert [(each["instances"], each["late"]) for each in quiet(agreed)] == [(2, 0), (3, 1)]
    assert len(agreed.entries("exam")) == 1


def test_quiet_survives_a_restart(tmp_path: Path) -> None:
    """What was not said before the process ended is said by the next, once."""
    with Site(tmp_path, under()) as site:
        store(site, instance(1))
    with Site(tmp_path, under()) as site:
        assert [each["instances"] for each in quiet(site)] == [1]
    with Site(tmp_path, under()) as site:
        assert len(quiet(site)) == 1


def test_a_missing_request_is_an_alarm_when_the_exam_is_quiet(tmp_path: Path) -> None:
    """A scanned one that came with the exam is no missing one."""
    with Site(tmp_path, under(request="required")) as site:
        store(site, instance(1))
        quiet(site)
        assert len(site.entries("request_missing")) == 1
        store(site, instance(2))
        quiet(site)
        assert len(site.entries("request_missing")) == 1
    with Site(tmp_path / "other", under(request="required")) as site:
        store(site, of_modality(1, "DOC ", ENCAPSULATED_PDF))
        store(site, instance(2))
        quiet(site)
        assert site.entries("request_missing") == []
        assert the_exam(site).request_at is not None


def with_comment(number: int, comment: bytes, sop_class: str = CR) -> Instance:
    """An instance whose Patient Comments say something, in Latin-1."""
    made = instance(number, sop_class=sop_class)
    study = element(0x0020, 0x000D, b"UI", STUDY.encode())
    charset = element(0x0008, 0x0005, b"CS", b"ISO_IR 100")
    said = element(0x0010, 0x4000, b"LT", comment)
    return replace(made, data_set=charset + made.data_set.replace(study, said + study))


def test_a_consent_that_an_attribute_must_declare(tmp_path: Path) -> None:
    """Missing or another: refused in words, once in the ledger; an instance with it decides."""
    consent = {"how": "attribute", "keyword": "PatientComments", "value": "CONSENTEMENT REÇU"}
    with Site(tmp_path, under(consent=consent)) as site:
        for sent in (instance(1), with_comment(1, b"refus")):
            response = store(site, sent)
            assert response.status == Answer.CONSENT_MISSING.status
            assert response.comment == "Refused: the patient's consent is not in the instance"
        (entry,) = site.entries("exam_refused")
        assert entry.draft.body["reason"] == "consent_missing"
        assert site.objects() == []
        assert store(site, with_comment(1, "Consentement reçu".encode("latin-1"))).status == 0
        assert the_exam(site).state is ExamState.ACCEPTED
        # Known for the exam from then on, also when it is raised.
        assert store(site, instance(2)).status == 0
        assert store(site, instance(1), b"FLERS_URG").status == 0
        assert [stored.klass for stored in site.objects()] == [ExamClass.URGENT] * 3


def test_held_companions_are_an_alarm_when_nothing_decides(agreed: Site) -> None:
    """Somebody has to send the images."""
    store(agreed, of_modality(1, "SR", SR))
    assert quiet(agreed) == []
    assert [each["code"] for each in agreed.reception.status()["alarms"]] == ["undecided"]


def test_who_the_exam_is_of_is_sealed_to_the_box_itself(tmp_path: Path) -> None:
    """In the transaction that accepts it; of a refused exam nothing is kept."""
    with Site(tmp_path, under()) as site:
        store(site, of_modality(1, "CT"))
        assert site.spool.sealed_particulars(LINK, EXAM) is None
        store(site, instance(2, patient="Verylongname^Jane"), b"FLERS_URG")
        sealed = site.spool.sealed_particulars(LINK, EXAM)
        assert sealed is not None
        found = open_particulars(sealed, [OWN_KEY.secret])
        assert found.text("PatientName") == "Verylongname^Jane"
        assert found.text("StudyInstanceUID") == STUDY
