from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bocage_contract.fleet.events import MAX_EVENTS, Event, EventKind
from bocage_edge.agent.outbox import Outbox

NOW = 1_800_000_000.0
EVENT = Event(seq=1, at=5, kind=EventKind.STARTED)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "outbox.db", NOW)
    yield made
    made.close()


def numbers(outbox: Outbox, after: int = 0) -> list[int]:
    return [event.seq for event in outbox.after(after)]


def test_events_are_numbered_without_a_gap_and_stay_until_acknowledged(outbox: Outbox) -> None:
    outbox.add([EVENT, EVENT])
    outbox.add([EVENT])
    assert numbers(outbox) == [1, 2, 3]
    outbox.forget(outbox.epoch, 2)
    assert numbers(outbox) == [3]
    assert (outbox.last, outbox.acknowledged) == (3, 2)


def test_numbers_go_on_after_everything_was_acknowledged(outbox: Outbox) -> None:
    outbox.add([EVENT] * 3)
    outbox.forget(outbox.epoch, 3)
    outbox.add([EVENT])
    assert numbers(outbox) == [4]


def test_an_acknowledgement_of_another_epoch_or_of_the_future_loses_nothing(
    outbox: Outbox,
) -> None:
    outbox.add([EVENT] * 2)
    outbox.forget(outbox.epoch - 1, 2)
    assert numbers(outbox) == [1, 2]
    outbox.forget(outbox.epoch, 1_000_000)
    outbox.add([EVENT])
    assert numbers(outbox) == [3]


def test_a_restart_keeps_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    first = Outbox(path, NOW)
    first.add([EVENT], {"flers-1/box": 7})
    assert first.next_session() == 1
    first.take_command(9, EVENT)
    epoch = first.epoch
    first.close()
    again = Outbox(path, NOW + 1000)
    assert (again.epoch, numbers(again), again.cursor("flers-1/box")) == (epoch, [1, 2], 7)
    assert (again.next_session(), again.command) == (2, 9)
    again.close()


def test_a_lost_outbox_begins_a_later_epoch(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "a.db", NOW)
    later = Outbox(tmp_path / "b.db", NOW + 60)
    assert later.epoch > first.epoch
    first.close()
    later.close()


def test_a_message_holds_a_bounded_run(outbox: Outbox) -> None:
    outbox.add([EVENT] * (MAX_EVENTS + 5))
    assert len(outbox.after(0)) == MAX_EVENTS
    assert len(outbox.after(MAX_EVENTS)) == 5


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=12))
def test_whatever_is_acknowledged_what_is_left_has_no_gap(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[int, int]]
) -> None:
    outbox = Outbox(tmp_path_factory.mktemp("outbox") / "outbox.db", NOW)
    acknowledged = 0
    for added, committed in rounds:
        outbox.add([EVENT] * added)
        outbox.forget(outbox.epoch, committed)
        acknowledged = max(acknowledged, min(committed, outbox.last))
        assert numbers(outbox) == list(range(acknowledged + 1, outbox.last + 1))
    outbox.close()
