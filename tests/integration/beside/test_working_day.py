"""A working day of twenty exams in two slots, with an outage of forty minutes in the middle."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bocage_provisioning.lab.desired import ROUTINE_AET, URGENT_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.beside.test_convention import CONVENTION
from tests.integration.files import small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

LOOKS_WITHIN_S = 30


def at(hour: int, minute: int, second: int = 0) -> float:
    """A moment of the day, Unix seconds."""
    zone = ZoneInfo("Europe/Paris")
    return datetime(2026, 12, 1, hour, minute, second, tzinfo=zone).timestamp()


def stop_clock(road: Road, shown: float) -> None:
    """Let both boxes show a moment, and wait until the watch has looked at it."""
    relays = (road.lab.hospital, road.lab.practice)
    # A status may come from a round that looked before; the next round looked after it.
    for moment in (shown, shown + 0.01):
        road.lab.set_clock(moment, rate=0.0)
        wait_until(
            lambda moment=moment: all(  # type: ignore[misc]
                (box.status("relay") or {}).get("at", 0.0) >= moment for box in relays
            ),
            LOOKS_WITHIN_S,
            "both relays to look at the clock",
        )


def send(road: Road, folder: Path, count: int, called: str = ROUTINE_AET) -> None:
    """Send so many exams of one instance each."""
    files = [small(folder).path for _ in range(count)]
    assert {answer.status for answer in road.send(files, called)} == {0}


def test_twenty_exams_two_slots_and_an_outage(tmp_path: Path) -> None:
    """One alarm, at the minute it is due; nothing lost; what is urgent goes first."""
    lab = Laboratory("day", line=Line(rate_mbit=0, delay_ms=5), at=at(7, 30))
    with a_road("day", lab, CONVENTION) as road:
        hospital = road.lab.hospital

        def alarms() -> list[dict[str, object]]:
            return [each.body for each in road.entries(hospital, "slot_missed")]

        send(road, tmp_path, 10)
        wait_until(lambda: road.lab.station.stores() == 10, 60, "the morning's exams")
        road.wait_settled()
        stop_clock(road, at(9, 0))
        assert alarms() == []

        # Over noon the line is cut; the afternoon's exams come in meanwhile.
        stop_clock(road, at(12, 40))
        road.lab.cut()
        send(road, tmp_path, 9)
        send(road, tmp_path, 1, URGENT_AET)
        wait_until(lambda: len(road.entries(hospital, "exam")) == 20, LOOKS_WITHIN_S, "the ledger")
        afternoon = [each.body for each in road.entries(hospital, "exam")][10:]
        assert [each["slot_from"] for each in afternoon] == [int(at(14, 0))] * 9 + [None]
        wait_until(
            lambda: bool(road.entries(hospital, "urgent_waiting")) or _pass(road, at(12, 42)),
            LOOKS_WITHIN_S,
            "the alarm over the urgent exam",
        )
        stop_clock(road, at(13, 4, 59))
        assert alarms() == []
        stop_clock(road, at(13, 5))
        wait_until(lambda: bool(alarms()), LOOKS_WITHIN_S, "the alarm over the slot")
        (alarm,) = alarms()
        assert (alarm["slot_from"], alarm["exams"]) == (int(at(14, 0)), 9)

        # Forty minutes after the cut the line is back.
        road.lab.set_clock(at(13, 20))  # and it goes on: what was put off must come due
        road.lab.restore()
        wait_until(lambda: road.lab.station.stores() == 20, 60, "the afternoon's exams")
        road.wait_settled()
        assert len(alarms()) == 1
        delivered = [each.body["exam_id"] for each in road.entries(road.lab.practice, "delivered")]
        assert delivered[10] == afternoon[-1]["exam_id"]
        wait_until(
            lambda: "slot_missed" not in _codes(road), LOOKS_WITHIN_S, "the alarm to be over"
        )
        road.verify_spools()


def _pass(road: Road, shown: float) -> bool:
    stop_clock(road, shown)
    return False


def _codes(road: Road) -> set[str]:
    links = (road.lab.hospital.status("relay") or {}).get("links") or [{}]
    return {alarm["code"] for alarm in links[0].get("alarms") or []}
