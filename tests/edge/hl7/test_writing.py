"""Messages of ours, and those of others under the hospital's identifiers."""

from __future__ import annotations

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.hl7.message import parse
from bocage_edge.hl7.reading import Document, Report, ReportState, read
from bocage_edge.hl7.writing import (
    Route,
    Stamp,
    oru_of_pdf,
    oru_of_text,
    readdressed,
    with_identities,
)
from tests.edge.hl7.messages import STUDY, er7, result

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
    found = read(with_identities(parse(came), OWN)).identities
    assert found.patients == (*OWN.patients, Issued("TH77", "THURY"))
    assert found.accessions == OWN.accessions
    assert found.orders[0] == OWN.orders[0]
    assert found.name == "LEMAÎTRE^Hélène"


def test_what_need_not_change_keeps_its_bytes() -> None:
    came = er7(*result(), charset="iso8859-1")
    rewritten = with_identities(parse(came), OWN)
    assert rewritten.split(b"\r")[0] == came.split(b"\r")[0]
    assert rewritten.split(b"\r")[3] == came.split(b"\r")[3]
    assert with_identities(parse(came), Identities()) == came


def test_rewriting_twice_changes_nothing_more() -> None:
    once = with_identities(parse(er7(*result())), OWN)
    assert with_identities(parse(once), OWN) == once


def test_a_route_replaces_what_it_names() -> None:
    header = parse(readdressed(parse(er7(*result())), Route("BOCAGE", "", "RIS", ""))).header
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
