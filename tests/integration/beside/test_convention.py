"""The convention decides on the road: refused, held, raised, quiet; both ledgers know why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.convention.model import Convention
from bocage_provisioning.lab.desired import LINK_ID, ROUTINE_AET, URGENT_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.files import BASIC_TEXT_SR, File, small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

NOT_AUTHORIZED = 0x0124
MORNING = datetime(2026, 12, 1, 8, 5, tzinfo=ZoneInfo("Europe/Paris")).timestamp()
CONVENTION = Convention.of(
    {
        "id": "flers-thury",
        "version": 1,
        "link": LINK_ID,
        "requesting_site": "Hôpital de Flers",
        "reading_site": "Cabinet de Thury",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "services": {
            "FLERS": {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}},
            "FLERS_URG": {"class": "urgent", "eligible": {"modalities": ["CR", "DX", "CT"]}},
            "FLERS_OLD": {"class": "prior"},
        },
        "slots": [
            {"days": "mon-fri", "from": "08:30", "to": "10:00"},
            {"days": "mon-fri", "from": "14:00", "to": "16:00"},
        ],
        "request": "required",
        "report": {"due": "slot end + 60 min"},
        "tariff": {"exam": {"CR": "12.50", "DX": "12.50", "CT": "45.00"}},
    }
)


@pytest.fixture(scope="module")
def agreed() -> Iterator[Road]:
    """A laboratory at five past eight, with a convention and exams that are quiet soon."""
    lab = Laboratory("agreed", line=Line(rate_mbit=0, delay_ms=5), at=MORNING)
    with a_road("agreed", lab, CONVENTION) as up:
        hospital = up.lab.hospital
        document = json.loads(hospital.cli("config", "show"))
        document["revision"] += 1
        document["receive"]["quiet_s"] = 2
        up.signer.load(hospital, Desired.of(document))
        wait_until(
            lambda: (hospital.status("receive") or {}).get("revision") == document["revision"],
            20,
            "the new configuration",
        )
        yield up


def made(folder: Path, modality: str, **more: Any) -> File:
    """A small instance of a modality."""
    return small(folder, Modality=modality, **more)


def test_an_exam_outside_the_convention_is_refused_in_words_and_passes_as_urgent(
    agreed: Road, tmp_path: Path
) -> None:
    """Refused before anything is acknowledged; the same exam may pass on the urgent service."""
    hospital = agreed.lab.hospital
    before = agreed.lab.station.stores()
    first = made(tmp_path, "CT")
    files = [first.path, made(tmp_path, "CT", study=first.study).path]
    refused = agreed.send(files, ROUTINE_AET)
    assert {answer.status for answer in refused} == {NOT_AUTHORIZED}
    assert all("hors convention" in answer.comment for answer in refused)
    wait_until(lambda: bool(agreed.entries(hospital, "exam_refused")), 10, "the ledger")
    (entry,) = agreed.entries(hospital, "exam_refused")
    assert entry.body["reason"] == "modality_not_agreed"
    assert entry.body["modality"] == "CT"
    assert [answer.status for answer in agreed.send(files, URGENT_AET)] == [0, 0]
    wait_until(lambda: agreed.lab.station.stores() == before + 2, 60, "both instances")
    agreed.wait_settled()
    (exam,) = (
        each
        for each in agreed.entries(hospital, "exam")
        if each.body["exam_id"] == entry.body["exam_id"]
    )
    assert (exam.body["exam_class"], exam.body["outside_slots"]) == ("urgent", True)


def test_a_routine_exam_has_its_slot_and_the_partner_knows_it(agreed: Road, tmp_path: Path) -> None:
    """Ten to the morning's slot; the practice's copy of the ledger says the same."""
    path = made(tmp_path, "CR").path
    known = len(agreed.entries(agreed.lab.hospital, "exam"))
    assert [answer.status for answer in agreed.send([path])] == [0]
    wait_until(lambda: len(agreed.entries(agreed.lab.hospital, "exam")) > known, 20, "the ledger")
    agreed.wait_settled()
    exam = agreed.entries(agreed.lab.hospital, "exam")[-1].body
    slot = datetime.fromtimestamp(exam["slot_from"], ZoneInfo("Europe/Paris"))
    assert (slot.hour, slot.minute) in {(8, 30), (14, 0)}
    assert exam["arrive_by"] == exam["slot_from"] - 15 * 60
    assert exam["report_due"] == exam["slot_until"] + 3600
    assert (exam["convention"], exam["version"], exam["modality"]) == ("flers-thury", 1, "CR")


def test_a_companion_waits_for_the_instance_that_decides(agreed: Road, tmp_path: Path) -> None:
    """It is acknowledged, held, and goes with the exam; none of it is lost."""
    lab = agreed.lab
    before = lab.station.stores()
    image = made(tmp_path, "CR")
    report = made(tmp_path, "SR", study=image.study, sop_class=BASIC_TEXT_SR, pixels=False)
    assert [answer.status for answer in agreed.send([report.path])] == [0]
    held = [json.loads(line) for line in lab.hospital.cli("spool", "list", "--json").splitlines()]
    assert sum(corner["held"] for corner in held) == 1
    assert lab.station.stores() == before
    assert [answer.status for answer in agreed.send([image.path])] == [0]
    wait_until(lambda: lab.station.stores() == before + 2, 60, "both instances")
    agreed.wait_settled()


def test_quiet_then_a_delta_and_a_missing_request(agreed: Road, tmp_path: Path) -> None:
    """The manifest names everything so far; what comes late makes another."""
    hospital = agreed.lab.hospital
    first = made(tmp_path, "CR")
    late = made(tmp_path, "CR", study=first.study)
    known = len(agreed.entries(hospital, "exam"))
    agreed.send([first.path])
    wait_until(lambda: len(agreed.entries(hospital, "exam")) > known, 20, "the ledger")
    agreed.wait_settled()
    exam = agreed.entries(hospital, "exam")[-1].body["exam_id"]

    def manifests() -> list[tuple[int, int]]:
        return [
            (each.body["instances"], each.body["late"])
            for each in agreed.entries(hospital, "quiet")
            if each.body["exam_id"] == exam
        ]

    wait_until(lambda: manifests() == [(1, 0)], 20, "the exam to be quiet")
    missing = [each.body["exam_id"] for each in agreed.entries(hospital, "request_missing")]
    assert exam in missing
    # The whole study again, as a PACS does every night, with one more instance.
    assert [answer.status for answer in agreed.send([first.path, late.path])] == [0, 0]
    wait_until(lambda: manifests() == [(1, 0), (2, 1)], 20, "the delta")
    agreed.wait_settled()
    accepted = [e for e in agreed.entries(hospital, "exam") if e.body["exam_id"] == exam]
    assert len(accepted) == 1
    codes = {alarm["code"] for alarm in (hospital.status("receive") or {})["alarms"]}
    assert "request_missing" in codes


def test_the_report_that_comes_back_ends_the_wait_on_both_sides(
    agreed: Road, tmp_path: Path
) -> None:
    """By its Study UID; delivered at the hospital, both boxes know that nothing is overdue."""
    lab = agreed.lab
    image = made(tmp_path, "CR")
    known = len(agreed.entries(lab.hospital, "exam"))
    agreed.send([image.path])
    wait_until(lambda: len(agreed.entries(lab.hospital, "exam")) > known, 20, "the ledger")
    agreed.wait_settled()
    report = made(tmp_path, "SR", study=image.study, sop_class=BASIC_TEXT_SR, pixels=False)
    before = lab.pacs.stores()
    lab.station_send([report.path])
    wait_until(lambda: lab.pacs.stores() == before + 1, 60, "the report at the hospital")
    wait_until(lambda: bool(agreed.entries(lab.practice, "report")), 20, "the ledger")
    (entry,) = agreed.entries(lab.practice, "report")
    assert entry.body["exam_id"] == agreed.entries(lab.hospital, "exam")[-1].body["exam_id"]
    assert (entry.body["report_state"], entry.body["format"]) == ("final", "sr")
    agreed.wait_settled()


def test_an_exam_is_called_back_by_its_reference_and_both_boxes_know(
    agreed: Road, tmp_path: Path
) -> None:
    """What waits at the hospital goes nowhere; sent again it is an exam like any other."""
    lab = agreed.lab
    image = made(tmp_path, "CR")
    companion = made(tmp_path, "SR", study=image.study, sop_class=BASIC_TEXT_SR, pixels=False)
    before = lab.station.stores()
    assert [answer.status for answer in agreed.send([companion.path])] == [0]

    def exams(box: Any) -> dict[str, dict[str, Any]]:
        rows = [json.loads(line) for line in box.cli("exam", "list", "--json").splitlines()]
        return {row["exam_ref"]: row for row in rows}

    (ref,) = [ref for ref, row in exams(lab.hospital).items() if row["state"] == "waiting"]
    assert exams(lab.hospital)[ref]["unsent"] == 1
    assert "1 objets retirés" in lab.hospital.cli("exam", "cancel", ref)
    assert exams(lab.hospital)[ref]["state"] == "cancelled"
    wait_until(
        lambda: exams(lab.practice).get(ref, {}).get("state") == "cancelled",
        20,
        "the practice to know",
    )
    assert lab.station.stores() == before
    assert [answer.status for answer in agreed.send([image.path, companion.path])] == [0, 0]
    wait_until(lambda: lab.station.stores() == before + 2, 60, "both instances")
    agreed.wait_settled()
    wait_until(lambda: exams(lab.practice)[ref]["state"] == "accepted", 20, "the practice to know")
    assert exams(lab.practice)[ref]["delivered"] == 2
    assert "version 1, en vigueur" in lab.practice.cli("convention", "show")
