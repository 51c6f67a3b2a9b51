"""Requests for storage commitment: decided by what the ledgers say, told until they are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.commitment import Commitment as Configured
from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.committing import (
    CANNOT_OPEN,
    GIVE_UP_AFTER_S,
    NOT_CONFIGURED,
    Committing,
)
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.forwarder import Setup
from bocage_edge.deliver.schedule import FIRST_DELAY_S
from bocage_edge.exam.identity import class_key, instance_key
from bocage_edge.exam.references import Reference, Request, Result, write_request
from bocage_edge.own_seal import seal_for_ourselves
from bocage_edge.seal.keys import new_key
from bocage_edge.spool.commitments import CommitmentItem, CommitmentState, NewCommitment, Taken
from bocage_edge.spool.station_commitments import FarCommitment
from bocage_edge.spool.types import Settlement, Verdict
from tests.edge.deliver.station import CR, CT
from tests.edge.spool.making import LINK, accept, assert_clean, digest_of, open_spool, outgoing
from tests.fakes.clock import FakeClock

LINK_KEY = bytes(range(32))
KEY, OTHER_KEY = new_key(), new_key()
MODALITY = Configured(aet="CR1", host="127.0.0.1", port=104, unknown_after_s=60)
UNLOCKED = Setup({}, commitments={"CR1": MODALITY})
LOCKED = replace(UNLOCKED, locked="the box is locked")


class Hospital:
    """A box with instances on their way, and a modality that asks about them."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(1_800_000_000.0)
        self.spool = open_spool(root, self.clock, unit="deliver")
        self.keys: tuple[str, ...] = (KEY.secret,)
        self.told: list[tuple[DicomDestination, Result]] = []
        self.answers: list[str] = []  # of the modality, empty: it takes the result
        self.wanted = 0
        self.errands = Errands(lambda: None)
        self.committing = self.restarted()

    def restarted(self) -> Committing:
        """The unit's mind after a restart: it knows what the index knows."""
        return Committing(
            self.spool,
            self.errands,
            lambda: self.keys,
            self._tell,
            draw=lambda: 0.0,
            entries_wait=self._want,
        )

    def _want(self) -> None:
        self.wanted += 1

    def _tell(self, there: DicomDestination, result: Result) -> str:
        self.told.append((there, result))
        return self.answers.pop(0) if self.answers else ""

    def instance(self, uid: str, sop_class: str = CR, content: str = "") -> str:
        """Take an instance; gives its object's name."""
        new = replace(
            outgoing(content or uid),
            instance_key=instance_key(LINK_KEY, uid),
            class_key=class_key(LINK_KEY, sop_class),
        )
        return accept(self.spool, f"{uid} {content} {self.clock.now()}".encode(), new)

    def deliver(self, *names: str) -> None:
        self.spool.mark_stored(names)
        self.spool.settle([Settlement(name, Verdict.DELIVERED) for name in names])

    def refuse(self, *names: str) -> None:
        self.spool.settle([Settlement(name, Verdict.REFUSED, "no") for name in names])

    def ask(self, *uids: str, transaction: str = "2.25.7", key: str = "") -> Taken:
        references = tuple(Reference(CR, uid) for uid in uids)
        items = [
            CommitmentItem(instance_key(LINK_KEY, each.sop_instance), class_key(LINK_KEY, CR))
            for each in references
        ]
        request = write_request(Request(transaction, references))
        return self.spool.take_commitment(
            NewCommitment(
                link=LINK,
                caller="CR1",
                service="FLERS",
                transaction_key=digest_of(transaction)[:32],
                request_digest=digest_of("".join(sorted(uids))),
                items=items,
                sealed=seal_for_ourselves(request, key or KEY.recipient),
            ),
            [],
        )

    def step(self, setup: Setup = UNLOCKED, *, after_s: float = 0.0) -> float:
        """Let time pass, and let the unit do all it can do then."""
        self.clock.advance(after_s)
        self.committing.step(self.clock.now(), setup)
        self.errands.join(10.0)
        return self.committing.step(self.clock.now(), setup)

    def bodies(self) -> list[dict[str, Any]]:
        return [
            dict(each.draft.body)
            for each in self.spool.pending_entries(1000)
            if each.draft.kind == "committed"
        ]

    @property
    def results(self) -> list[Result]:
        return [result for _, result in self.told]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(tmp_path)
    yield made
    assert_clean(made.spool)
    made.spool.close()


def test_success_is_said_once_everything_is_delivered_and_not_before(box: Hospital) -> None:
    one, two = box.instance("1.1"), box.instance("1.2")
    box.ask("1.1", "1.2")
    for name in (one, two):
        box.step(after_s=100.0)
        assert box.told == []
        box.deliver(name)
    box.step(after_s=100.0)
    ((there, result),) = box.told
    assert result == Result("2.25.7", (Reference(CR, "1.1"), Reference(CR, "1.2")))
    assert (there.aet, there.host, there.port, there.calling_aet) == (
        "CR1",
        "127.0.0.1",
        104,
        "FLERS",
    )
    box.step(after_s=1e5)
    assert len(box.told) == 1
    (body,) = box.bodies()
    assert body == {
        "transaction": digest_of("2.25.7")[:32],
        "to": "CR1",
        "instances": 2,
        "failed": 0,
        "ok": True,
        "told": True,
    }
    assert box.wanted == 1


def test_a_day_and_more_it_waits_and_says_nothing(box: Hospital) -> None:
    box.instance("1.1")
    box.ask("1.1")
    for _ in range(10):
        box.step(after_s=86_400.0)
    assert box.told == []
    (open_one,) = box.committing.status()
    assert (open_one["caller"], open_one["state"], open_one["requests"]) == ("CR1", "waiting", 1)


def test_each_failure_has_its_reason(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.refuse(box.instance("1.2"))
    box.deliver(box.instance("1.3", sop_class=CT))
    box.ask("1.1", "1.2", "1.3", "1.4")
    box.step(after_s=59.0)
    assert box.told == []  # 1.4 may still come
    box.step(after_s=2.0)
    (result,) = box.results
    assert result.committed == (Reference(CR, "1.1"),)
    assert [(each.sop_instance, reason) for each, reason in result.failed] == [
        ("1.2", 0x0110),
        ("1.3", 0x0119),
        ("1.4", 0x0112),
    ]
    assert (box.bodies()[0]["failed"], box.bodies()[0]["ok"]) == (3, False)


def test_a_request_that_overtakes_its_instance_waits_for_it(box: Hospital) -> None:
    box.ask("1.1")
    box.step(after_s=30.0)
    name = box.instance("1.1")
    box.step(after_s=60.0)
    assert box.told == []
    box.deliver(name)
    box.step(after_s=60.0)
    assert box.results[0].event_type == 1


def test_two_contents_under_one_uid_have_both_to_be_there(box: Hospital) -> None:
    first, second = box.instance("1.1", content="a"), box.instance("1.1", content="b")
    box.ask("1.1")
    box.deliver(second)
    box.step(after_s=100.0)
    assert box.told == []
    box.deliver(first)
    box.step(after_s=100.0)
    assert box.results[0].event_type == 1


def test_what_an_operator_gave_up_is_no_success(box: Hospital) -> None:
    box.spool.drop([box.instance("1.1")], "by hand")
    box.ask("1.1")
    box.step()
    assert [reason for _, reason in box.results[0].failed] == [0x0110]


def test_a_locked_box_decides_and_tells_when_it_is_unlocked(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.ask("1.1")
    assert box.step(LOCKED) > 1.0
    assert box.told == []
    assert [each["state"] for each in box.committing.status()] == ["decided"]
    box.step()
    assert len(box.told) == 1


def test_a_result_is_told_again_until_it_is_taken(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.ask("1.1")
    box.answers = ["station cannot be reached", "it answered 0x0110 to the N-EVENT-REPORT"]
    box.step()
    assert box.committing.status()[0]["reason"] == "station cannot be reached"
    box.step(after_s=FIRST_DELAY_S - 1)
    assert len(box.told) == 1
    box.step(after_s=2.0)
    assert len(box.told) == 2
    box.step(after_s=2 * FIRST_DELAY_S + 1)
    assert len(set(box.results)) == 1
    assert len(box.told) == 3
    assert box.committing.status() == []


def test_killed_between_attempt_and_record_it_is_told_again_the_same(box: Hospital) -> None:
    """The asker hears it twice, and it says the same."""
    box.refuse(box.instance("1.1"))
    box.ask("1.1")
    box.committing.step(box.clock.now(), UNLOCKED)
    box.errands = Errands(lambda: None)  # what the call came to died with the process
    box.deliver(box.instance("1.1", content="sent again"))
    box.committing = box.restarted()
    box.step(after_s=FIRST_DELAY_S + 1)
    first, second = box.results
    assert first == second
    assert len(box.bodies()) == 1


def test_after_a_week_it_is_given_up_and_the_ledger_says_so(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.ask("1.1")
    box.answers = ["station cannot be reached"] * 2
    box.step()
    box.step(after_s=GIVE_UP_AFTER_S)
    (body,) = box.bodies()
    assert (body["told"], body["ok"]) == (False, True)
    assert box.committing.status() == []


def test_a_caller_that_is_not_configured_any_more(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.ask("1.1")
    box.step(Setup({}))
    assert box.told == []
    assert box.committing.status()[0]["reason"] == NOT_CONFIGURED


def test_a_request_sealed_to_a_key_that_is_gone(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    box.ask("1.1", key=OTHER_KEY.recipient)
    box.step()
    assert box.told == []
    assert box.committing.status()[0]["reason"] == CANNOT_OPEN
    box.keys = (KEY.secret, OTHER_KEY.secret)
    box.step(after_s=FIRST_DELAY_S + 1)
    assert len(box.told) == 1


def test_one_ae_that_is_off_holds_up_no_other(box: Hospital) -> None:
    box.deliver(box.instance("1.1"))
    for number in range(3):
        box.ask("1.1", transaction=f"2.25.{number}")
    box.answers = ["station cannot be reached"]
    for _ in range(4):
        box.step(after_s=1.0)
    assert len(box.told) == 3
    found = box.spool.due_commitments(CommitmentState.DECIDED, 1e12, 10)
    assert len(found) == 1


def test_where_the_partners_station_vouches_that_is_waited_for(box: Hospital) -> None:
    name = box.instance("1.1")
    box.ask("1.1")
    box.spool.note_far_commitments([FarCommitment(name, "pacs", None)])
    box.deliver(name)
    box.step(after_s=100.0)
    assert box.told == []
    box.spool.note_far_commitments([FarCommitment(name, "pacs", True)])
    box.step(after_s=100.0)
    assert box.results[0].event_type == 1


def test_what_the_partners_station_has_lost_is_no_success(box: Hospital) -> None:
    name = box.instance("1.1")
    box.ask("1.1")
    box.deliver(name)
    box.spool.note_far_commitments([FarCommitment(name, "pacs", False)])
    box.step(after_s=100.0)
    assert [reason for _, reason in box.results[0].failed] == [0x0110]
