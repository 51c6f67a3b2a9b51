"""An instance that came again with other bytes, as the convention says what is delivered of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.configuration import Desired, Link
from bocage_edge.deliver.changing import Fate, fate_of
from bocage_edge.spool.contents import CHANGED, SUPERSEDED, OtherContents
from bocage_edge.spool.types import ObjectState
from tests.contract.keys import desired_document, identity
from tests.edge.deliver.practice import EXAM, LINK, Practice
from tests.edge.deliver.station import station
from tests.fakes.instances import instance

FIRST, SECOND = instance(1), instance(1, patient="Doe^John")
OLDER, NEWER, NEITHER = OtherContents(older=True), OtherContents(newer=True), OtherContents()


@pytest.mark.parametrize(
    ("rule", "others", "is_let_go", "fate"),
    [
        ("both", OtherContents(older=True, newer=True), False, Fate.DELIVER),
        ("newest", NEWER, False, Fate.GIVE_UP),
        ("newest", OLDER, False, Fate.DELIVER),
        ("newest", NEITHER, False, Fate.DELIVER),
        ("newest", NEWER, True, Fate.DELIVER),
        ("ask", OLDER, False, Fate.HOLD),
        ("ask", NEWER, False, Fate.DELIVER),
        ("ask", OLDER, True, Fate.DELIVER),
    ],
)
def test_what_becomes_of_a_content(
    rule: str, others: OtherContents, is_let_go: bool, fate: Fate
) -> None:
    assert fate_of(rule, others, is_let_go=is_let_go) is fate


def under(box: Practice, rule: str) -> None:
    """Let the link's rule be this one."""
    desired = Desired.of(desired_document(identity(1)))
    link = desired.links[0].model_copy(update={"changed_content": rule, "role": "reading"})
    box.setup = replace(box.setup, reading={LINK: link})


def state_of(box: Practice, name: str) -> tuple[ObjectState, str | None]:
    """Where an object is, and why it is held."""
    found = box.spool.get(name)
    assert found is not None
    return found.state, found.held


def test_both_are_delivered_in_their_order(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination(max_associations=1)) as box:
        under(box, "both")
        box.arrive(FIRST)
        box.arrive(SECOND)
        box.run()
        assert [came[2] for came in there.came] == [FIRST.data_set, SECOND.data_set]


def test_of_two_that_wait_the_newest_is_delivered(tmp_path: Path) -> None:
    """The sender is told that nobody has to send the other again."""
    with station() as there, Practice(tmp_path, there.destination()) as box:
        under(box, "newest")
        old, new, other = box.arrive(FIRST), box.arrive(SECOND), box.arrive(instance(2))
        box.run()
        assert {came[2] for came in there.came} == {SECOND.data_set, instance(2).data_set}
        assert state_of(box, old) == (ObjectState.DROPPED, None)
        assert {state_of(box, name)[0] for name in (new, other)} == {ObjectState.RETIRED}
        body = box.body("refused")
        assert (body["object"], body["scope"], body["done"]) == (old, "superseded", True)
        assert body["reason"] == SUPERSEDED


def test_a_newer_one_follows_one_that_is_delivered(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        under(box, "newest")
        box.arrive(FIRST)
        box.run()
        box.arrive(SECOND)
        box.run()
        assert [came[2] for came in there.came] == [FIRST.data_set, SECOND.data_set]


def test_a_person_is_asked_and_lets_it_go_once_for_all(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        under(box, "ask")
        box.arrive(FIRST)
        second = box.arrive(SECOND)
        box.run()
        assert [came[2] for came in there.came] == [FIRST.data_set]
        assert state_of(box, second) == (ObjectState.ARRIVED, CHANGED)
        assert box.body("held")["object"] == second
        held = box.spool.held_of_exam(LINK, EXAM)
        assert [each.name for each in held] == [second]
        box.spool.let_go(held, box.clock.now())
        box.run()
        assert [came[2] for came in there.came] == [FIRST.data_set, SECOND.data_set]
        assert box.kinds().count("held") == 1


def test_a_person_gives_it_up(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        under(box, "ask")
        box.arrive(FIRST)
        second = box.arrive(SECOND)
        box.run()
        assert box.spool.supersede(second, [])
        assert not box.spool.supersede(second, [])
        box.run()
        assert len(there.came) == 1
        assert state_of(box, second)[0] is ObjectState.DROPPED


def test_the_same_bytes_in_another_link_or_exam_are_nobodys_business(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        under(box, "ask")
        box.arrive(FIRST)
        box.arrive(SECOND, link="other")
        box.run()
        assert len(there.came) == 2


def test_without_a_convention_the_link_has_the_word() -> None:
    link = Link.of(desired_document(identity(1))["links"][0] | {"changed_content": "ask"})
    assert link.changed_content_rule(0) == "ask"
