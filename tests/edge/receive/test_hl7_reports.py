"""Reports that a practice sends as HL7: matched, held for a person, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.particulars import open_particulars
from bocage_edge.spool.types import ObjectKind
from tests.edge.hl7.messages import STUDY, document, er7, result
from tests.fakes.hl7_site import EXAM, Hl7Site, came, hl7_in_force, hl7_site
from tests.fakes.site import LINK, OWN_KEY

# What the practice's box has heard of the exam: the hospital's numbers and traits.
EXAM_AT_PRACTICE = Identities(
    study_uid=STUDY,
    accessions=(Issued("ACC77"),),
    orders=("A100",),
    patients=(Issued("0042", "CHFLERS"), Issued("TH77", "THURY")),
    birth_date="19790314",
    name="LEMAITRE^HELENE",
)
BY_STUDY = f"OBX|2|ST|110180^Study Instance UID^DCM||{STUDY}||||||F"
TEXT = "OBX|1|TX|CR^Compte rendu||Pas d'anomalie décelée.||||||F"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Hl7Site]:
    """A practice's box."""
    with hl7_site(tmp_path, hl7_in_force("reading")) as made:
        yield made


@pytest.mark.parametrize(
    ("raw", "by", "state", "form"),
    [
        (er7(*result(TEXT, BY_STUDY), charset="latin-1"), "study", "final", "hl7-oru"),
        (er7(*result(), charset="latin-1"), "order", "final", "hl7-oru"),
        (er7(*result(state="P"), charset="latin-1"), "order", "preliminary", "hl7-oru"),
        (er7(*result(state="C"), charset="latin-1"), "order", "replacement", "hl7-oru"),
        (er7(*result(state="X"), charset="latin-1"), "order", "deletion", "hl7-oru"),
        (
            er7(*document("T02", f"TXA|1|CR|{'|' * 9}D1||A100|||AU", TEXT)),
            "order",
            "final",
            "hl7-mdm",
        ),
        (
            er7(*document("T06", f"TXA|1|CR|{'|' * 9}D2|D1|A100|||AU", TEXT)),
            "order",
            "addendum",
            "hl7-mdm",
        ),
        (
            er7(*document("T11", f"TXA|1|CR|{'|' * 9}D1||A100|||AU")),
            "order",
            "deletion",
            "hl7-mdm",
        ),
    ],
    ids=["study", "order", "preliminary", "replacement", "deletion", "T02", "T06", "T11"],
)
def test_a_report_finds_its_exam_and_says_what_it_is(
    box: Hl7Site, raw: bytes, by: str, state: str, form: str
) -> None:
    came(box.spool, EXAM_AT_PRACTICE)
    assert box.say(raw)[0][0] == "AA"
    (report,) = box.objects(EXAM)
    assert (report.kind, report.klass, report.held) == (ObjectKind.REPORT, ExamClass.REPORT, None)
    assert box.opened(report) == raw
    (entry,) = box.bodies("report")
    assert entry == {
        "exam_id": EXAM,
        "object": report.name,
        "report_state": state,
        "format": form,
        "matched_by": by,
    }
    assert report in box.spool.due_outgoing(LINK, 1e12, 10)


def test_a_report_without_a_certain_exam_is_kept_and_does_not_travel(box: Hl7Site) -> None:
    """Nothing is lost, and nothing is guessed."""
    came(box.spool, EXAM_AT_PRACTICE)
    raw = er7(*result(), charset="latin-1").replace(b"A100", b"B200")
    assert box.say(raw, raw) == [("AA", "CAB9", ""), ("AA", "CAB9", "")]
    (held,) = box.objects()
    assert held.held is not None
    assert box.spool.due_outgoing(LINK, 1e12, 10) == []
    (entry,) = box.bodies("report_held")
    assert (entry["object"], entry["reason"]) == (held.name, "no_exam")
    assert box.opened(held) == raw
    (waiting,) = box.spool.unmatched()
    assert (waiting.name, waiting.doubt.report_state, waiting.doubt.format) == (
        held.name,
        "final",
        "hl7-oru",
    )
    assert waiting.doubt.sealed is not None
    of = open_particulars(waiting.doubt.sealed, [OWN_KEY.secret])
    assert of.text("PatientName") == "LEMAÎTRE^Hélène"
    assert of.text("PatientID") == "TH77"
    assert box.spool.match_by_person(held.name, EXAM, [])
    (travels,) = box.objects(EXAM)
    assert travels in box.spool.due_outgoing(LINK, 1e12, 10)


def test_a_report_on_somebody_else_is_refused_in_words(box: Hl7Site) -> None:
    """Not taken: the practice sees it, and mends it."""
    came(box.spool, EXAM_AT_PRACTICE)
    raw = er7(*result(TEXT, BY_STUDY), charset="latin-1").replace(b"TH77", b"TH78")
    code, control_id, text = box.say(raw)[0]
    assert (code, control_id) == ("AR", "CAB9")
    assert "another patient" in text
    assert box.objects() == box.objects(EXAM) == []
    box.say(raw)
    (entry,) = box.bodies("report_refused")  # once, however often it is sent
    assert (entry["exam_id"], entry["reason"]) == (EXAM, "patient_contradicts")


def test_another_birth_date_is_for_a_person(box: Hl7Site) -> None:
    came(box.spool, replace(EXAM_AT_PRACTICE, birth_date="19800101"))
    box.say(er7(*result(TEXT, BY_STUDY), charset="latin-1"))
    assert [each["reason"] for each in box.bodies("report_held")] == ["birth_date_differs"]


def test_a_practice_takes_no_requests_and_a_hospital_no_reports(
    box: Hl7Site, tmp_path: Path
) -> None:
    code, _, text = box.say(er7("MSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.3", "PID|1||7", "ORC|NW"))[0]
    assert (code, text) == ("AR", "This site asks for no reading: ORM and OMI are refused")
    with hl7_site(tmp_path / "hospital") as hospital:
        code, _, text = hospital.say(er7(*result(), charset="latin-1"))[0]
        assert (code, text) == ("AR", "This site reads for nobody: ORU and MDM are refused")
        assert hospital.bodies("refused")[0]["reason"] == "no_reports"
