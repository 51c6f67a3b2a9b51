"""Two hospitals that use the same numbers, one practice, one PACS: nobody is taken for another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from bocage_provisioning.lab.desired import LINK_ID, REPORT_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.files import BASIC_TEXT_SR, File, small
from tests.integration.road import Road, a_road
from tests.integration.two_hospitals import SECOND_REPORT_AET, Archive, Second, a_second, an_orthanc

pytestmark = pytest.mark.integration

NAMES = {"FL-17": "Lefèvre^Éloïse", "VI-17": "Benoît^Anaïs"}


@pytest.fixture(scope="module")
def hospitals() -> Iterator[tuple[Road, Second, Archive]]:
    """A laboratory with two hospitals, and an Orthanc at the practice."""
    if shutil.which("Orthanc") is None or shutil.which("curl") is None:
        pytest.skip("needs Orthanc and curl")
    with a_road("twohosp", Laboratory("twohosp", line=Line(rate_mbit=0, delay_ms=5))) as road:
        second = a_second(road)
        with an_orthanc(road.lab) as archive:
            yield road, second, archive


def exam(folder: Path, name: str, character_set: str | list[str], **more: Any) -> File:
    """An exam with the numbers that both hospitals gave out."""
    return small(
        folder,
        SpecificCharacterSet=character_set,
        PatientName=name,
        PatientID="17",
        AccessionNumber="A9",
        PatientBirthDate="19500301",
        **more,
    )


def report_on(seen: Dataset, folder: Path) -> File:
    """A report as a reading station writes it: by what it was sent, in its own repertoire."""
    return small(
        folder,
        sop_class=BASIC_TEXT_SR,
        pixels=False,
        study=str(seen.StudyInstanceUID),
        Modality="SR",
        SpecificCharacterSet="ISO_IR 192",
        PatientName=str(seen.PatientName),
        PatientID=seen.PatientID,
        IssuerOfPatientID=seen.IssuerOfPatientID,
        AccessionNumber=seen.AccessionNumber,
    )


def test_the_same_numbers_of_two_hospitals_stay_apart_and_find_their_way_back(
    hospitals: tuple[Road, Second, Archive], tmp_path: Path
) -> None:
    """Names with accents as well, in the repertoires of three systems."""
    road, second, archive = hospitals
    oid = Dataset()
    oid.UniversalEntityID, oid.UniversalEntityIDType = "1.2.250.1.71.4", "ISO"
    first = exam(
        tmp_path,
        NAMES["FL-17"],
        "ISO_IR 100",
        IssuerOfPatientID="CHU",
        IssuerOfPatientIDQualifiersSequence=[oid],
    )
    other = exam(tmp_path, NAMES["VI-17"], ["", "ISO 2022 IR 100"])
    assert [answer.status for answer in road.send([first.path])] == [0]
    second.send([other.path])
    wait_until(lambda: len(archive.ask("/instances")) == 2, 60, "both exams")

    assert len(archive.ask("/patients")) == 2
    assert len(archive.ask("/studies")) == 2
    seen = archive.instances()
    assert [ds.PatientID for ds in seen] == ["FL-17", "VI-17"]
    assert [ds.AccessionNumber for ds in seen] == ["FL-A9", "VI-A9"]
    assert [ds.IssuerOfPatientID for ds in seen] == ["FLERS", "VIRE"]
    assert {ds.PatientID: str(ds.PatientName) for ds in seen} == NAMES
    assert all(ds.OtherPatientIDsSequence[0].PatientID == "17" for ds in seen)
    wait_until(lambda: bool(road.entries(road.lab.practice, "coerced")), 20, "the ledger")
    (entry,) = road.entries(road.lab.practice, "coerced")
    assert "AccessionNumber" in entry.body["what"]

    for ds, service, pacs, sent in (
        (seen[0], REPORT_AET, road.lab.pacs, first),
        (seen[1], SECOND_REPORT_AET, second.pacs, other),
    ):
        report = report_on(ds, tmp_path)
        road.lab.station_send([report.path], service)
        wait_until(lambda pacs=pacs: pacs.stores() == 1, 60, "the report")  # type: ignore[misc]
        wait_until(lambda pacs=pacs: len(pacs.files()) == 1, 20, "its file")  # type: ignore[misc]
        back = pydicom.dcmread(pacs.files()[0])
        assert (back.PatientID, back.AccessionNumber) == ("17", "A9")
        qualifiers = back.get("IssuerOfPatientIDQualifiersSequence", ())
        issuers = [item.UniversalEntityID for item in qualifiers]
        issued = "CHU" if sent is first else ""
        assert back.get("IssuerOfPatientID", "") == issued
        assert issuers == (["1.2.250.1.71.4"] if issued else [])
        assert str(back.PatientName) == NAMES[ds.PatientID]
        assert (back.SOPInstanceUID, back.StudyInstanceUID) == (report.sop_instance, sent.study)
        kept = back.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
        assert kept.PatientID == ds.PatientID
    for box in (road.lab.hospital, road.lab.practice, second.box):
        assert '"sound": true' in box.cli("spool", "verify", "--json", ok=(0, 1))
    assert road.reconcile(road.lab.hospital, 60)["agree"]
    assert LINK_ID in road.lab.practice.cli("config", "show")
