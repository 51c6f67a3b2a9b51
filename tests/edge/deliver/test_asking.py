"""Asking stations to vouch for what they were given; delivery depends on none of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.asking import ASK_AGAIN_S, GIVE_UP_AFTER_S, Asking
from bocage_edge.deliver.commitment_calls import Asked
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.schedule import FIRST_DELAY_S
from bocage_edge.deliver.vouching import ASK_AFTER_S
from bocage_edge.exam.references import Reference, Request, Result, transaction_digest
from bocage_edge.spool.station_commitments import StationOutcome
from bocage_edge.spool.types import ObjectState
from tests.edge.deliver.practice import LINK, Practice
from tests.edge.deliver.station import CR, Station, station
from tests.fakes.instances import instance


def vouched(request: Request) -> Result:
    """Everything is there."""
    return Result(request.transaction, request.references)


class Box:
    """A practice whose station is asked; what the station says is a script."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        practice.setup = replace(practice.setup, revision=1)
        self.requests: list[Request] = []
        self.answers: list[Asked] = []
        # What it says where nothing is scripted: it vouches for everything at once.
        self.default: Callable[[Request], Result] = vouched
        self.wanted = 0
        self.errands = Errands(lambda: None)
        self.asking = Asking(
            practice.spool,
            self.errands,
            lambda: practice.keys,
            self._ask,
            draw=lambda: 0.0,
            entries_wait=self._want,
        )

    def _want(self) -> None:
        self.wanted += 1

    def _ask(self, there: DicomDestination, request: Request) -> Asked:
        assert there.name == "pacs"
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else Asked(result=self.default(request))

    def deliver(self, *numbers: int) -> None:
        for number in numbers:
            self.practice.arrive(instance(number))
        self.practice.run()

    def step(self, after_s: float = 0.0) -> None:
        self.practice.clock.advance(after_s)
        now = self.practice.clock.now()
        self.asking.step(now, self.practice.setup)
        self.errands.join(10.0)

    def bodies(self) -> list[dict[str, Any]]:
        return self.practice.bodies("committed")

    def states(self) -> list[str]:
        return [each["state"] for each in self.asking.status()["stations"]]


@pytest.fixture
def there() -> Iterator[Station]:
    with station() as up:
        yield up


@pytest.fixture
def box(tmp_path: Path, there: Station) -> Iterator[Box]:
    with Practice(tmp_path, there.destination(commitment=True)) as practice:
        yield Box(practice)


def key_of(number: int) -> str:
    return hashlib.sha256(instance(number).sop_instance.encode()).hexdigest()[:32]


def test_what_was_delivered_is_asked_about_together(box: Box) -> None:
    box.deliver(1, 2, 3)
    box.step(ASK_AFTER_S - 1)
    assert box.requests == []
    box.step(2.0)
    (request,) = box.requests
    wanted = {Reference(CR, instance(number).sop_instance) for number in (1, 2, 3)}
    assert set(request.references) == wanted
    assert request.transaction.startswith("2.25.")
    assert [body["ok"] for body in box.bodies()] == [True] * 3
    assert {body["destination"] for body in box.bodies()} == {"pacs"}
    assert box.wanted == 1
    box.step(2 * ASK_AGAIN_S)
    assert len(box.requests) == 1


def test_delivery_says_that_it_asks_and_is_done_without_an_answer(box: Box) -> None:
    """The sender knows to wait for the station's word; the object has left all the same."""
    name = box.practice.arrive(instance(1))
    box.practice.run()
    assert box.practice.body("delivered")["commits"] is True
    found = box.practice.spool.get(name)
    assert found is not None
    assert found.state is ObjectState.RETIRED


def test_a_station_that_is_not_to_be_asked_is_not(tmp_path: Path, there: Station) -> None:
    with Practice(tmp_path, there.destination()) as practice:
        box = Box(practice)
        box.deliver(1)
        assert "commits" not in practice.body("delivered")
        box.step(ASK_AFTER_S)
        assert box.requests == []


def test_what_a_station_has_lost_is_said(box: Box) -> None:
    box.deliver(1, 2)
    one, two = (Reference(CR, instance(number).sop_instance) for number in (1, 2))
    box.default = lambda request: Result(request.transaction, (one,), ((two, 0x0112),))
    box.step(ASK_AFTER_S)
    assert sorted((body["ok"], body.get("failure")) for body in box.bodies()) == [
        (False, 0x0112),
        (True, None),
    ]
    assert box.states() == ["failed"]
    assert box.asking.status()["lost_exams"] == ["ab" * 16]


def test_a_question_that_is_not_taken_is_put_again(box: Box) -> None:
    box.answers = [Asked("it answered 0x0110 to the N-ACTION")]
    box.deliver(1)
    box.step(ASK_AFTER_S)
    (said,) = box.asking.status()["stations"]
    assert (said["state"], said["reason"]) == ("due", "it answered 0x0110 to the N-ACTION")
    box.step(FIRST_DELAY_S + 1)
    first, second = box.requests
    assert first.transaction != second.transaction
    assert box.bodies()[0]["ok"] is True
    assert box.asking.status()["stations"] == []


def test_a_result_that_comes_later_is_waited_for_a_day(box: Box) -> None:
    box.answers = [Asked(), Asked()]
    box.deliver(1)
    box.step(ASK_AFTER_S)
    assert box.states() == ["asked"]
    box.step(ASK_AGAIN_S - 10)
    assert len(box.requests) == 1
    box.step(20.0)
    assert len(box.requests) == 2
    # To the first question, over an association of the station's: receive writes it down.
    digest = transaction_digest(box.requests[0].transaction)
    outcome = StationOutcome(LINK, key_of(1), None)
    assert box.practice.spool.station_answered("pacs", digest, [outcome]) == 1
    assert box.states() == []


def test_a_result_of_another_transaction_is_not_believed(box: Box) -> None:
    box.answers = [Asked(result=Result("2.25.1", (Reference(CR, instance(1).sop_instance),)))]
    box.deliver(1)
    box.step(ASK_AFTER_S)
    assert box.bodies() == []
    assert box.states() == ["asked"]


def test_a_station_that_never_answers_is_given_up_after_a_week(box: Box) -> None:
    box.answers = [Asked()] * 20
    box.deliver(1)
    for _ in range(9):
        box.step(86_400.0)
    box.step(GIVE_UP_AFTER_S)
    (body,) = box.bodies()
    assert body["answered"] is False
    assert box.states() == []


def test_a_locked_box_asks_nobody(box: Box) -> None:
    """What is to be named lies sealed."""
    box.deliver(1)
    box.practice.setup = replace(box.practice.setup, locked="locked")
    box.step(ASK_AFTER_S)
    assert box.requests == []
    assert box.states() == ["due"]


def test_a_station_that_is_not_configured_for_it_any_more(box: Box, there: Station) -> None:
    box.deliver(1)
    plain = there.destination()
    box.practice.setup = replace(box.practice.setup, destinations={"pacs": plain})
    box.step(ASK_AFTER_S)
    assert box.requests == []
    assert [body["answered"] for body in box.bodies()] == [False]
    assert box.states() == []


def test_before_there_is_a_configuration_nothing_is_given_up(box: Box) -> None:
    box.deliver(1)
    box.practice.setup = replace(box.practice.setup, destinations={}, revision=0)
    box.step(ASK_AFTER_S)
    assert box.states() == ["due"]


def test_killed_while_it_asks_it_asks_again_another_day(box: Box) -> None:
    box.deliver(1)
    box.practice.clock.advance(ASK_AFTER_S)
    box.asking.step(box.practice.clock.now(), box.practice.setup)
    again = Box(box.practice)
    again.step()
    assert again.requests == []
    again.step(ASK_AGAIN_S + 1)
    assert len(again.requests) == 1
    box.errands.join(10.0)
