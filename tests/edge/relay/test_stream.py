"""Two boxes with real spools over loopback: everything arrives exactly once, whatever is cut."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.capacity import CapWindow
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.relay.outbound import by_exam
from bocage_edge.relay.sending import PUSH_WINDOW_BYTES, Sent
from bocage_edge.relay.terms import Terms
from bocage_edge.spool.types import Direction, ObjectState
from tests.edge.relay.examples import name_of, offer
from tests.edge.relay.twin import LINK, TwinBox, two_boxes, until

REPEATED_LIMIT_BYTES = 4 << 20
FRAMING = 1.02
HOURS_S = 36_000.0


def object_bytes(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 (test data)


async def all_stored(box: TwinBox, count: int) -> None:
    await until(lambda: box.states(Direction.OUT).get(ObjectState.STORED, 0) == count, box)


def in_flight(box: TwinBox) -> int:
    if box.service is None or box.service.outbound is None:
        return 0
    return box.service.outbound.sender.in_flight


def least_urgent_in_flight(box: TwinBox) -> list[int]:
    assert box.service is not None and box.service.outbound is not None
    return sorted(each.urgency[0] for each in box.service.outbound.sender._streams.values())


def is_stored(box: TwinBox, name: str) -> bool:
    row = box.spool.get(name)
    return row is not None and row.state is ObjectState.STORED


def capped(terms: Terms, mbit: int) -> Terms:
    cap = [CapWindow(start="00:00", end="00:00", mbit=mbit)]
    return replace(terms, link=terms.link.model_copy(update={"cap_mbit": cap}))


def is_connected(box: TwinBox) -> bool:
    return box.service is not None and box.service.outbound is not None


def ring(box: TwinBox) -> None:
    assert box.service is not None
    box.service.ring()


def attempts(box: TwinBox, name: str) -> int:
    row = box.spool.get(name)
    return 0 if row is None else row.attempts


async def test_objects_of_all_sizes_arrive_and_are_settled(tmp_path: Path) -> None:
    sizes = [1, 100, 65_536, 131_072, 131_073, 1_048_576, 3_000_001]
    async with two_boxes(tmp_path) as (hospital, practice, _):
        names = [hospital.send(object_bytes(size, size)) for size in sizes]
        await all_stored(hospital, len(names))
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: len(names)}
        assert practice.arrived.is_set()
        due = practice.spool.due_deliveries(practice.clock.now() + 1, 100)
        assert sorted(each.object.name for each in due) == sorted(names)
        practice.say_delivered(names)
        await until(lambda: not hospital.states(Direction.OUT), hospital)


async def test_both_directions_at_once(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        for number in range(20):
            hospital.send(object_bytes(number, 50_000))
            practice.send(object_bytes(1000 + number, 50_000), ExamClass.REPORT)
        await all_stored(hospital, 20)
        await all_stored(practice, 20)


async def test_a_refusal_in_the_partners_ledger_reaches_the_spool(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        name = hospital.send(b"an object")
        await all_stored(hospital, 1)
        refused = draft("refused", practice.clock.now(), object=name, reason="wrong SOP class")
        practice.spool.record(LINK, [refused])
        practice.say_delivered([])
        await until(lambda: ObjectState.REFUSED in hospital.states(Direction.OUT), hospital)
        row = hospital.spool.get(name)
        assert row is not None
        assert row.reason == "wrong SOP class"


async def test_each_box_holds_the_others_word(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        name = hospital.send(b"an object", exam="a" * 32)
        await all_stored(hospital, 1)
        await until(lambda: hospital.keeper.partner_head_number(LINK) == 1, hospital)
        await until(lambda: practice.keeper.partner_head_number(LINK) == 1, practice)
        (stored,) = practice.own_entries()
        (sent,) = hospital.own_entries()
        assert (stored.kind, stored.body["object"]) == ("stored", name)
        assert (sent.kind, sent.body["objects"], sent.body["exam_id"]) == ("sent", [name], "a" * 32)
        assert sent.body["wire_bytes"] == 5 + 119 + 5 + 12 + len(b"an object") + 5 + 4


async def test_cuts_at_any_moment_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 (test data)
    sizes = [chance.choice([500, 20_000, 400_000, 2_500_000]) for _ in range(60)]
    async with two_boxes(tmp_path) as (hospital, practice, line):
        cuts = [chance.randrange(10, 4_000_000) for _ in range(10)]
        line.cut_at(16, 500, *cuts)
        for number, size in enumerate(sizes):
            hospital.send(object_bytes(number, size))
        await all_stored(hospital, len(sizes))
        assert line.cuts_left <= 2
        made = 12 - line.cuts_left
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: len(sizes)}
        limit = sum(sizes) * FRAMING + made * REPEATED_LIMIT_BYTES
        assert line.carried_bytes < limit
        sent = sum(int(e.body["wire_bytes"]) for e in hospital.own_entries() if e.kind == "sent")
        assert sum(sizes) < sent < limit


async def test_one_large_object_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    size = 40_000_000
    async with two_boxes(tmp_path) as (hospital, _, line):
        line.cut_at(9_000_000, 9_000_000, 9_000_000)
        hospital.send(object_bytes(1, size))
        await all_stored(hospital, 1)
        assert line.cuts_left == 0
        assert line.carried_bytes < size * FRAMING + 3 * REPEATED_LIMIT_BYTES


async def test_a_commit_that_was_lost_is_signed_again(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        data = object_bytes(1, 5000)
        name = hospital.send(data)
        await all_stored(hospital, 1)
        hospital.spool.send_again([name])
        service = hospital.service
        assert service is not None
        service.ring()
        await all_stored(hospital, 1)
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: 1}
        await until(lambda: len(hospital.own_entries()) == 2, hospital)
        again = hospital.own_entries()[1]
        assert int(again.body["wire_bytes"]) < len(data) + 200
        assert [entry.kind for entry in practice.own_entries()] == ["stored"]


async def test_an_urgent_object_overtakes_a_large_one(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, line):
        line.hold_at = 100_000
        hospital.send(object_bytes(1, 30_000_000))
        await until(lambda: not line.is_free.is_set(), hospital)
        urgent = hospital.send(object_bytes(2, 300_000), ExamClass.URGENT)
        assert hospital.service is not None
        hospital.service.ring()
        await until(lambda: in_flight(hospital) == 2, hospital)
        line.is_free.set()
        await all_stored(hospital, 2)
        await until(lambda: len(practice.own_entries()) == 2, practice)
        assert practice.own_entries()[0].body["object"] == urgent


async def test_small_objects_are_pushed_and_take_no_answer(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, _, line):
        await until(lambda: is_connected(hospital), hospital)
        line.answers_go.clear()
        for number in range(20):
            hospital.send(object_bytes(number, 30_000))
        ring(hospital)
        await until(lambda: line.carried_bytes > 20 * 30_000, hospital)
        line.answers_go.set()
        await all_stored(hospital, 20)


async def test_pushes_of_what_the_partner_has_are_few(tmp_path: Path) -> None:
    size, count = 100_000, 100
    async with two_boxes(tmp_path) as (hospital, practice, line):
        names = [hospital.send(object_bytes(number, size)) for number in range(count)]
        ring(hospital)
        await all_stored(hospital, count)
        before = line.carried_bytes
        await hospital.stop()  # what it knew of earlier connections is forgotten
        hospital.spool.send_again(names)
        assert hospital.last_terms is not None
        hospital.start(hospital.last_terms)
        await all_stored(hospital, count)
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: count}
        assert line.carried_bytes - before < PUSH_WINDOW_BYTES * FRAMING + count * 300


async def test_what_went_over_a_connection_that_was_cut_is_not_pushed_again(tmp_path: Path) -> None:
    size, count = 200_000, 40
    async with two_boxes(tmp_path) as (hospital, practice, line):
        line.cut_at(1_000_000, 1_000_000)
        for number in range(count):
            hospital.send(object_bytes(number, size))
        ring(hospital)
        await all_stored(hospital, count)
        assert line.cuts_left == 0
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: count}
        assert line.carried_bytes < size * count * FRAMING + 2 * REPEATED_LIMIT_BYTES


async def test_a_raised_object_overtakes_at_once_and_arrives_in_its_class(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, line):
        line.hold_at = 100_000
        hospital.send(object_bytes(1, 8_000_000))
        raised = hospital.send(object_bytes(2, 8_000_000))
        ring(hospital)
        await until(lambda: not line.is_free.is_set(), hospital)
        await until(lambda: in_flight(hospital) == 2, hospital)
        hospital.spool.raise_class(raised, ExamClass.URGENT, [])
        ring(hospital)
        await until(lambda: least_urgent_in_flight(hospital) == [0, 2], hospital)
        line.is_free.set()
        await all_stored(hospital, 2)
        await until(lambda: len(practice.own_entries()) == 2, practice)
        first = practice.own_entries()[0]
        assert (first.body["object"], first.body["exam_class"]) == (raised, "urgent")
        row = practice.spool.get(raised)
        assert row is not None and row.klass is ExamClass.URGENT


async def test_a_cap_holds_the_stream_and_is_lifted_while_it_runs(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, _, line):
        service = hospital.service
        assert service is not None and hospital.last_terms is not None
        service.renew(capped(hospital.last_terms, 1))
        await until(lambda: is_connected(hospital), hospital)
        hospital.send(object_bytes(1, 5_000_000))
        ring(hospital)
        clock = asyncio.get_running_loop()
        began_at, began = clock.time(), line.carried_bytes
        await until(lambda: line.carried_bytes > 100_000, hospital)
        passed_s = clock.time() - began_at
        assert (line.carried_bytes - began) * 8e-6 < 1.0 * passed_s + 0.4
        urgent = hospital.send(object_bytes(2, 20_000), ExamClass.URGENT)
        ring(hospital)
        await until(lambda: is_stored(hospital, urgent), hospital)
        assert line.carried_bytes < 1_000_000
        service.renew(hospital.last_terms)
        await all_stored(hospital, 2)
        assert service.legs.outgoing.connections == 1


async def test_a_full_receiver_puts_off_and_takes_later(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        practice.spool._reserve_bytes = 1 << 60
        name = hospital.send(object_bytes(1, 5000))
        await until(
            lambda: (row := hospital.spool.get(name)) is not None and row.attempts == 1, hospital
        )
        row = hospital.spool.get(name)
        assert row is not None
        assert row.state is ObjectState.QUEUED
        assert row.reason == "the partner puts it off: no space"
        assert not practice.spool.has(name)
        assert list((tmp_path / "practice/spool/incoming").iterdir()) == []


async def test_an_object_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        await hospital.stop()
        broken = hospital.send(object_bytes(1, 5000))
        good = hospital.send(object_bytes(2, 5000))
        (tmp_path / "hospital/spool/objects" / broken[:2] / broken).unlink()
        assert hospital.last_terms is not None
        hospital.start(hospital.last_terms)
        await until(lambda: practice.spool.has(good), practice)
        await until(
            lambda: (row := hospital.spool.get(broken)) is not None and row.attempts == 1, hospital
        )
        hospital.spool.drop([broken], "test")


async def test_a_partner_that_calls_is_called_at_once(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        await until(lambda: is_connected(practice), practice)
        terms = hospital.last_terms, practice.last_terms
        assert terms[0] is not None and terms[1] is not None
        await hospital.stop()
        await practice.stop()
        alone = practice.start(terms[1], redial_s=lambda _failures, _jitter: HOURS_S)
        await until(lambda: "cannot" in alone.legs.outgoing.reason, practice)
        assert not is_connected(practice)
        hospital.start(terms[0])
        await until(lambda: is_connected(practice), practice)


async def test_the_newest_connection_of_the_partner_wins(tmp_path: Path) -> None:
    async with two_boxes(tmp_path) as (hospital, practice, _):
        hospital.send(b"first")
        await all_stored(hospital, 1)
        assert hospital.service is not None and practice.service is not None
        before = practice.service.legs.incoming.connections
        connection = practice.service.legs.incoming.connection
        dial = asyncio.create_task(hospital.service._dial(hospital.service.legs.outgoing))
        await until(
            lambda: (
                practice.service is not None
                and practice.service.legs.incoming.connections == before + 1
            ),
            practice,
        )
        assert connection is not None and connection.ending is not None
        hospital.send(b"second")
        hospital.service.ring()
        await all_stored(hospital, 2)
        hospital.service.stop()
        await dial


@pytest.mark.parametrize(("count", "lots"), [(1, [1]), (40, [40]), (41, [40, 1])])
def test_a_ledger_entry_names_at_most_forty_objects(count: int, lots: list[int]) -> None:
    sent = [Sent(offer(number, name_of(number)), 10) for number in range(count)]
    assert [len(some) for _, some in by_exam(sent)] == lots
