"""The watch over a real spool: raised once with its entry, said, and cleared when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.exam.watch import REPORT_OVERDUE, SLOT_MISSED, URGENT_WAITING, Road
from bocage_edge.keeper.permissions import may_write
from bocage_edge.relay.watch import LinkWatch
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction, Settlement, Verdict
from tests.edge.spool.exams import put
from tests.edge.spool.making import LINK, accept, digest_of, open_spool, outgoing
from tests.fakes.clock import FakeClock

EXAM = digest_of("exam")[:32]
NOON = 1_800_000_000.0
DOWN = Road(down_since=NOON - 7200, goodput_bytes_s=None, is_sender=True)
READING = replace(DOWN, is_sender=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Iterator[Spool]:
    opened = open_spool(tmp_path, clock)
    yield opened
    opened.close()


def exam(direction: Direction = Direction.OUT, klass: ExamClass = ExamClass.ROUTINE) -> Exam:
    is_routine = klass is ExamClass.ROUTINE
    return Exam(
        direction,
        LINK,
        EXAM,
        klass,
        "FLERS",
        ExamState.ACCEPTED,
        NOON,
        accepted_at=NOON,
        slot_from=NOON + 4500 if is_routine else None,
        arrive_by=NOON + 3600 if is_routine else None,
    )


def look(watch: LinkWatch, spool: Spool, road: Road, now: float) -> list[str]:
    return [alarm["code"] for alarm in watch.look(spool, road, now).alarms]


def entries(spool: Spool) -> list[str]:
    kinds = [each.draft.kind for each in spool.pending_entries(100)]
    return [kind for kind in kinds if kind != "received"]


def test_a_slot_is_told_once_while_the_tunnel_is_down_and_cleared_by_delivery(spool: Spool) -> None:
    put(spool, exam())
    name = accept(spool, b"sealed", outgoing("a"))
    watch = LinkWatch(LINK)
    by = NOON + 3600
    for minute in range(61, 0, -1):
        assert look(watch, spool, DOWN, by - minute * 60) == [SLOT_MISSED] * (minute <= 40)
    assert entries(spool) == [SLOT_MISSED]
    (alarm,) = watch.outlook.alarms
    assert alarm["at"] == by - 2400
    assert (alarm["exams"], alarm["instances"], alarm["bytes"]) == (1, 1, 6)
    assert look(LinkWatch(LINK), spool, DOWN, by) == [SLOT_MISSED]  # after a restart of relay
    assert entries(spool) == [SLOT_MISSED]

    spool.settle([Settlement(name, Verdict.DELIVERED)])
    assert look(watch, spool, DOWN, by + 60) == []
    found = spool.exam(Direction.OUT, LINK, EXAM)
    assert found is not None
    assert found.alarmed == frozenset()


def test_the_reading_box_misses_what_it_only_knows_from_the_ledger(spool: Spool) -> None:
    put(spool, replace(exam(Direction.IN), quiet_at=NOON, quiet_instances=3))
    watch = LinkWatch(LINK)
    assert look(watch, spool, READING, NOON + 1100) == []
    assert look(watch, spool, READING, NOON + 1200) == [SLOT_MISSED]
    assert watch.outlook.alarms[0]["instances"] == 3


@pytest.mark.parametrize("direction", list(Direction))
def test_an_urgent_exam_is_told_at_both_boxes(spool: Spool, direction: Direction) -> None:
    put(spool, exam(direction, ExamClass.URGENT))
    if direction is Direction.OUT:
        accept(spool, b"sealed", outgoing("a", klass=ExamClass.URGENT))
    watch = LinkWatch(LINK)
    assert look(watch, spool, DOWN, NOON + 60) == []
    assert look(watch, spool, DOWN, NOON + 61) == [URGENT_WAITING]
    assert look(watch, spool, DOWN, NOON + 90) == [URGENT_WAITING]
    assert entries(spool) == [URGENT_WAITING]


@pytest.mark.parametrize("direction", list(Direction))
def test_a_report_is_told_at_both_boxes_until_it_is_there(
    spool: Spool, direction: Direction
) -> None:
    due = replace(exam(direction, ExamClass.PRIOR), report_due=NOON + 600)
    put(spool, due)
    watch = LinkWatch(LINK)
    assert look(watch, spool, DOWN, NOON + 600) == []
    assert look(watch, spool, DOWN, NOON + 601) == [REPORT_OVERDUE]
    there = replace(due, report_at=NOON + 700, alarmed=frozenset({REPORT_OVERDUE}))
    put(spool, there)
    assert look(watch, spool, DOWN, NOON + 800) == []
    assert entries(spool) == [REPORT_OVERDUE]


def test_relay_may_write_what_the_watch_says(spool: Spool) -> None:
    put(spool, exam())
    accept(spool, b"sealed", outgoing("a"))
    LinkWatch(LINK).look(spool, DOWN, NOON + 3000)
    (alarm,) = [each.draft for each in spool.pending_entries(9) if each.draft.kind != "received"]
    assert may_write("relay", alarm)
    assert not may_write("receive", alarm)


def test_a_line_is_away_since_it_was_seen_to_be() -> None:
    watch = LinkWatch(LINK)
    assert watch.down_since(is_up=True, now=1.0) is None
    assert watch.down_since(is_up=False, now=2.0) == 2.0
    assert watch.down_since(is_up=False, now=3.0) == 2.0
    assert watch.down_since(is_up=True, now=4.0) is None
