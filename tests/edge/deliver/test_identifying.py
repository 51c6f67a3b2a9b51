"""Identifiers on the way to a real station: marked at the practice, the hospital's own at home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import BasicTextSRStorage  # type: ignore[attr-defined]

from bocage_contract.coercion import Coerce
from bocage_contract.exam_class import ExamClass
from bocage_edge.deliver.identifying import CANNOT_LOOK, UNKNOWN_HERE, LinkIdentifiers
from bocage_edge.deliver.schedule import FIRST_DELAY_S
from bocage_edge.errors import KeeperError
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import exam_id
from bocage_edge.exam.matching import Matched, MatchedBy, match
from bocage_edge.exam.names import Names, names_of
from bocage_edge.seal.keys import new_key
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bocage_edge.spool.types import DeliveryState
from tests.edge.deliver.files import parse
from tests.edge.deliver.practice import EXAM, LINK, LINK_KEY, Practice
from tests.edge.deliver.station import CR, Station, station
from tests.edge.deliver.test_rewriting import encoded
from tests.fakes.instances import Instance

SR = str(BasicTextSRStorage)
STUDY = "1.2.3"
HOME = exam_id(LINK_KEY, STUDY)
AT_HOME = {LINK: LinkIdentifiers("flers-1", "caen-1", is_home=True)}
MARKS = Coerce(issuer_of_patient_id="FLERS", patient_id_prefix="FL-", accession_prefix="FL-")
AT_PRACTICE = {LINK: LinkIdentifiers("caen-1", "flers-1", coerce=MARKS)}
NOTED = {
    0x00080005: b"ISO_IR 100",
    0x00080050: b"A9",
    0x00100010: "Lefèvre^Zoé".encode("latin-1"),
    0x00100020: b"17",
    0x0020000D: STUDY.encode(),
}


def made(number: int = 1, sop_class: str = CR, **attributes: Any) -> Instance:
    """An instance of the exam; attributes by keyword."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"1.2.3.4.{number}"
    ds.PatientName, ds.PatientID, ds.AccessionNumber = "Lefèvre^Zoé", "17", "A9"
    ds.StudyInstanceUID = STUDY
    if sop_class == CR:
        ds.Rows = ds.Columns = 8
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 0, 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.PixelData = bytes(range(128))
        ds["PixelData"].VR = "OW"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return Instance(sop_class, ds.SOPInstanceUID, encoded(ds, EXPLICIT_LITTLE))


def came(there: Station, place: int = -1) -> Dataset:
    """Read what a station got."""
    _, syntax, raw = there.came[place]
    return parse(syntax, raw)


# -- at the practice


def test_numbers_arrive_marked_and_both_ledgers_know_what_was_changed(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers=AT_PRACTICE)
        name = box.arrive(made())
        box.run()
        ds = came(there)
        assert (ds.PatientID, ds.AccessionNumber, ds.IssuerOfPatientID) == (
            "FL-17",
            "FL-A9",
            "FLERS",
        )
        assert ds.PixelData == bytes(range(128))
        assert ds.OriginalAttributesSequence[0].ModifyingSystem == "Bocage caen-1"
        assert box.kinds() == ["opened", "coerced", "delivered"]
        body = box.body("coerced")
        assert (body["object"], body["exam_id"], body["destination"]) == (name, EXAM, "pacs")
        assert body["what"] == [
            "AccessionNumber", "PatientID", "IssuerOfPatientID", "OtherPatientIDsSequence",
        ]  # fmt: skip
        assert "identifiers" not in box.body("delivered")
        assert box.body("delivered")["bytes"] == len(there.came[0][2])


def test_two_stations_and_two_attempts_get_the_same_bytes(tmp_path: Path) -> None:
    """An instance is never two things under one UID because it was sent twice."""
    answers = iter([0xA700, 0, 0])
    with station(answer=lambda _: next(answers)) as near, station() as far:
        destinations = near.destination(), far.destination("archive")
        with Practice(tmp_path, *destinations) as box:
            box.setup = replace(box.setup, identifiers=AT_PRACTICE)
            box.arrive(made(), destinations=["pacs", "archive"])
            box.run()
            box.clock.advance(FIRST_DELAY_S + 1)
            box.run()
        assert len({raw for _, _, raw in (*near.came, *far.came)}) == 1
        assert len(near.came) == 2


def test_a_report_and_a_link_without_marks_are_left_alone(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers={LINK: LinkIdentifiers("caen-1", "flers-1")})
        box.arrive(made(1))
        box.run()
        box.setup = replace(box.setup, identifiers=AT_PRACTICE)
        box.arrive(made(2), klass=ExamClass.REPORT)
        box.arrive(made(3), link="another-link")
        box.run()
        assert {raw for _, _, raw in there.came} == {made(it).data_set for it in (1, 2, 3)}
        assert "coerced" not in box.kinds()


def test_what_is_marked_may_be_transcoded_as_well(tmp_path: Path) -> None:
    with station([IMPLICIT_LITTLE]) as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers=AT_PRACTICE)
        box.arrive(made())
        box.run()
        assert there.came[0][1] == IMPLICIT_LITTLE
        assert came(there).PatientID == "FL-17"
        assert box.kinds() == ["opened", "transcoded", "coerced", "delivered"]


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"AccessionNumber": "12345678901234"}, "more characters than an accession number may"),
        ({"OriginalAttributesSequence": None}, "cannot be given the identifiers"),
    ],
)
def test_one_that_cannot_be_marked_is_refused_and_its_neighbours_pass(
    tmp_path: Path, attributes: dict[str, Any], says: str
) -> None:
    """The station has nothing of it; the sender sees why."""
    bad = made(1, **attributes)
    if attributes == {"OriginalAttributesSequence": None}:
        cut = bad.data_set.index(b"\x00\x04\x61\x05SQ")
        bad = replace(bad, data_set=bad.data_set[:cut] + b"\x00\x04\x61\x05LO\x02\x00XX")
    with station() as there, Practice(tmp_path, there.destination(max_associations=1)) as box:
        box.setup = replace(box.setup, identifiers=AT_PRACTICE)
        name = box.arrive(bad)
        box.arrive(made(2))
        box.run()
        assert there.instances() == [made(2).sop_instance]
        (delivery,) = box.spool.deliveries_of(name)
        assert delivery.state is DeliveryState.REFUSED
        assert says in box.body("refused")["reason"]


def test_a_report_finds_its_exam_by_the_numbers_it_was_delivered_with(tmp_path: Path) -> None:
    """And by those it came with."""
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers=AT_PRACTICE)
        box.arrive(made(IssuerOfPatientID="CHU"))
        box.run()
        exam = Names.of_rows(EXAM, box.spool.exam_names(LINK, EXAM))
    for number, issuer, accession in (("FL-17", "FLERS", "FL-A9"), ("17", "CHU", "A9")):
        report = Identities(
            accessions=(Issued(accession),), patients=(Issued(number, issuer),), name="X"
        )
        assert match(names_of(LINK_KEY, report), [exam]) == Matched(EXAM, MatchedBy.ACCESSION)


# -- at the hospital


@pytest.mark.parametrize(
    "sop_class",
    [
        SR,
        "1.2.840.10008.5.1.4.1.1.104.1",
        "1.2.840.10008.5.1.4.1.1.104.2",
        "1.2.840.10008.5.1.4.1.1.88.59",
        "1.2.840.10008.5.1.4.1.1.11.1",
        "1.2.840.10008.5.1.4.1.1.7",
    ],
)
def test_whatever_comes_back_bears_the_hospitals_own_identifiers(
    tmp_path: Path, sop_class: str
) -> None:
    """SR, PDF, CDA, key objects, presentation states, captures; matched by another number."""
    report = made(
        sop_class=sop_class,
        StudyInstanceUID="9.9",
        PatientID="FL-17",
        IssuerOfPatientID="FLERS",
        AccessionNumber="FL-A9",
        PatientName="LEFEVRE^ZOE",
        EncapsulatedDocument=b"%PDF" * 1000,
    )
    with station(classes=[sop_class]) as there, Practice(tmp_path, there.destination()) as box:
        box.send(HOME, NOTED)
        box.setup = replace(box.setup, identifiers=AT_HOME, reading_links=frozenset())
        box.arrive(report, klass=ExamClass.REPORT, exam=HOME)
        box.run()
        ds = came(there)
        assert (ds.StudyInstanceUID, ds.PatientID, ds.AccessionNumber) == (STUDY, "17", "A9")
        assert ds.PatientName == "Lefèvre^Zoé"
        assert ds.SOPInstanceUID == report.sop_instance
        kept = ds.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
        assert kept.PatientID == "FL-17"
        assert "IssuerOfPatientID" not in ds
        assert box.body("coerced")["what"] == [
            "AccessionNumber", "PatientName", "PatientID", "IssuerOfPatientID", "StudyInstanceUID",
        ]  # fmt: skip


def test_a_report_that_agrees_arrives_byte_for_byte(tmp_path: Path) -> None:
    report = made(sop_class=SR)
    with station(classes=[SR]) as there, Practice(tmp_path, there.destination()) as box:
        box.send(HOME, NOTED)
        box.setup = replace(box.setup, identifiers=AT_HOME)
        box.arrive(report, klass=ExamClass.REPORT, exam=HOME)
        box.run()
        assert there.came[0][2] == report.data_set
        assert box.kinds() == ["opened", "delivered"]
        assert "identifiers" not in box.body("delivered")


def _nothing_known(box: Practice) -> None:
    """The exam was sent before this box stood here."""


def _sealed_to_an_old_key(box: Practice) -> None:
    box.send(HOME, NOTED, new_key().recipient)


@pytest.mark.parametrize("prepare", [_nothing_known, _sealed_to_an_old_key])
def test_without_particulars_the_very_study_is_proof_enough(
    tmp_path: Path, prepare: Callable[[Practice], None]
) -> None:
    report = made(sop_class=SR, PatientID="FL-17")
    with station(classes=[SR]) as there, Practice(tmp_path, there.destination()) as box:
        prepare(box)
        box.setup = replace(box.setup, identifiers=AT_HOME)
        box.arrive(report, klass=ExamClass.REPORT, exam=HOME)
        box.run()
        assert there.came[0][2] == report.data_set
        assert box.body("delivered")["identifiers"] == "unproven"


def test_one_matched_by_another_number_waits_for_the_key(tmp_path: Path) -> None:
    """Nothing in it need be known at the hospital."""
    old = new_key()
    report = made(sop_class=SR, StudyInstanceUID="9.9", PatientID="FL-17")
    with station(classes=[SR]) as there, Practice(tmp_path, there.destination()) as box:
        box.send(HOME, NOTED, old.recipient)
        box.setup = replace(box.setup, identifiers=AT_HOME, keys=1)
        name = box.arrive(report, klass=ExamClass.REPORT, exam=HOME)
        box.run()
        assert there.came == []
        (delivery,) = box.spool.deliveries_of(name)
        assert (delivery.state, delivery.reason) == (DeliveryState.DUE, UNKNOWN_HERE)
        assert box.kinds() == []
        box.keys = (box.key.secret, old.secret)
        box.setup = replace(box.setup, keys=2)
        box.run()
        assert came(there).PatientID == "17"


def test_a_keeper_that_is_silent_is_waited_for(tmp_path: Path) -> None:
    """Only where the exam's particulars are not there."""
    answers = iter([None, LINK_KEY])

    def link_key(_link: str) -> bytes:
        key = next(answers)
        if key is None:
            raise KeeperError("the keeper does not answer")
        return key

    report = made(sop_class=SR)
    with (
        station(classes=[SR]) as there,
        Practice(tmp_path, there.destination(), link_key=link_key) as box,
    ):
        box.setup = replace(box.setup, identifiers=AT_HOME, reading_links=frozenset())
        name = box.arrive(report, klass=ExamClass.REPORT, exam=HOME)
        box.run()
        assert box.spool.deliveries_of(name)[0].reason == CANNOT_LOOK
        box.clock.advance(FIRST_DELAY_S + 1)
        box.run()
        assert len(there.came) == 1
