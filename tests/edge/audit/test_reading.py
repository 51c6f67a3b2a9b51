"""From ledger entries to happenings: what is told, once, in whatever pieces the ledger is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.audit import EVENTS
from bocage_contract.ledger import GENESIS, Entry
from bocage_edge.audit.happening import (
    Happening,
    Way,
    read_happening,
    read_transfer,
    write_happening,
    write_transfer,
)
from bocage_edge.audit.reading import FORGOTTEN_S, LONGEST_S, SECURITY, Reader
from bocage_edge.audit.words import ALERTS

EXAM, OTHER = "ab" * 16, "cd" * 16
CR = "1.2.840.10008.5.1.4.1.1.1"
START = 1_800_000_000.0


def entry(kind: str, at: float = START, chain: str = "flers-1/flers-caen", **body: Any) -> Entry:
    return Entry(chain=chain, n=1, prev=GENESIS, at=int(at * 1000), kind=kind, body=body)


def received(at: float = START, kind: str = "received", **changes: Any) -> Entry:
    body = {"exam_id": EXAM, "from": "CR1", "service": "FLERS", "sop_class": CR}
    return entry(kind, at, **{**body, **changes})


def delivered(at: float = START, kind: str = "delivered", **changes: Any) -> Entry:
    body = {"exam_id": EXAM, "destination": "pacs", "sop_class": CR, "done": True}
    return entry(kind, at, **{**body, **changes})


def reader() -> Reader:
    return Reader(EVENTS, [], 60.0)


def short(happenings: list[Happening]) -> list[tuple[Any, ...]]:
    return [
        (each.event, each.transfer.way, each.transfer.instances)
        if each.transfer
        else (each.event, each.kind)
        for each in happenings
    ]


def test_an_exam_of_three_instances_at_the_hospital() -> None:
    it = reader()
    said = [each for n in range(3) for each in it.take(received(START + n))]
    assert short(said) == [("begin", Way.SENT, 0)]
    assert it.close(START + 61) == []
    assert short(it.close(START + 62)) == [("transferred", Way.TAKEN, 3)]
    assert it.take(entry("sent", START + 63, exam_id=EXAM, objects=["a" * 64, "b" * 64])) == []
    assert it.take(entry("sent", START + 64, exam_id=EXAM, objects=["c" * 64])) == []
    (sent,) = it.close(START + 124)
    assert short([sent]) == [("transferred", Way.SENT, 3)]
    assert sent.at == START + 64
    assert it.under_way == {}


def test_an_exam_at_the_practice_is_told_for_each_station() -> None:
    it = reader()
    said = it.take(delivered()) + it.take(delivered(destination="station"))
    said += it.take(delivered(kind="refused", destination="station"))
    assert short(said) == [("begin", Way.DELIVERED, 0)] * 2
    over = it.close(START + 60)
    assert [
        (each.transfer.destination, each.transfer.failed) for each in over if each.transfer
    ] == [
        ("pacs", 0),
        ("station", 1),
    ]


def test_a_transfer_that_goes_on_and_on_is_told_in_parts() -> None:
    it = reader()
    for second in range(0, int(LONGEST_S), 30):
        it.take(received(START + second))
    assert short(it.close(START + LONGEST_S)) == [("transferred", Way.TAKEN, 30)]
    it.take(received(START + LONGEST_S))
    assert short(it.close(START + LONGEST_S + 60)) == [("transferred", Way.TAKEN, 1)]


@pytest.mark.parametrize("first", ["received", "sent"])
def test_units_hand_over_by_themselves_so_either_entry_may_come_first(first: str) -> None:
    it = reader()
    pair = {"received": received(), "sent": entry("sent", START + 1, exam_id=EXAM, objects=["a"])}
    said = it.take(pair.pop(first))
    said += it.take(pair.popitem()[1])
    assert [(each.event, each.at) for each in said] == [("begin", START)]
    assert sorted(short(it.close(START + 61))) == [
        ("transferred", Way.SENT, 1),
        ("transferred", Way.TAKEN, 1),
    ]
    assert it.under_way == {}


def test_what_was_sent_and_told_before_its_reception_is_known_is_no_failure() -> None:
    """Nothing is said of a transfer that nobody saw: its begin stands alone."""
    it = reader()
    it.take(entry("sent", START, exam_id=EXAM, objects=["a"]))
    assert short(it.close(START + 60)) == [("transferred", Way.SENT, 1)]
    assert short(it.take(received(START + 90))) == [("begin", Way.SENT, 0)]
    assert short(it.close(START + FORGOTTEN_S + 90)) == [("transferred", Way.TAKEN, 1)]
    assert it.under_way == {}


def test_what_is_never_sent_is_forgotten_in_the_end() -> None:
    it = reader()
    it.take(received())
    it.close(START + 60)
    assert it.close(START + FORGOTTEN_S - 1) == []
    assert len(it.under_way) == 1
    assert it.close(START + FORGOTTEN_S) == []
    assert it.under_way == {}


def test_the_same_again_begins_nothing() -> None:
    it = reader()
    assert it.take(received(kind="same_again")) == []
    (over,) = it.close(START + 60)
    assert over.transfer is not None
    assert (over.transfer.instances, over.transfer.again) == (1, 1)


@pytest.mark.parametrize(
    "silent",
    [
        entry("opened", exam_id=EXAM),
        entry("quiet", exam_id=EXAM),
        entry("refused", scope="instance", reason="no_room", count=1),
        entry("configuration", unit="relay", revision=3),
    ],
)
def test_what_is_no_transfer_is_not_told(silent: Entry) -> None:
    it = reader()
    assert it.take(silent) == []
    assert it.under_way == {}


def test_a_document_is_no_instance() -> None:
    it = reader()
    for one in (received(), delivered(), delivered(kind="refused")):
        document = Entry.of({**one.to_json(), "body": {**one.body, "document": "report"}})
        assert it.take(document) == []
    assert it.under_way == {}


@pytest.mark.parametrize("kind", sorted(SECURITY))
def test_each_alert_is_told_at_once(kind: str) -> None:
    (told,) = reader().take(entry(kind, chain="flers-1/box", unit="receive", by="paper code"))
    assert (told.event, told.kind, told.link) == ("security", kind, "")
    assert told.kind in ALERTS


def test_only_what_is_wanted_is_told() -> None:
    it = Reader(["security"], [], 60.0)
    assert it.take(received()) == []
    assert it.close(START + 1e9) == []
    assert it.under_way == {}
    assert len(it.take(entry("unlocked", by="paper code"))) == 1


ENTRIES = st.lists(
    st.one_of(
        st.builds(received, st.floats(START, START + 9), exam_id=st.sampled_from([EXAM, OTHER])),
        st.builds(delivered, st.floats(START, START + 9), destination=st.sampled_from("ab")),
        st.builds(lambda: entry("unlocked", by="paper code")),
    ),
    max_size=30,
)


@given(ENTRIES, st.data())
def test_reading_in_pieces_tells_the_same(entries: list[Entry], data: st.DataObject) -> None:
    """Between two pieces the transfers under way go through the index, as after a restart."""
    whole, told = reader(), []
    for each in entries:
        told += whole.take(each)
    told += whole.close(START + 1e7)
    pieces, again = reader(), []
    for each in entries:
        if data.draw(st.booleans()):
            kept = [write_transfer(there) for there in pieces.under_way.values()]
            pieces = Reader(EVENTS, map(read_transfer, kept), 60.0)
        again += pieces.take(each)
    again += pieces.close(START + 1e7)
    assert again == told
    assert [read_happening(write_happening(each)) for each in told] == told
