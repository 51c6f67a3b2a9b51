"""What the reading site sends back: matched, held for a person, or refused, and never unmatched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import exam_id
from bocage_edge.exam.names import names_of
from bocage_edge.particulars import open_particulars
from bocage_edge.receive.answer import Answer
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.types import Direction, StoredObject
from tests.edge.exam.test_heard import EXPLICIT, an_item, written
from tests.edge.receive.test_association import send
from tests.edge.receive.test_exam_book import under
from tests.edge.spool.making import arrived
from tests.fakes.instances import Instance
from tests.fakes.scripted_peer import ACCEPTED, Response, ScriptedPeer, associate_request
from tests.fakes.site import LINK, LINK_KEY, OWN_KEY, Site

SR, PDF = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.104.1"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
REPORTS = b"FLERS_RPT"
STUDY, OWN_STUDY = "1.2.3", "9.9.9"
EXAM_OF = Identities(
    study_uid=STUDY,
    accessions=(Issued("A1"),),
    patients=(Issued("P1", "HOSP"),),
    birth_date="19600101",
)
EXAM = exam_id(LINK_KEY, STUDY)
THE_PATIENT: dict[str, Any] = {"PatientID": "P1", "IssuerOfPatientID": "HOSP"}
ANOTHER: dict[str, Any] = {"PatientID": "P2", "IssuerOfPatientID": "HOSP"}


@pytest.fixture
def practice(site: Site) -> Site:
    """A box to which an exam has come."""
    has_exam(site)
    return site


def has_exam(site: Site) -> None:
    """Let the exam arrive."""
    content = b"an instance of the exam"
    new = replace(arrived(content, link=LINK), exam_id=EXAM)
    with site.spool.part(new.name) as part:
        part.write(content)
        site.spool.accept_arrived(part, new, ["station"], [draft("stored", 1.0, object=new.name)])
    site.spool.add_exam_names(LINK, EXAM, names_of(LINK_KEY, EXAM_OF).rows())
    exam = Exam(Direction.IN, LINK, EXAM, ExamClass.ROUTINE, "FLERS", ExamState.ACCEPTED, 1.0)
    site.spool.change_exam(Direction.IN, LINK, EXAM, lambda _: exam)


def store(site: Site, sent: Instance) -> Response:
    """Send one instance to the service for reports."""
    hello = associate_request(b"CR1", REPORTS, [(3, sent.sop_class, [EXPLICIT])])
    with ScriptedPeer(site.port) as peer:
        assert peer.associate(hello).type == ACCEPTED
        send(peer, sent, step=60_000)
        response = peer.response()
        peer.release()
        return response


def document(
    number: int = 1, *, study: str = STUDY, sop_class: str = SR, **fields: Any
) -> Instance:
    """A document of a study."""
    uid = f"1.2.7.{number}"
    said: Dataset = an_item(
        SpecificCharacterSet="ISO_IR 100", SOPClassUID=sop_class, SOPInstanceUID=uid,
        Modality="SR", StudyInstanceUID=study, PatientName="Verylongname^Jane", **fields,
    )  # fmt: skip
    return Instance(sop_class, uid, written(said, EXPLICIT))


def naming(*uids: str) -> list[Dataset]:
    """The value of Predecessor Documents Sequence."""
    instances = [an_item(ReferencedSOPClassUID=SR, ReferencedSOPInstanceUID=uid) for uid in uids]
    series = an_item(SeriesInstanceUID="1.5", ReferencedSOPSequence=instances)
    return [an_item(StudyInstanceUID=STUDY, ReferencedSeriesSequence=[series])]


def bodies(site: Site, kind: str) -> list[dict[str, Any]]:
    return [entry.draft.body for entry in site.entries(kind)]


def kept(site: Site) -> list[StoredObject]:
    """Everything of the spool that starts here, held or not."""
    return [
        each
        for exam in (EXAM, exam_id(LINK_KEY, OWN_STUDY))
        for each in site.spool.objects_of_exam(LINK, exam)
        if each.direction is Direction.OUT
    ]


@pytest.mark.parametrize(
    ("sent", "by"),
    [
        (document(), "study"),
        (document(**THE_PATIENT), "study"),
        (document(study=OWN_STUDY, AccessionNumber="A1", **THE_PATIENT), "accession"),
        (document(study=OWN_STUDY, sop_class=PDF, AccessionNumber="A1", **THE_PATIENT),
         "accession"),
    ],
)  # fmt: skip
def test_a_report_travels_with_the_exam_it_answers(practice: Site, sent: Instance, by: str) -> None:
    assert store(practice, sent).status == 0
    (stored,) = practice.objects()
    assert (stored.exam_id, stored.klass) == (EXAM, ExamClass.REPORT)
    (body,) = bodies(practice, "report")
    assert (body["exam_id"], body["object"], body["matched_by"]) == (EXAM, stored.name, by)
    assert bodies(practice, "received")[0]["exam_id"] == EXAM
    exam = practice.spool.exam(Direction.IN, LINK, EXAM)
    assert exam is not None
    assert exam.report_state == "final"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (document(study=OWN_STUDY), "no_exam"),
        (document(study=OWN_STUDY, AccessionNumber="A1"), "patient_unproven"),
        (document(PatientBirthDate="19700101"), "birth_date_differs"),
    ],
)
def test_a_doubtful_one_is_taken_and_waits_for_a_person(
    practice: Site, sent: Instance, reason: str
) -> None:
    """Success for whoever sent it; nothing travels; the box says so until somebody decides."""
    assert store(practice, sent).status == 0
    assert practice.objects() == []
    (waiting,) = practice.spool.unmatched()
    assert (waiting.doubt.reason, waiting.doubt.report_state) == (reason, "final")
    assert bodies(practice, "report_held") == [{"object": waiting.name, "reason": reason}]
    assert bodies(practice, "report") == []
    practice.reception.step()
    (alarm,) = practice.reception.status()["alarms"]
    assert (alarm["code"], alarm["object"], alarm["reason"]) == (
        "report_held",
        waiting.name,
        reason,
    )


def test_who_a_held_report_is_of_is_for_the_box_alone(practice: Site) -> None:
    """In the index it is sealed; unlocked, a person at the site can read it."""
    store(practice, document(study=OWN_STUDY))
    (waiting,) = practice.spool.unmatched()
    assert waiting.doubt.sealed is not None
    opened = open_particulars(waiting.doubt.sealed, [OWN_KEY.secret])
    assert opened.text("PatientName") == "Verylongname^Jane"
    for path in (practice.incoming.parent).glob("index.db*"):
        assert b"Verylongname" not in path.read_bytes()


@pytest.mark.parametrize(
    "sent",
    [document(**ANOTHER), document(study=OWN_STUDY, AccessionNumber="A1", **ANOTHER)],
)
def test_the_exam_of_somebody_else_is_refused(practice: Site, sent: Instance) -> None:
    """With a status and a sentence; nothing is kept; the ledger says it once."""
    for _ in range(2):
        response = store(practice, sent)
        assert response.status == Answer.OTHER_PATIENT.status == 0xC001
        assert response.comment == Answer.OTHER_PATIENT.comment("en")
    assert kept(practice) == []
    assert practice.leftovers() == []
    assert bodies(practice, "report_refused") == [
        {"exam_id": EXAM, "reason": "patient_contradicts"}
    ]


def test_a_format_nobody_agreed_on_travels_with_an_alarm(tmp_path: Path) -> None:
    """A report is never lost for its form; of one that was agreed nothing is said."""
    with Site(tmp_path, under(report={"formats": ["sr"]})) as site:
        has_exam(site)
        assert store(site, document(1)).status == 0
        assert site.reception.status()["alarms"] == []
        assert store(site, document(2, sop_class=PDF)).status == 0
        (alarm,) = site.reception.status()["alarms"]
        assert (alarm["code"], alarm["exam_id"]) == ("report_format", EXAM)
        assert [body["format"] for body in bodies(site, "report")] == ["sr", "encapsulated-pdf"]
        assert len(site.objects()) == 2


def test_what_comes_with_a_report_goes_with_its_study(practice: Site) -> None:
    """It is no report; of a study that never came it waits like one."""
    assert store(practice, document(1, sop_class=KEY_OBJECT)).status == 0
    (stored,) = practice.objects()
    assert stored.exam_id == EXAM
    assert store(practice, document(2, sop_class=KEY_OBJECT, study=OWN_STUDY)).status == 0
    (waiting,) = practice.spool.unmatched()
    assert (waiting.doubt.report_state, waiting.doubt.reason) == ("", "no_exam")
    assert practice.objects() == [stored]
    assert bodies(practice, "report") == []


def test_the_same_again_is_one_object_and_one_entry(practice: Site) -> None:
    """Matched or held; also when the names of the exam have changed meanwhile."""
    held = document(2, study=OWN_STUDY)
    for _ in range(3):
        assert store(practice, document(1)).status == 0
        assert store(practice, held).status == 0
        practice.spool.add_exam_names(LINK, EXAM, names_of(LINK_KEY, Identities(ins=("1",))).rows())
    assert len(kept(practice)) == 2
    assert len(bodies(practice, "report")) == len(bodies(practice, "report_held")) == 1
    assert len(bodies(practice, "same_again")) == 4


def test_what_follows_a_report_is_known_by_the_documents_it_names(practice: Site) -> None:
    """Preliminary, final, and what replaces it or adds to it."""
    title = [an_item(CodeValue="55107-7", CodingSchemeDesignator="LN")]
    for sent in (
        document(1, PreliminaryFlag="PRELIMINARY"),
        document(2, PredecessorDocumentsSequence=naming("1.2.7.1")),
        document(3, PredecessorDocumentsSequence=naming("1.2.7.1", "1.2.7.2")),
        document(4, PredecessorDocumentsSequence=naming("1.2.7.3"), ConceptNameCodeSequence=title),
    ):
        assert store(practice, sent).status == 0
    assert [body["report_state"] for body in bodies(practice, "report")] == [
        "preliminary",
        "final",
        "replacement",
        "addendum",
    ]
