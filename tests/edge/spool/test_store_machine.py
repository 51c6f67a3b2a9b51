"""Whatever is done in whatever order: the spool and a model of it in a few dictionaries agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.ledger.flush import flush
from bocage_edge.spool.types import ObjectState, Settlement, Verdict
from tests.edge.ledger.fake_keeper import FakeKeeper
from tests.edge.spool.making import (
    LINK,
    accept,
    arrive,
    assert_clean,
    open_spool,
    outgoing,
)
from tests.fakes.clock import FakeClock

# In memory where there is some: it is the logic that is looked at here, not the medium.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder made anew in it
CLASSES = strategies.sampled_from(list(ExamClass))
VERDICTS = strategies.sampled_from(list(Verdict))
DESTINATIONS = ["pacs", "station"]
MAY_SETTLE = {
    Verdict.DELIVERED: {ObjectState.QUEUED, ObjectState.STORED, ObjectState.REFUSED},
    Verdict.REFUSED: {ObjectState.QUEUED, ObjectState.STORED},
}


@dataclass
class Expected:
    """One object as the model sees it."""

    number: int
    klass: ExamClass
    state: ObjectState
    due_at: float
    is_held: bool = False
    waiting: dict[str, float] = field(default_factory=dict)  # destination -> due at
    refused: set[str] = field(default_factory=set)


class SpoolMachine(RuleBasedStateMachine):
    """Operations of every unit, in any order, with the process killed in between."""

    sent: Bundle[str] = Bundle("sent")
    got: Bundle[str] = Bundle("got")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="bocage-spool-", dir=MEMORY)
        self.clock = FakeClock()
        self.spool = open_spool(Path(self.folder.name), self.clock)
        self.keeper = FakeKeeper()
        self.model: dict[str, Expected] = {}
        self.entries = 0
        self.number = 0

    def _next(self) -> bytes:
        self.number += 1
        return b"object %d" % self.number

    @rule(target=sent, klass=CLASSES)
    def bring(self, klass: ExamClass) -> str:
        content = self._next()
        name = accept(self.spool, content, outgoing(content.decode(), klass=klass))
        self.entries += 1
        self.model[name] = Expected(self.number, klass, ObjectState.QUEUED, self.clock.now())
        return name

    @rule(target=got, klass=CLASSES, count=strategies.integers(0, 2))
    def come(self, klass: ExamClass, count: int) -> str:
        content = self._next()
        name = arrive(self.spool, content, DESTINATIONS[:count], klass=klass)
        self.entries += 1
        waiting = dict.fromkeys(DESTINATIONS[:count], self.clock.now())
        self.model[name] = Expected(
            self.number, klass, ObjectState.ARRIVED, self.clock.now(), count == 0, waiting
        )
        return name

    @rule(name=sent, klass=CLASSES)
    def raise_class(self, name: str, klass: ExamClass) -> None:
        expected = self.model[name]
        raised = self.spool.raise_class(name, klass, [draft("raised", 1.0, object=name)])
        assert raised == (klass.rank < expected.klass.rank)
        if raised:
            self.entries += 1
            expected.klass = klass

    @rule(name=sent, delay_s=strategies.integers(0, 100))
    def defer(self, name: str, delay_s: int) -> None:
        self.spool.defer(name, self.clock.now() + delay_s)
        if self.model[name].state is ObjectState.QUEUED:
            self.model[name].due_at = self.clock.now() + delay_s

    @rule(name=sent)
    def store(self, name: str) -> None:
        self.spool.mark_stored([name])
        if self.model[name].state is ObjectState.QUEUED:
            self.model[name].state = ObjectState.STORED

    @rule(name=sent, verdict=VERDICTS)
    def settle(self, name: str, verdict: Verdict) -> None:
        expected = self.model[name]
        changes = expected.state in MAY_SETTLE[verdict]
        assert self.spool.settle([Settlement(name, verdict)]) == ([name] if changes else [])
        if changes:
            done = verdict is Verdict.DELIVERED
            expected.state = ObjectState.RETIRED if done else ObjectState.REFUSED
            expected.is_held = expected.is_held and not done

    @rule(name=sent)
    def send_again(self, name: str) -> None:
        expected = self.model[name]
        changes = expected.state in (ObjectState.STORED, ObjectState.REFUSED)
        assert self.spool.send_again([name]) == ([name] if changes else [])
        if changes:
            expected.state, expected.due_at = ObjectState.QUEUED, self.clock.now()

    @rule(name=strategies.one_of(sent, got))
    def hold(self, name: str) -> None:
        expected = self.model[name]
        gone = expected.state in (ObjectState.RETIRED, ObjectState.DROPPED)
        changes = not expected.is_held and not gone
        assert self.spool.hold([name], "asked") == ([name] if changes else [])
        expected.is_held = expected.is_held or changes

    @rule(name=sent)
    def release(self, name: str) -> None:
        expected = self.model[name]
        assert self.spool.release([name]) == ([name] if expected.is_held else [])
        expected.is_held = False

    @rule(name=strategies.one_of(sent, got))
    def drop(self, name: str) -> None:
        expected = self.model[name]
        gone = expected.state in (ObjectState.RETIRED, ObjectState.DROPPED)
        assert self.spool.drop([name], "given up") == ([] if gone else [name])
        if not gone:
            expected.state, expected.is_held = ObjectState.DROPPED, False
            expected.refused |= expected.waiting.keys()
            expected.waiting.clear()

    @rule(destination=strategies.sampled_from(DESTINATIONS), delay_s=strategies.integers(1, 100))
    def try_and_defer(self, destination: str, delay_s: int) -> None:
        for delivery in self.spool.due_deliveries(self.clock.now(), 1, destination):
            assert self.spool.begin_attempt(delivery.id, self.clock.now() + 1000)
            self.spool.defer_delivery(delivery.id, self.clock.now() + delay_s, "busy")
            self.model[delivery.object.name].waiting[destination] = self.clock.now() + delay_s

    @rule(destination=strategies.sampled_from(DESTINATIONS), verdict=VERDICTS)
    def try_and_settle(self, destination: str, verdict: Verdict) -> None:
        for delivery in self.spool.due_deliveries(self.clock.now(), 1, destination):
            expected = self.model[delivery.object.name]
            assert self.spool.begin_attempt(delivery.id, self.clock.now() + 1000)
            entry = draft(verdict.value, 1.0, object=delivery.object.name)
            state = self.spool.settle_delivery(delivery.id, verdict, [entry])
            self.entries += 1
            del expected.waiting[destination]
            if verdict is Verdict.REFUSED:
                expected.refused.add(destination)
            if not expected.waiting:
                refused = ObjectState.REFUSED if expected.refused else ObjectState.RETIRED
                expected.state = refused
            assert state is expected.state

    @rule(destination=strategies.sampled_from(DESTINATIONS))
    def destination_is_back(self, destination: str) -> None:
        self.spool.release_destination(destination)
        for expected in self.model.values():
            if destination in expected.waiting:
                due_at = min(expected.waiting[destination], self.clock.now())
                expected.waiting[destination] = due_at

    @rule(seconds=strategies.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def flush_entries(self) -> None:
        flush(self.spool, self.keeper)
        assert len(self.keeper.entries) == self.entries

    @rule()
    def keeper_dies_after_writing(self) -> None:
        waiting = self.spool.pending_entries(500)
        self.keeper.append(self.spool.source, waiting)

    @rule(half=strategies.booleans())
    def process_is_killed(self, half: bool) -> None:
        if half:
            incoming = self.spool.incoming()
            incoming.write(b"half")
            incoming.release()
        self.spool.close()
        self.spool = open_spool(Path(self.folder.name), self.clock)
        self.spool.sweep()
        assert_clean(self.spool)

    @invariant()
    def what_is_to_be_sent_is_what_the_model_says(self) -> None:
        now = self.clock.now()
        expected = [
            name
            for name, each in sorted(
                self.model.items(), key=lambda item: (item[1].klass.rank, item[1].number)
            )
            if each.state is ObjectState.QUEUED and not each.is_held and each.due_at <= now
        ]
        assert [each.name for each in self.spool.due_outgoing(LINK, now, 999)] == expected

    @invariant()
    def what_is_to_be_delivered_is_what_the_model_says(self) -> None:
        now = self.clock.now()
        expected = {
            (name, destination)
            for name, each in self.model.items()
            for destination, due_at in each.waiting.items()
            if due_at <= now and not each.is_held
        }
        found = self.spool.due_deliveries(now, 999)
        assert {(each.object.name, each.destination) for each in found} == expected

    @invariant()
    def every_object_is_in_the_state_the_model_says(self) -> None:
        states = {name: found.state for name in self.model if (found := self.spool.get(name))}
        assert states == {name: each.state for name, each in self.model.items()}

    def teardown(self) -> None:
        flush(self.spool, self.keeper)
        assert len(self.keeper.entries) == self.entries
        assert_clean(self.spool)
        self.spool.close()
        self.folder.cleanup()


SpoolMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestSpool = SpoolMachine.TestCase
