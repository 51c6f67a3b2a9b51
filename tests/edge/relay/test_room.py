"""What the relay says of the spool, for the agent."""

from __future__ import annotations

from pathlib import Path

from bocage_contract.exam_class import ExamClass
from bocage_edge.relay.room import room_of
from bocage_edge.spool.store import Spool
from tests.edge.spool.making import LINK, accept, arrive, open_spool, outgoing
from tests.fakes.clock import FakeClock


def test_what_waits_is_counted_by_direction_and_class(tmp_path: Path) -> None:
    clock = FakeClock()
    spool: Spool = open_spool(tmp_path, clock)
    accept(spool, b"one", outgoing("a"))
    began = clock.now()
    clock.advance(60)
    accept(spool, b"three", outgoing("b"))
    accept(spool, b"urgent", outgoing("c", klass=ExamClass.URGENT))
    arrive(spool, b"from them")
    said = room_of(spool, tmp_path)
    counted = {
        (each["direction"], each["class"]): (each["objects"], each["bytes"])
        for each in said["backlog"]
    }
    assert counted == {
        ("out", "routine"): (2, 8),
        ("out", "urgent"): (1, 6),
        ("in", "routine"): (1, 9),
    }
    (routine,) = [each for each in said["backlog"] if each["objects"] == 2]
    assert (routine["link"], routine["oldest_at"]) == (LINK, began)
    assert said["refused"] == 0
    assert said["free_bytes"] > 0
    spool.close()


def test_what_is_held_waits_for_a_person_and_not_for_the_road(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, FakeClock())
    name = accept(spool, b"one", outgoing("a"))
    spool.hold([name], "a person's word", [])
    assert room_of(spool, tmp_path)["backlog"] == []
    spool.close()
