"""Requests and their exams: either may come first, and nothing travels to the wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.exam.identity import NO_EXAM
from bocage_edge.spool.requests import CANCELLED, NO_EXAM_YET
from bocage_edge.spool.types import Direction, ObjectKind, ObjectState
from tests.edge.hl7.messages import STUDY, er7, order
from tests.fakes.hl7_site import EXAM, Hl7Site, hl7_in_force, hl7_site, image
from tests.fakes.site import LINK

ORDER = er7(*order())
OTHER_STUDY = "1.2.250.1.59.40211.999"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Hl7Site]:
    """A hospital's box."""
    with hl7_site(tmp_path) as made:
        yield made


def without_study(*lines: str) -> list[str]:
    """The order of a system that knows no Study UID."""
    return [line for line in lines or order() if not line.startswith("ZDS")]


def of_patient(lines: list[str], number: str) -> list[str]:
    """The same order for somebody with another number, and without an INS."""
    pid = f"PID|1||{number}^^^CHFLERS&1.2.250.1.999.1&ISO^PI||AUTRE^Nom||19790314|F"
    return [pid if line.startswith("PID") else line for line in lines]


def test_a_request_after_its_images_travels_at_once(box: Hl7Site) -> None:
    box.store(image(1))
    assert box.say(ORDER) == [("AA", "RIS0001", "")]
    (request,) = box.objects(EXAM)
    assert (request.kind, request.held, request.klass) == (
        ObjectKind.REQUEST,
        None,
        ExamClass.ROUTINE,
    )
    assert box.opened(request) == ORDER
    (entry,) = box.bodies("request")
    assert entry == {"exam_id": EXAM, "object": request.name, "matched_by": "study"}
    assert box.bodies("received")[-1]["document"] == "request"
    exam = box.spool.exam(Direction.OUT, LINK, EXAM)
    assert exam is not None
    assert exam.request_at is not None


@pytest.mark.parametrize("lines", [order(), without_study()], ids=["study", "accession"])
def test_a_request_before_its_images_waits_and_then_travels(box: Hl7Site, lines: list[str]) -> None:
    """Sealed from the beginning; who waits for it sees why."""
    assert box.say(er7(*lines)) == [("AA", "RIS0001", "")]
    (waiting,) = box.objects()
    assert (waiting.held, waiting.state) == (NO_EXAM_YET, ObjectState.QUEUED)
    assert box.spool.due_outgoing(LINK, 1e12, 10) == []
    assert box.bodies("received") == []
    box.settle()
    assert box.objects() == [waiting]
    box.store(image(1))
    box.settle()
    (bound,) = box.objects(EXAM)
    assert (bound.name, bound.held) == (waiting.name, None)
    assert bound in box.spool.due_outgoing(LINK, 1e12, 10)
    assert box.objects() == []
    received = [each for each in box.bodies("received") if "document" in each]
    assert [each["object"] for each in received] == [bound.name]
    assert box.spool.waiting_requests() == []


def test_a_request_that_waited_takes_the_class_its_exam_has(box: Hl7Site) -> None:
    box.say(ORDER)
    box.store(image(1), b"FLERS_URG")
    box.settle()
    assert box.objects(EXAM)[0].klass is ExamClass.URGENT


def test_a_request_is_raised_with_its_exam(box: Hl7Site) -> None:
    box.store(image(1))
    box.say(ORDER)
    assert box.objects(EXAM)[0].klass is ExamClass.ROUTINE
    box.store(image(1), b"FLERS_URG")
    assert box.objects(EXAM)[0].klass is ExamClass.URGENT


def test_what_waited_when_the_unit_ended_is_bound_when_it_runs_again(tmp_path: Path) -> None:
    with hl7_site(tmp_path) as box:
        box.say(er7(*without_study()))
        box.store(image(1))  # and the unit ends before its next round
    with hl7_site(tmp_path) as again:
        again.settle()
        assert len(again.objects(EXAM)) == 1


def test_the_same_number_of_another_patient_goes_nowhere(box: Hl7Site) -> None:
    """The accession number fits, the patient does not: a person must look."""
    box.store(image(1))
    assert box.say(er7(*of_patient(without_study(), "9999")))[0][0] == "AA"
    (held,) = box.objects()
    assert held.held is not None
    assert "patient_contradicts" in held.held
    (entry,) = box.bodies("request_held")
    assert (entry["object"], entry["reason"]) == (held.name, "patient_contradicts")
    assert box.bodies("request") == []


def test_a_study_of_another_patient_is_found_out_when_the_images_come(box: Hl7Site) -> None:
    box.say(er7(*of_patient(order(), "9999")))
    assert box.bodies("request_held") == []
    box.store(image(1))
    box.settle()
    assert [each["reason"] for each in box.bodies("request_held")] == ["patient_contradicts"]
    assert box.objects(EXAM) == []
    box.store(image(2))
    box.settle()
    assert len(box.bodies("request_held")) == 1


def test_a_patient_that_cannot_be_compared_is_no_match(box: Hl7Site) -> None:
    """The number alone never decides."""
    box.store(image(1))
    lines = [
        "PID|1||0042^^^ELSEWHERE^PI||AUTRE^Nom" if line.startswith("PID") else line
        for line in without_study()
    ]
    box.say(er7(*lines))
    assert [each["reason"] for each in box.bodies("request_held")] == ["patient_unproven"]


def test_one_that_is_cancelled_before_its_exam_never_travels(box: Hl7Site) -> None:
    """Its row says so; the exam lacks a request."""
    box.say(er7(*without_study()))
    cancel = er7(*without_study(*order(control="RIS0002", code="CA")))
    assert box.say(cancel) == [("AA", "RIS0002", "")]
    (kept,) = box.objects()
    assert (kept.state, kept.reason) == (ObjectState.DROPPED, CANCELLED)
    assert [each["objects"] for each in box.bodies("request_cancelled")] == [[kept.name]]
    box.store(image(1))
    box.settle()
    assert box.objects(EXAM) == []
    exam = box.spool.exam(Direction.OUT, LINK, EXAM)
    assert exam is not None
    assert exam.request_at is None


def test_a_cancellation_of_another_patients_order_cancels_nothing(box: Hl7Site) -> None:
    box.say(er7(*without_study()))
    box.say(er7(*of_patient(without_study(*order(control="X", code="CA")), "9999")))
    assert box.objects()[0].held == NO_EXAM_YET


def test_a_cancellation_after_the_images_is_told_to_the_reader(box: Hl7Site) -> None:
    box.store(image(1))
    box.say(ORDER, er7(*order(control="RIS0002", code="CA")))
    assert [each.held for each in box.objects(EXAM)] == [None, None]


def test_the_same_again_makes_no_second_object(box: Hl7Site) -> None:
    """Whether it waits or has gone; other bytes under its number are another message."""
    assert [code for code, _, _ in box.say(ORDER, ORDER)] == ["AA", "AA"]
    assert len(box.objects()) == 1
    assert len(box.bodies("same_again")) == 1
    changed = ORDER.replace(b"RXTHO", b"RXCRA")
    assert box.say(changed)[0][0] == "AA"
    assert len(box.objects()) == 2


def test_two_senders_may_use_the_same_control_id(tmp_path: Path) -> None:
    senders = [
        {
            "name": name,
            "addresses": ["127.0.0.1"],
            "sending_application": application,
            "links": [{"link": LINK}],
        }
        for name, application in (("ris", "RIS"), ("dpi", "DPI"))
    ]
    with hl7_site(tmp_path, hl7_in_force("requesting", *senders)) as box:
        box.say(ORDER, ORDER.replace(b"|RIS|FLERS|", b"|DPI|FLERS|", 1))
        assert len(box.objects()) == 2
        assert {each["from"] for each in box.bodies("request_waits")} == {"ris", "dpi"}


def test_those_whose_exam_never_comes_are_counted(box: Hl7Site) -> None:
    """After the configured days; they stay where they are."""
    box.say(ORDER)
    box.settle()
    assert box.side.status()["requests"]["overdue"] == 0
    box.site.clock.advance(31 * 86_400)
    box.settle()
    standing = box.side.status()["requests"]
    assert (standing["waiting"], standing["overdue"], standing["doubtful"]) == (1, 1, 0)
    assert len(box.objects()) == 1


def test_nothing_of_a_patient_is_in_clear_on_the_disk(tmp_path: Path) -> None:
    """Not while it waits, not when it was refused or doubted, not in the ledger's entries."""
    with hl7_site(tmp_path) as box:
        box.store(image(1))
        box.say(ORDER, er7(*without_study(*order(control="R7"))), b"MSH|^~\\&|LEMAITRE|X\rPID|1")
        box.say(er7(*of_patient(without_study(*order(control="R8")), "77665544")))
        box.settle()
        entries = "".join(str(each.draft.body) for each in box.spool.pending_entries(1000))
        marks = ("LEMA", "Hélène", "0042^", "279035121518989", "77665544", "ACC77", "A100", STUDY)
        assert not [mark for mark in marks if mark in entries]
        index = b"".join(path.read_bytes() for path in (tmp_path / "spool").glob("index*"))
        assert EXAM.encode() in index
        assert not [mark for mark in marks if mark.encode() in index]
        for stored in (*box.objects(), *box.objects(EXAM)):
            with box.spool.open(stored.name) as sealed:
                raw = sealed.read()
            assert not [mark for mark in marks if mark.encode() in raw]


def test_a_request_of_an_exam_that_was_refused_waits_for_its_acceptance(box: Hl7Site) -> None:
    """Nothing travels for an exam that does not."""
    box.say(er7(*without_study()))
    box.store(image(1, study=OTHER_STUDY, accession="ELSE", patient="7"))
    box.settle()
    assert box.objects(NO_EXAM)[0].held == NO_EXAM_YET
