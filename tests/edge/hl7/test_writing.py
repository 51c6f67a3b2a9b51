"""Messages of ours, and those of others under the hospital's identifiers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bocage_contract.coercion import Coerce
from bocage_contract.report_state import ReportState
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.demographics import identities_of
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Segment, parse
from bocage_edge.hl7.reading import Document, Report, read
from bocage_edge.hl7.writing import (
    Rewritten,
    Route,
    Stamp,
    oru_of_pdf,
    oru_of_text,
    readdressed,
    with_identities,
    with_marks,
)
from tests.edge.hl7.messages import STUDY, er7, order, result

OWN = Identities(
    study_uid=STUDY,
    accessions=(Issued("ACC77", "RIS"),),
    orders=("A100",),
    patients=(Issued("0042", "1.2.250.1.999.1"),),
    ins=("279035121518989",),
    name="LEMAÎTRE^Hélène",
    birth_date="19790314",
    sex="F",
)
STAMP = Stamp("B-1", 1_800_000_000.0)
PDF = b"%PDF-1.4\n\xff\x00"


def test_the_hospitals_numbers_stand_in_front_and_the_practices_behind() -> None:
    came = er7(*result(), charset="iso8859-1")
    rewritten = with_identities(parse(came), OWN)
    found = read(rewritten.message.raw).identities
    assert rewritten.changed == ("PID-3", "OBR-3", "OBR-18", "OBR-20")
    assert found.patients == (*OWN.patients, Issued("TH77", "THURY"))
    assert found.accessions == OWN.accessions
    assert found.orders[0] == OWN.orders[0]
    assert found.name == "LEMAÎTRE^Hélène"


def test_what_need_not_change_keeps_its_bytes() -> None:
    came = er7(*result(), charset="iso8859-1")
    rewritten = with_identities(parse(came), OWN).message.raw
    assert rewritten.split(b"\r")[0] == came.split(b"\r")[0]
    assert rewritten.split(b"\r")[3] == came.split(b"\r")[3]
    known = er7(*order(), charset="utf-8")
    again = with_identities(parse(known), replace(OWN, accessions=(Issued("ACC77"),)))
    assert (again.message.raw.split(b"\r")[1], "PID-3" in again.changed) == (
        known.split(b"\r")[1],
        False,
    )


def test_rewriting_twice_changes_nothing_more() -> None:
    once = with_identities(parse(er7(*result())), OWN).message
    assert with_identities(once, OWN) == Rewritten(once, ())


def rewritten(pid: str, obr: str, own: Identities) -> tuple[Segment, Segment]:
    """Give PID and OBR of a report under these identities."""
    message = with_identities(parse(er7(result()[0], pid, obr)), own).message
    patient, order_ = message.first("PID"), message.first("OBR")
    assert patient is not None
    assert order_ is not None
    return patient, order_


def test_a_number_that_does_not_say_whose_it_is_goes() -> None:
    """It may be another patient's at the hospital."""
    pid = "PID|1|TH77|TH77~881^^^NATIONAL~0042^^^CHFLERS~9^^^CHFLERS|TH76||LEMAÎTRE^Hélène"
    own = Identities(patients=(Issued("0042", "CHFLERS"),))
    patient, _ = rewritten(pid, "OBR|1", own)
    assert patient.field(3) == b"0042^^^CHFLERS~881^^^NATIONAL"
    assert (patient.field(2), patient.field(4)) == (b"0042^^^CHFLERS", b"")


def test_an_exam_without_a_number_is_given_none() -> None:
    patient, obr = rewritten("PID|||TH77", f"OBR|1|A1|CAB1{'|' * 15}CAB2", Identities())
    assert [obr.field(n) for n in (2, 3, 18)] == [b"A1", b"", b""]
    assert obr.field(20) == b"CAB1"
    assert patient.field(3) == b""
    _, obr = rewritten("PID|||TH77", "OBR|1||CAB1^THURY", Identities())
    assert obr.field(3) == b"CAB1^THURY"


def test_the_ins_stays_and_comes_where_it_is_the_hospitals_number() -> None:
    ins = "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS"
    own = Identities(ins=("279035121518989",))
    patient, _ = rewritten(f"PID|||TH77~{ins}", "OBR|1", own)
    assert patient.field(3) == ins.encode()
    patient, _ = rewritten("PID|||TH77", "OBR|1", own)
    assert patient.field(3) == b"279035121518989^^^^INS"


def test_a_study_uid_of_the_practices_becomes_the_exams() -> None:
    lines = [*result(), "ZDS|1.2.3^X^Application^DICOM", "OBX|2|ST|113014^DICOM Study^DCM||1.2.3"]
    done = with_identities(parse(er7(*lines)), OWN)
    assert done.message.raw.count(STUDY.encode()) == 2
    assert b"1.2.3^" not in done.message.raw
    assert done.changed[-2:] == ("ZDS-1", "OBX-5")


def test_a_route_replaces_what_it_names() -> None:
    header = readdressed(parse(er7(*result())), Route("BOCAGE", "", "RIS", "")).header
    assert [header.text(number) for number in (3, 4, 5, 6)] == ["BOCAGE", "THURY", "RIS", "FLERS"]
    assert header.text(18) == "8859/1"


def test_a_wrapped_pdf_reads_as_the_report_it_is() -> None:
    found = read(oru_of_pdf(PDF, OWN, "Thorax & côtes", Route(), STAMP, is_final=True))
    assert isinstance(found, Report)
    assert found.documents == (Document("application/pdf", PDF),)
    assert (found.state, found.title) == (ReportState.FINAL, "Thorax & côtes")
    assert (found.identities, found.control_id) == (OWN, "B-1")


def test_a_wrapped_text_keeps_its_lines() -> None:
    text = "Résultat | normal\nfin"
    found = read(oru_of_text(text, Identities(), "", Route(), STAMP, is_final=False))
    assert isinstance(found, Report)
    assert (found.text, found.state) == (text, ReportState.PRELIMINARY)


MARKS = Coerce(
    issuer_of_patient_id="FLERS",
    patient_id_prefix="FL-",
    issuer_of_accession="FLERS",
    accession_prefix="FL-",
)


def test_a_request_bears_the_marks_of_its_exam() -> None:
    """The hospital's number stays behind, with who gave it out; so does the national one."""
    came = parse(er7(*order()))
    before = identities_of(came)
    marked = with_marks(came, MARKS)
    found = identities_of(marked.message)
    assert marked.changed == ("PID-3", "OBR-18")
    assert found.patients == (Issued("FL-0042", "FLERS"), *before.patients)
    assert found.accessions == (Issued("FL-ACC77", "FLERS"),)
    assert (found.ins, found.orders, found.name) == (before.ins, before.orders, before.name)
    assert marked.message.raw.split(b"\r")[0] == came.raw.split(b"\r")[0]


def test_an_accession_number_is_marked_wherever_it_stands() -> None:
    """Also where a RIS repeats it as its own order number; the placer's number stays."""
    lines = [line.replace("F200", "ACC77").replace("A100", "ACC77") for line in order()]
    marked = with_marks(parse(er7(*lines)), Coerce(accession_prefix="V"))
    assert marked.changed == ("ORC-3", "OBR-18", "OBR-3")
    obr = marked.message.first("OBR")
    assert obr is not None
    assert (obr.text(2), obr.text(3), obr.text(18)) == ("ACC77", "VACC77", "VACC77")


def test_what_has_no_number_gets_none_and_a_number_without_room_is_refused() -> None:
    lines = order()
    without = [lines[0], "PID|1||||DOE^JANE", *(line.replace("ACC77", "") for line in lines[3:])]
    assert with_marks(parse(er7(*without)), MARKS).changed == ()
    for old, new, what in (("ACC77", "A" * 14, "accession"), ("0042", "4" * 62, "patient")):
        with pytest.raises(Hl7Error, match=f"its {what}.* has no room"):
            with_marks(parse(er7(*(line.replace(old, new) for line in lines))), MARKS)
