"""The windows in which routine exams may travel, and the caps that were agreed."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bocage_contract.convention.approval import Approval, Approved
from bocage_contract.convention.model import Convention
from bocage_contract.exam_class import ExamClass
from bocage_edge.relay.pacing import Pacer
from bocage_edge.relay.windows import TransferWindows, agreed_caps
from bocage_edge.spool.types import Direction, ObjectState
from tests.edge.relay.twin import LINK, two_boxes, until

PARIS = ZoneInfo("Europe/Paris")
NIGHT = [{"days": "mon-fri", "from": "20:00", "to": "06:00"}]


def convention(version: int = 1, **transfer: Any) -> Convention:
    return Convention.model_validate(
        {
            "id": "flers-2026",
            "version": version,
            "link": LINK,
            "requesting_site": "Flers",
            "reading_site": "Vire",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
            "services": {"FLERS": {"class": "routine"}},
            "transfer": transfer,
        }
    )


def instant(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


@pytest.mark.parametrize(
    ("at", "opens_at"),
    [
        ("2026-11-24T19:59:30", "2026-11-24T20:00:00"),  # a Tuesday
        ("2026-11-24T20:00:00", None),
        ("2026-11-25T05:59:59", None),
        ("2026-11-25T06:00:00", "2026-11-25T20:00:00"),
        ("2026-11-28T05:59:00", None),  # Friday's window ends on Saturday
        ("2026-11-28T06:00:00", "2026-11-30T20:00:00"),
        ("2026-10-25T12:00:00", "2026-10-26T20:00:00"),  # the clocks went back that night
        ("2027-01-01T12:00:00", None),  # the agreement is over: what was accepted travels
    ],
)
def test_a_window_opens_by_the_wall_clock(at: str, opens_at: str | None) -> None:
    windows = TransferWindows([convention(routine=NIGHT)])
    expected = None if opens_at is None else instant(opens_at)
    assert windows.opens_at(instant(at)) == expected
    is_open = expected is None
    assert windows.least_urgent(instant(at)) is (ExamClass.PRIOR if is_open else ExamClass.REPORT)


def test_asked_again_and_again_it_follows_the_time() -> None:
    windows = TransferWindows([convention(routine=NIGHT)])
    start = instant("2026-11-24T19:00:00")
    for minute in range(24 * 60):
        fresh = TransferWindows([convention(routine=NIGHT)])
        assert windows.opens_at(start + minute * 60) == fresh.opens_at(start + minute * 60)


def test_without_windows_or_convention_everything_may_travel() -> None:
    at = instant("2026-11-24T12:00:00")
    assert TransferWindows([]).opens_at(at) is None
    assert TransferWindows([convention()]).opens_at(at) is None


def test_a_following_version_takes_over_at_once() -> None:
    at = instant("2026-11-24T12:00:00")
    windows = TransferWindows([convention(routine=NIGHT)])
    assert windows.opens_at(at) is not None
    windows.follow([convention(routine=NIGHT), convention(2)])
    assert windows.opens_at(at) is None


def test_of_the_links_cap_and_the_agreed_one_the_least_holds() -> None:
    at = instant("2026-11-24T12:00:00")
    agreed = [{"from": "08:00", "to": "18:00", "mbit": 4}]
    caps, timezone = agreed_caps([convention(cap_mbit=agreed)], at)
    assert agreed_caps([], at)[0] == []
    assert Pacer(([], "UTC"), (caps, timezone)).mbit(at) == 4
    own = [caps[0].model_copy(update={"mbit": 2, "end": "12:30"})]
    pacer = Pacer((own, timezone), (caps, timezone))
    assert [pacer.mbit(at + minutes * 60) for minutes in (0, 29, 30, 359, 360)] == [
        2,
        2,
        4,
        4,
        None,
    ]


def test_routine_waits_for_the_window_and_urgent_does_not(tmp_path: Path) -> None:
    """Closed for days, then agreed anew: the same connection sends what waited."""

    async def course() -> None:
        async with two_boxes(tmp_path) as (hospital, practice, line):
            service, terms = hospital.service, hospital.last_terms
            assert service is not None
            assert terms is not None
            now = datetime.datetime.now(PARIS)
            day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(now.weekday() + 3) % 7]
            closed = convention(routine=[{"days": day, "from": "10:00", "to": "10:01"}])
            closed = closed.model_copy(update={"valid_from": now.date(), "valid_until": now.date()})
            closed = closed.model_copy(
                update={"valid_until": now.date() + datetime.timedelta(days=9)}
            )
            service.renew(with_convention(terms, closed))
            routine = hospital.send(b"routine" * 100)
            urgent = hospital.send(b"urgent" * 100, ExamClass.URGENT)
            service.ring()
            await until(lambda: state(hospital, urgent) is ObjectState.STORED, hospital)
            assert state(hospital, routine) is ObjectState.QUEUED
            assert practice.states(Direction.IN) == {ObjectState.ARRIVED: 1}
            service.renew(terms)
            service.ring()
            await until(lambda: state(hospital, routine) is ObjectState.STORED, hospital)
            assert line.connections == 1

    asyncio.run(course())


def state(box: Any, name: str) -> ObjectState:
    return ObjectState(box.spool.get(name).state)


def with_convention(terms: Any, agreed: Convention) -> Any:
    approvals = [
        Approval(role=role, name="Dr A", at=1, key="A" * 43 + "=", signature="")
        for role in ("requesting", "reading")
    ]
    approved = Approved(convention=agreed, approvals=approvals)
    link = terms.link.model_copy(update={"conventions": [approved]})
    changed = type(terms)(
        link, terms.device, terms.identity, terms.partner_identity, 2, terms.timezone
    )
    assert changed.lasting == terms.lasting
    return changed
