"""The way in: parts that go on after a cut, group accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_contract.ledger import draft
from bocage_edge.errors import SpoolCorruptError, SpoolError
from bocage_edge.spool.store import Arrival, Spool
from bocage_edge.spool.types import ObjectState
from tests.edge.spool.making import arrive, arrived, name_of, open_spool
from tests.fakes.clock import FakeClock

CONTENT = bytes(range(256)) * 40
NAME = name_of(CONTENT)


def part_file(root: Path, suffix: str = ".part") -> Path:
    return root / "spool" / "incoming" / (NAME + suffix)


def test_an_arrived_object_is_due_at_its_destinations(spool: Spool, clock: FakeClock) -> None:
    name = arrive(spool, CONTENT, ["station", "pacs"])
    assert spool.has(name)
    due = spool.due_deliveries(clock.now(), 9)
    assert [(each.destination, each.object.name) for each in due] == [
        ("station", name),
        ("pacs", name),
    ]
    assert [each.draft.kind for each in spool.pending_entries(9)] == ["stored"]
    assert not spool.has(name_of(b"another"))


def test_a_part_goes_on_from_its_last_sync(spool: Spool) -> None:
    with spool.part(NAME) as part:
        part.write(CONTENT[:5000])
        part.sync()
        part.write(CONTENT[5000:7000])
        assert (part.offset, part.durable) == (7000, 5000)
    with spool.part(NAME) as part:
        assert (part.offset, part.durable) == (5000, 5000)
        part.write(CONTENT[5000:])
        part.finish(NAME)
        assert spool.accept_arrived(part, arrived(CONTENT), ["station"], [])
    with spool.open(NAME) as file:
        assert file.read() == CONTENT


def test_a_part_never_synced_starts_anew(spool: Spool) -> None:
    with spool.part(NAME) as part:
        part.write(CONTENT[:5000])
    with spool.part(NAME) as part:
        assert part.offset == 0
    spool.sweep()
    with spool.part(NAME) as part:
        part.discard()


@pytest.mark.parametrize(
    "mark",
    [
        b"",
        b"{",
        b"[]",
        b'{"offset": -5, "sha256": "x"}',
        b'{"offset": 9999999999999, "sha256": ""}',
    ],
)
def test_a_mark_that_makes_no_sense_costs_only_time(
    spool: Spool, tmp_path: Path, mark: bytes
) -> None:
    with spool.part(NAME) as part:
        part.write(CONTENT[:5000])
        part.sync()
    part_file(tmp_path, ".mark").write_bytes(mark)
    with spool.part(NAME) as part:
        assert part.offset == 0
        part.discard()


def test_bytes_that_changed_on_the_medium_are_not_built_upon(spool: Spool, tmp_path: Path) -> None:
    with spool.part(NAME) as part:
        part.write(CONTENT[:5000])
        part.sync()
    with part_file(tmp_path).open("r+b") as file:
        file.seek(100)
        file.write(b"changed")
    with spool.part(NAME) as part:
        assert part.offset == 0
        part.discard()


def test_other_bytes_than_offered_are_thrown_away(spool: Spool, tmp_path: Path) -> None:
    with spool.part(NAME) as part:
        part.write(b"something else")
        with pytest.raises(SpoolCorruptError):
            part.finish(NAME)
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []
    assert not spool.has(NAME)


def test_one_object_is_written_by_one_connection(spool: Spool, tmp_path: Path) -> None:
    other = open_spool(tmp_path)
    with spool.part(NAME) as part:
        with pytest.raises(BlockingIOError):
            other.part(NAME)
        part.discard()
    other.part(NAME).discard()
    other.close()


def test_a_group_is_taken_together(spool: Spool) -> None:
    contents = [b"object %d" % number for number in range(20)]
    arrivals = []
    for content in contents:
        part = spool.part(name_of(content))
        part.write(content)
        part.finish(name_of(content))
        entry = draft("stored", 1.0, object=name_of(content))
        arrivals.append(Arrival(part, arrived(content), ["station"], [entry]))
    assert spool.accept_arrived_many(arrivals) == [name_of(content) for content in contents]
    assert len(spool.pending_entries(99)) == 20
    assert spool.counts() == {ObjectState.ARRIVED: 20}


def test_a_bad_object_spoils_its_group_but_loses_nothing(spool: Spool) -> None:
    good, bad = spool.part(name_of(b"good")), spool.part(NAME)
    good.write(b"good")
    good.sync()
    bad.write(b"bad")
    with pytest.raises(SpoolCorruptError):
        spool.accept_arrived_many(
            [Arrival(good, arrived(b"good"), ["s"]), Arrival(bad, arrived(CONTENT), ["s"])]
        )
    assert not spool.has(name_of(b"good"))
    with spool.part(name_of(b"good")) as part:
        assert part.offset == 4
        assert spool.accept_arrived(part, arrived(b"good"), ["s"], [])


def test_what_is_here_already_is_not_taken_twice(spool: Spool, tmp_path: Path) -> None:
    arrive(spool, CONTENT)
    assert arrive(spool, CONTENT) == NAME
    assert len(spool.pending_entries(9)) == 1
    assert len(list((tmp_path / "spool" / "objects").glob("*/*"))) == 1


def test_what_was_delivered_and_is_sent_again_leaves_no_file(
    spool: Spool, tmp_path: Path, clock: FakeClock
) -> None:
    arrive(spool, CONTENT, [])
    spool.drop([NAME], "not for us")
    arrive(spool, CONTENT)
    assert list((tmp_path / "spool" / "objects").glob("*/*")) == []
    assert spool.due_deliveries(clock.now(), 9) == []


def test_an_object_for_nobody_is_held_until_somebody_wants_it(
    spool: Spool, clock: FakeClock
) -> None:
    arrive(spool, CONTENT, [])
    found = spool.get(NAME)
    assert found is not None
    assert found.held == "no destination chosen yet"
    assert spool.deliver_to(NAME, ["station"]) == ["station"]
    assert [each.object.name for each in spool.due_deliveries(clock.now(), 9)] == [NAME]


def test_opening_is_recorded_once(spool: Spool) -> None:
    arrive(spool, CONTENT)
    entry = draft("opened", 1.0, object=NAME)
    assert spool.mark_opened(NAME, [entry])
    assert not spool.mark_opened(NAME, [entry])
    assert [each.draft.kind for each in spool.pending_entries(9)] == ["stored", "opened"]


def test_a_corrupt_object_may_be_sent_again(spool: Spool, tmp_path: Path, clock: FakeClock) -> None:
    arrive(spool, CONTENT)
    file = tmp_path / "spool" / "objects" / NAME[:2] / NAME
    with file.open("r+b") as changed:
        changed.write(b"rot")
    assert list(spool.verify().corrupt) == [NAME]
    assert not spool.has(NAME)
    assert spool.due_deliveries(clock.now(), 9) == []
    assert (tmp_path / "spool" / "corrupt" / NAME).exists()
    arrive(spool, CONTENT)
    assert spool.has(NAME)
    assert len(spool.due_deliveries(clock.now(), 9)) == 1


def test_a_part_whose_write_failed_is_done_with(spool: Spool) -> None:
    part = spool.part(NAME)
    part.write(CONTENT[:100])
    part.sync()
    part.write(CONTENT[100:200])
    part.close()
    with pytest.raises(SpoolError):
        part.write(b"more")
    with spool.part(NAME) as again:
        assert again.offset == 100
        again.write(CONTENT[100:])
        spool.accept_arrived(again, arrived(CONTENT), ["station"], [])
