"""Two ledgers of one link compared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bocage_contract.ledger import Entry
from bocage_edge.ledger.reconcile import LATE_WORD_S, Report, reconcile
from tests.edge.ledger.chains import entries

FLERS, CAEN = "flers-1/flers-caen", "caen-1/flers-caen"
Written = tuple[str, Mapping[str, object]]
SENT: Written = ("received", {"object": "a", "digest": "d"})
STORED: Written = ("stored", {"object": "a"})
OPENED: Written = ("opened", {"object": "a", "digest": "d"})
DELIVERED: Written = ("delivered", {"object": "a"})


AN_HOUR_LATER = 3600.0  # the entries are of the first second of 1970


def compare(ours: list[Written], theirs: list[Written], *, now: float = AN_HOUR_LATER) -> Report:
    own: list[Entry] = entries(FLERS, *ours)
    partner: list[Entry] = entries(CAEN, *theirs)
    return reconcile(own, partner, own_name="flers-1", partner_name="caen-1", now=now)


def test_two_empty_ledgers_agree() -> None:
    assert compare([], []).is_settled


def test_the_whole_road_agrees() -> None:
    report = compare([SENT], [STORED, OPENED, DELIVERED])
    assert report.is_settled
    assert (report.out.sent, report.out.stored, report.out.delivered) == (1, 1, 1)


def test_the_way_back_is_compared_as_well() -> None:
    report = compare([STORED, OPENED, DELIVERED], [SENT])
    assert report.is_settled
    assert (report.back.sender, report.back.delivered) == ("caen-1", 1)


def test_units_hand_on_their_entries_in_no_order() -> None:
    assert compare([SENT], [DELIVERED, OPENED, STORED]).is_settled


@pytest.mark.parametrize(
    "come",
    [[], [STORED], [STORED, OPENED], [OPENED, DELIVERED], [STORED, DELIVERED],
     [("refused", {"object": "a"})]],
)  # fmt: skip
def test_what_is_on_its_way_waits_and_is_no_difference(come: list[Written]) -> None:
    report = compare([SENT], come)
    assert (report.agrees, report.is_settled) == (True, False)
    assert list(report.out.waiting) == ["a"]


def test_stored_for_several_objects_in_one_entry_counts_for_each() -> None:
    report = compare([SENT], [("stored", {"objects": ["a"]}), OPENED, DELIVERED])
    assert report.is_settled


def test_delivered_to_one_of_several_stations_is_not_done() -> None:
    part: Written = ("delivered", {"object": "a", "done": False})
    assert list(compare([SENT], [STORED, OPENED, part]).out.waiting) == ["a"]
    assert compare([SENT], [STORED, OPENED, part, DELIVERED]).is_settled


def test_refused_and_dropped_are_ends_too() -> None:
    refused: Written = ("refused", {"object": "a", "reason": "wrong SOP class"})
    report = compare([SENT], [STORED, refused])
    assert report.is_settled
    assert report.out.refused == 1
    report = compare([SENT, ("dropped", {"object": "a"})], [])
    assert report.is_settled
    assert report.out.dropped == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ([SENT], [STORED, ("opened", {"object": "a", "digest": "x"}), DELIVERED], "other bytes"),
        ([], [STORED], "never sent it"),
        ([SENT], [("opened", {"object": "a", "digest": "x"})], "other bytes"),
        ([DELIVERED], [], "never sent it"),
    ],
)
def test_what_cannot_be_true_on_both_sides_is_said(
    ours: list[Written], theirs: list[Written], words: str
) -> None:
    report = compare(ours, theirs)
    assert not report.agrees
    assert any(words in each.words and each.object == "a" for each in report.differences)


def test_a_refusal_at_the_door_concerns_no_object() -> None:
    assert compare([("refused", {"scope": "instance"})], [("association_refused", {})]).is_settled


@pytest.mark.parametrize("waits", [("out", [], [STORED]), ("back", [STORED, DELIVERED], [])])
def test_what_its_sender_has_not_announced_yet_waits_and_is_a_difference_only_later(
    waits: tuple[str, list[Written], list[Written]],
) -> None:
    way, ours, theirs = waits
    soon = compare(ours, theirs, now=LATE_WORD_S)
    assert (soon.agrees, soon.is_settled) == (True, False)
    assert list(getattr(soon, way).waiting) == ["a"]
    assert not compare(ours, theirs, now=LATE_WORD_S + 1.0).agrees
