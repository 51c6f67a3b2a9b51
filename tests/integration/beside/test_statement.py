"""A month over two real boxes, and its statement, counted by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bocage_contract.ledger import MAX_PAGE_ENTRIES, read_entry
from bocage_edge.keeper.client import Keeper
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import (
    LINK_ID,
    MODALITY_AET,
    PACS_AET,
    PRIOR_AET,
    ROUTINE_AET,
    URGENT_AET,
)
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.beside.test_convention import CONVENTION, NOT_AUTHORIZED
from tests.integration.files import BASIC_TEXT_SR, File, small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

WITHIN_S = 60
PARIS = ZoneInfo("Europe/Paris")

# What follows was counted by hand from the diary below, before any machine did.
# 1 December 2026 is a Tuesday. Slots 08:30-10:00 and 14:00-16:00, there 15 minutes before, report
# due an hour after the slot. CR and DX cost 12.50, CT 45.00.
#
#      accepted          final report     minutes
# CR a  1st 08:05         1st 09:35          90   slot met; preliminary before; again on two nights
# CR b  1st 12:30         1st 15:00         150   slot missed: the line was cut until 14:20
# CR c  3rd 13:00         3rd 15:10         130   slot met; one more instance came at 14:30
# CR d  4th 17:00         none                -   slot met (Monday's), report overdue
# CR e  7th 11:30         7th 12:00          30   urgent: raised after two minutes
# CT f  1st 11:00         1st 11:40          40   urgent
# DX g  1st 00:20         1st 09:20         540   slot met; still November in UTC
# DX h  2nd 08:00         2nd 12:30         270   slot met; report overdue since 11:00
DECEMBER = """\
month,modality,exams,urgent_pct,reported,median_min,p95_min,slots_met,slots_missed,\
reports_overdue,billed,unpriced,amount,currency
2026-12,CR,5,20,4,90,150,3,1,1,5,0,62.50,EUR
2026-12,CT,1,100,1,40,40,0,0,0,1,0,45.00,EUR
2026-12,DX,2,0,2,270,540,2,0,1,2,0,25.00,EUR
2026-12,TOTAL,8,25,7,,,5,1,2,8,0,132.50,EUR
"""
# One CR on 30 November at 23:50, for the slot of the next morning; nobody reported it.
NOVEMBER = """\
month,modality,exams,urgent_pct,reported,median_min,p95_min,slots_met,slots_missed,\
reports_overdue,billed,unpriced,amount,currency
2026-11,CR,1,0,0,,,1,0,1,1,0,12.50,EUR
2026-11,TOTAL,1,0,0,,,1,0,1,1,0,12.50,EUR
"""
NOT_BILLED = "not billed: 1 priors, 1 cancelled, 1 refused"


def at(day: int, hour: int, minute: int) -> float:
    """A moment of December, ten seconds into its minute; day 0 is 30 November."""
    month, day = (12, day) if day else (11, 30)
    return datetime(2026, month, day, hour, minute, 10, tzinfo=PARIS).timestamp()


@dataclass
class Diary:
    """What people at both sites do, and when; each act is waited for."""

    road: Road
    folder: Path
    there: int = 0
    back: int = 0
    exams: dict[str, File] = field(default_factory=dict)

    def clock(self, day: int, hour: int, minute: int, *, reporting: bool = False) -> None:
        """Go on to a moment of the month.

        Reports come half a minute later within theirs: a slow machine then changes no minute.
        """
        self.road.lab.set_clock(at(day, hour, minute) + (30 if reporting else 0))

    def send(self, name: str, modality: str = "CR", service: str = ROUTINE_AET) -> None:
        """Send the first instance of an exam, and let it arrive."""
        self.exams[name] = small(self.folder, Modality=modality)
        self.offer(name, service)
        self.arrive()

    def offer(self, name: str, service: str = ROUTINE_AET, caller: str = MODALITY_AET) -> None:
        """Send what there is of an exam; it is acknowledged."""
        answers = self.road.send([self.exams[name].path], service, caller)
        assert [answer.status for answer in answers] == [0]

    def call_back(self, name: str) -> None:
        """Send an exam while the line is down, and cancel it: it never leaves."""
        hospital = self.road.lab.hospital
        self.road.lab.cut()
        self.exams[name] = small(self.folder)
        self.offer(name)
        newest = json.loads(hospital.cli("exam", "list", "--json").splitlines()[-1])
        hospital.cli("exam", "cancel", newest["exam_ref"])
        self.road.lab.restore()

    def arrive(self) -> None:
        """Wait until one more instance is at the workstation, and the practice knows its exam."""
        self.there += 1
        self._delivered(self.road.lab.practice, self.there)
        # All but the late instance began an exam; the cancelled one did, and never came.
        exams = self.there - ("late" in self.exams) + ("cancelled" in self.exams)
        wait_until(
            lambda: count(self.road.lab.practice, "exam", of_partner=True) >= exams,
            WITHIN_S,
            "the practice to know the exam",
        )

    def report(self, name: str, flag: str = "FINAL") -> None:
        """Send a report from the workstation, and let it arrive at the hospital."""
        made = small(
            self.folder,
            study=self.exams[name].study,
            sop_class=BASIC_TEXT_SR,
            pixels=False,
            Modality="SR",
            PreliminaryFlag=flag,
        )
        self.road.lab.station_send([made.path])
        self.back += 1
        self._delivered(self.road.lab.hospital, self.back)

    def _delivered(self, box: LabBox, expected: int) -> None:
        wait_until(
            lambda: count(box, "delivered") == expected,
            WITHIN_S,
            f"{expected} deliveries at the {box.name}",
        )


def count(box: LabBox, kind: str, *, of_partner: bool = False) -> int:
    """Count what a box's keeper has of a kind on the link, its own or its copy of the partner's."""
    keeper = Keeper(box.run / "keeper.sock")
    try:
        page = (
            keeper.partner_entries(LINK_ID, 0, MAX_PAGE_ENTRIES)
            if of_partner
            else (keeper.entries(LINK_ID, 0, MAX_PAGE_ENTRIES)[0])
        )
    finally:
        keeper.close()
    return sum(read_entry(raw).kind == kind for raw in page)


def first_two_days(diary: Diary) -> None:
    """30 November and 1 December."""
    diary.send("november")  # the laboratory opens at ten to midnight
    diary.clock(1, 0, 20)
    diary.send("g", "DX")
    diary.clock(1, 8, 5)
    diary.send("a")
    refused = small(diary.folder, Modality="CT")
    assert diary.road.send([refused.path])[0].status == NOT_AUTHORIZED
    diary.clock(1, 9, 0, reporting=True)
    diary.report("a", "PRELIMINARY")
    diary.clock(1, 9, 20, reporting=True)
    diary.report("g")
    diary.clock(1, 9, 35, reporting=True)
    diary.report("a")
    diary.clock(1, 11, 0)
    diary.send("f", "CT", URGENT_AET)
    diary.send("prior", service=PRIOR_AET)
    diary.clock(1, 11, 40, reporting=True)
    diary.report("f")
    diary.clock(1, 12, 30)
    diary.road.lab.cut()
    diary.exams["b"] = small(diary.folder)
    diary.offer("b")
    diary.clock(1, 14, 20)
    diary.road.lab.restore()
    diary.arrive()
    diary.clock(1, 15, 0, reporting=True)
    diary.report("b")


def the_days_after(diary: Diary) -> None:
    """2 to 7 December."""
    diary.clock(2, 2, 0)
    diary.offer("a", caller=PACS_AET)  # the archive sends everything again, every night
    diary.clock(2, 8, 0)
    diary.send("h", "DX")
    diary.clock(2, 12, 30, reporting=True)
    diary.report("h")
    diary.clock(3, 2, 0)
    diary.offer("a", caller=PACS_AET)
    diary.clock(3, 13, 0)
    diary.send("c")
    diary.clock(3, 14, 30)
    diary.exams["late"] = small(diary.folder, study=diary.exams["c"].study)
    diary.offer("late")
    diary.arrive()
    diary.clock(3, 15, 10, reporting=True)
    diary.report("c")
    diary.clock(4, 17, 0)
    diary.send("d")
    diary.call_back("cancelled")
    diary.clock(7, 11, 30)
    diary.send("e")
    diary.clock(7, 11, 32)
    diary.offer("e", URGENT_AET)
    diary.clock(7, 12, 0, reporting=True)
    diary.report("e")


def test_the_statement_of_a_month_is_the_one_counted_by_hand(tmp_path: Path) -> None:
    """To the minute and the cent, byte for byte the same at both sites."""
    lab = Laboratory("month", line=Line(rate_mbit=0, delay_ms=5), at=at(0, 23, 50))
    with a_road("month", lab, CONVENTION) as road:
        diary = Diary(road, tmp_path)
        first_two_days(diary)
        the_days_after(diary)
        road.wait_settled()
        assert len(road.entries(lab.hospital, "same_again")) >= 2
        for box in (lab.hospital, lab.practice):
            for month, expected in (("2026-11", NOVEMBER), ("2026-12", DECEMBER)):
                # As bytes: CSV ends its lines with CR LF (RFC 4180), and a terminal shows neither.
                assert rows(box.cli("statement", month, "--csv")) == rows(expected)
            assert NOT_BILLED in box.cli("statement", "2026-12")
        both = [box.cli("statement", "2026-12", "--csv") for box in (lab.hospital, lab.practice)]
        assert both[0] == both[1]
        road.verify_spools()


def rows(text: str) -> list[list[str]]:
    """Read CSV."""
    return list(csv.reader(io.StringIO(text)))
