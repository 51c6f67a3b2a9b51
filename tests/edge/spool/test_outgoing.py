"""The way out: accept, sameness, the work list, the partner's verdicts."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.errors import SpoolError, SpoolFullError
from bocage_edge.spool.contents import SUPERSEDED
from bocage_edge.spool.exams import DecidedExam, Exam, ExamState
from bocage_edge.spool.incoming import ROOM_CHECK_BYTES, IncomingFile
from bocage_edge.spool.store import SameInstanceError, Spool
from bocage_edge.spool.types import (
    KEEP_ROW_S,
    Direction,
    ObjectState,
    Settlement,
    Verdict,
)
from tests.edge.spool.making import (
    LINK,
    accept,
    assert_clean,
    digest_of,
    name_of,
    open_spool,
    outgoing,
    received,
)
from tests.fakes.clock import FakeClock

OURS = Exam(
    Direction.OUT,
    LINK,
    digest_of("exam")[:32],
    ExamClass.ROUTINE,
    "FLERS",
    ExamState.ACCEPTED,
    1.0,
)


def names(spool: Spool, clock: FakeClock, limit: int = 100) -> list[str]:
    return [each.name for each in spool.due_outgoing(LINK, clock.now(), limit)]


def test_an_accepted_object_is_its_bytes_its_row_and_its_entry(spool: Spool) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    assert name == name_of(b"sealed")
    with spool.open(name) as file:
        assert file.read() == b"sealed"
    found = spool.get(name)
    assert found is not None
    assert (found.state, found.size_bytes) == (ObjectState.QUEUED, 6)
    assert [(each.chain, each.draft.kind) for each in spool.pending_entries(9)] == [
        (LINK, "received")
    ]


def test_it_survives_closing_and_opening(spool: Spool, tmp_path: Path, clock: FakeClock) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    again = open_spool(tmp_path, clock)
    assert names(again, clock) == [name]
    again.close()


def test_files_are_for_the_group_and_nobody_else(spool: Spool, tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        name = accept(spool, b"sealed", outgoing("a"))
    finally:
        os.umask(umask)
    file = tmp_path / "spool" / "objects" / name[:2] / name
    assert stat.S_IMODE(file.stat().st_mode) == 0o660
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / "spool" / "index.db").stat().st_mode) == 0o660
    assert stat.S_IMODE((tmp_path / "spool" / "index.db-wal").stat().st_mode) == 0o660


def test_a_discarded_object_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    with spool.incoming() as incoming:
        incoming.write(b"half")
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []
    with pytest.raises(SpoolError):
        incoming.write(b"more")


def test_a_finished_object_takes_no_more_bytes(spool: Spool) -> None:
    with spool.incoming() as incoming:
        incoming.write(b"all")
        assert incoming.finish() == incoming.finish() == name_of(b"all")
        with pytest.raises(SpoolError):
            incoming.write(b"more")


def test_an_entry_that_is_too_large_fails_before_anything_is_done(spool: Spool) -> None:
    large = EntryDraft(kind="received", at=1, body={"text": "x" * 4000})
    with spool.incoming() as incoming, pytest.raises(SpoolError):
        spool.accept_outgoing(incoming, outgoing("a"), [large])
    assert spool.counts() == {}


def test_no_room_is_said_before_a_byte_is_written_and_ends_by_itself(
    tmp_path: Path, clock: FakeClock
) -> None:
    full = Spool(tmp_path / "spool", clock, unit="receive", reserve_bytes=1 << 60)
    with pytest.raises(SpoolFullError) as told:
        full.incoming()
    assert told.value.hint
    assert not full.has_room_for(1)
    full.close()
    spool = open_spool(tmp_path, clock)
    accept(spool, b"sealed", outgoing("a"))
    assert_clean(spool)
    spool.close()


def test_a_large_object_stops_before_it_touches_what_is_kept_for_others(tmp_path: Path) -> None:
    """Each look asks for all that may be written until the next one."""
    asked: list[tuple[int, int]] = []
    piece = bytes(ROOM_CHECK_BYTES // 4)
    with IncomingFile(
        tmp_path / "a", lambda ahead: asked.append((incoming.size, ahead))
    ) as incoming:
        for _ in range(13):
            incoming.write(piece)
    wanted = [number * ROOM_CHECK_BYTES for number in (1, 2, 3)]
    assert asked == [(size, ROOM_CHECK_BYTES) for size in wanted]


def test_the_most_urgent_goes_first_then_what_must_arrive_first_then_what_came_first(
    spool: Spool, clock: FakeClock
) -> None:
    prior = accept(spool, b"1", outgoing("a", klass=ExamClass.PRIOR))
    late = accept(spool, b"2", outgoing("b", arrive_by=900.0))
    none = accept(spool, b"3", outgoing("c"))
    soon = accept(spool, b"4", outgoing("d", arrive_by=500.0))
    report = accept(spool, b"5", outgoing("e", klass=ExamClass.REPORT))
    urgent = accept(spool, b"6", outgoing("f", klass=ExamClass.URGENT))
    accept(spool, b"7", outgoing("g", link="another"))
    assert names(spool, clock) == [urgent, report, soon, late, none, prior]
    assert names(spool, clock, limit=2) == [urgent, report]
    rest = spool.due_outgoing(LINK, clock.now(), 2, excluding={urgent, report, soon})
    assert [each.name for each in rest] == [late, none]


def test_a_deferred_object_waits_and_holds_up_nobody(spool: Spool, clock: FakeClock) -> None:
    first = accept(spool, b"1", outgoing("a"))
    second = accept(spool, b"2", outgoing("b"))
    spool.defer(first, clock.now() + 60, "partner has no room")
    assert names(spool, clock) == [second]
    assert spool.next_outgoing_at(LINK) == clock.now()
    clock.advance(60)
    assert names(spool, clock) == [first, second]
    found = spool.get(first)
    assert found is not None
    assert (found.attempts, found.reason) == (1, "partner has no room")


def test_a_raised_object_overtakes_and_never_falls_back(spool: Spool, clock: FakeClock) -> None:
    first = accept(spool, b"1", outgoing("a"))
    second = accept(spool, b"2", outgoing("b"))
    entry = draft("raised", 1.0, object=second)
    assert spool.raise_class(second, ExamClass.URGENT, [entry])
    assert not spool.raise_class(second, ExamClass.PRIOR, [entry])
    assert names(spool, clock) == [second, first]
    kinds = [each.draft.kind for each in spool.pending_entries(9)]
    assert kinds == ["received", "received", "raised"]


def test_what_is_known_of_an_instance_is_known_per_link(spool: Spool) -> None:
    one = accept(spool, b"1", outgoing("first bytes", key="uid"))
    two = accept(spool, b"2", outgoing("other bytes", key="uid"))
    accept(spool, b"3", outgoing("first bytes", key="uid", link="another"))
    known = spool.known_instances(LINK, digest_of("uid")[:32])
    assert [(each.object, each.digest) for each in known] == [
        (one, digest_of("first bytes")),
        (two, digest_of("other bytes")),
    ]
    assert all(each.is_on_the_way_or_done for each in known)


def test_an_instance_that_came_again_is_recorded(spool: Spool) -> None:
    name = accept(spool, b"1", outgoing("a"))
    spool.again(name, [draft("same_again", 2.0, object=name)])
    assert [each.draft.kind for each in spool.pending_entries(9)] == ["received", "same_again"]
    with pytest.raises(SpoolError):
        spool.again("0" * 64, [draft("same_again", 2.0)])


def test_two_associations_with_one_instance_make_one_object(spool: Spool, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def bring(number: int) -> str | None:
        incoming = spool.incoming()
        incoming.write(b"sealed anew each time: %d" % number)
        name = incoming.finish()
        together.wait()
        try:
            return spool.accept_outgoing(incoming, outgoing("a"), [received(name)])
        except SameInstanceError:
            return None

    with ThreadPoolExecutor(4) as pool:
        taken = [name for name in pool.map(bring, range(4)) if name is not None]
    assert len(taken) == 1
    assert len(spool.known_instances(LINK, outgoing("a").instance_key)) == 1
    assert len(spool.pending_entries(9)) == 1
    # What the losers had placed goes with the next object that starts.
    accept(spool, b"next", outgoing("b"))
    files = [path.name for path in (tmp_path / "spool" / "objects").glob("*/*")]
    assert sorted(files) == sorted([taken[0], name_of(b"next")])


def test_an_object_leaves_only_with_the_partners_word(spool: Spool, clock: FakeClock) -> None:
    name = accept(spool, b"1", outgoing("a"))
    spool.mark_stored([name])
    assert names(spool, clock) == []
    spool.open(name).close()
    assert spool.settle([Settlement(name, Verdict.DELIVERED)]) == [name]
    with pytest.raises(SpoolError):
        spool.open(name)
    known = spool.known_instances(LINK, outgoing("a").instance_key)
    assert [(each.state, each.is_on_the_way_or_done) for each in known] == [
        (ObjectState.RETIRED, True)
    ]
    assert spool.settle([Settlement(name, Verdict.DELIVERED)]) == []


def test_a_refused_object_stays_until_somebody_acts(spool: Spool, clock: FakeClock) -> None:
    name = accept(spool, b"1", outgoing("a"))
    spool.mark_stored([name])
    assert spool.settle([Settlement(name, Verdict.REFUSED, "wrong SOP class")]) == [name]
    found = spool.get(name)
    assert found is not None
    assert (found.state, found.reason) == (ObjectState.REFUSED, "wrong SOP class")
    spool.open(name).close()
    assert spool.send_again([name]) == [name]
    assert names(spool, clock) == [name]
    spool.settle([Settlement(name, Verdict.REFUSED)])
    assert spool.settle([Settlement(name, Verdict.DELIVERED)]) == [name]


def test_a_refused_instance_brought_again_is_the_one_that_is_sent(
    spool: Spool, clock: FakeClock
) -> None:
    old = accept(spool, b"1", outgoing("a"))
    spool.settle([Settlement(old, Verdict.REFUSED)])
    new = accept(spool, b"2", outgoing("a"))
    assert spool.send_again([old]) == []
    assert names(spool, clock) == [new]


def test_a_verdict_over_what_we_never_sent_changes_nothing(spool: Spool) -> None:
    name = accept(spool, b"1", outgoing("a"))
    verdicts = [Settlement("0" * 64, Verdict.DELIVERED), Settlement(name, Verdict.DELIVERED)]
    assert spool.settle(verdicts) == [name]


def test_a_digest_is_kept_for_thirteen_months(spool: Spool, clock: FakeClock) -> None:
    name = accept(spool, b"1", outgoing("a"))
    kept = accept(spool, b"2", outgoing("b"))
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    clock.advance(KEEP_ROW_S - 1)
    assert spool.forget_old() == 0
    clock.advance(2)
    assert spool.forget_old() == 1
    assert spool.get(name) is None
    assert spool.get(kept) is not None


def test_with_the_last_object_of_an_exam_goes_all_that_was_kept_of_it(
    spool: Spool, clock: FakeClock
) -> None:
    """Hashes of who it was of, the sealed particulars, its row."""
    known = [("ins", "2" * 32)]
    decided = DecidedExam(lambda _: OURS, b"sealed", known)
    for content, word in ((b"1", "a"), (b"2", "b")):
        with spool.incoming() as incoming:
            incoming.write(content)
            name = spool.accept_outgoing(incoming, outgoing(word), [], decided)
        spool.settle([Settlement(name, Verdict.DELIVERED)])
        clock.advance(100)
    clock.advance(KEEP_ROW_S - 150)
    assert spool.forget_old() == 1
    assert spool.exam_names(LINK, OURS.exam_id) == known
    clock.advance(100)
    assert spool.forget_old() == 1
    assert spool.exam_names(LINK, OURS.exam_id) == []
    assert spool.sealed_particulars(LINK, OURS.exam_id) is None
    assert spool.exam(Direction.OUT, LINK, OURS.exam_id) is None


def test_held_and_dropped_objects_are_not_sent(spool: Spool, clock: FakeClock) -> None:
    held = accept(spool, b"1", outgoing("a"))
    dropped = accept(spool, b"2", outgoing("b"))
    assert spool.hold([held], "asked by the site") == [held]
    assert spool.hold([held], "again") == []
    assert spool.drop([dropped], "sent by mistake", [draft("dropped", 1.0, object=dropped)]) == [
        dropped
    ]
    assert spool.drop([dropped], "again") == []
    assert names(spool, clock) == []
    assert spool.release([held]) == [held]
    assert names(spool, clock) == [held]
    known = spool.known_instances(LINK, outgoing("b").instance_key)
    assert not known[0].is_on_the_way_or_done
    accept(spool, b"3", outgoing("b"))


def test_names_that_are_paths_are_refused(spool: Spool) -> None:
    for name in ("../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", ""):
        with pytest.raises(SpoolError):
            spool.open(name)
        with pytest.raises(SpoolError):
            spool.part(name)


def test_each_unit_hands_on_its_own_entries(spool: Spool, tmp_path: Path, clock: FakeClock) -> None:
    accept(spool, b"1", outgoing("a"))
    relay = open_spool(tmp_path, clock, unit="relay")
    relay.record("box", [draft("started", 1.0)])
    assert [each.draft.kind for each in relay.pending_entries(9)] == ["started"]
    assert relay.source.partition(":")[2] == spool.source.partition(":")[2]
    (mine,) = spool.pending_entries(9)
    relay.forget_entries([mine.id])
    assert spool.pending_entries(9) == [mine]
    spool.forget_entries([mine.id])
    spool.record("box", [draft("started", 2.0)])
    (later,) = spool.pending_entries(9)
    assert later.id > mine.id
    relay.close()


def test_what_the_partner_supersedes_is_gone_and_nobody_sends_it_again(spool: Spool) -> None:
    name = accept(spool, b"1", outgoing("a"))
    spool.mark_stored([name])
    assert spool.settle([Settlement(name, Verdict.REFUSED, SUPERSEDED)]) == [name]
    found = spool.get(name)
    assert found is not None
    assert (found.state, found.reason) == (ObjectState.DROPPED, SUPERSEDED)
    assert spool.refused_exams() == []
    assert_clean(spool)


def test_another_index_is_another_source(tmp_path: Path, clock: FakeClock) -> None:
    one, two = open_spool(tmp_path / "1", clock), open_spool(tmp_path / "2", clock)
    assert one.source != two.source
    assert_clean(one)
    one.close()
    two.close()


def test_the_backlog_is_counted_by_corner(spool: Spool) -> None:
    accept(spool, b"1", outgoing("a"))
    accept(spool, b"22", outgoing("b"))
    urgent = accept(spool, b"333", outgoing("c", klass=ExamClass.URGENT))
    spool.hold([urgent], "asked")
    corners = {each.klass: (each.objects, each.size_bytes, each.held) for each in spool.backlog()}
    assert corners == {ExamClass.ROUTINE: (2, 3, 0), ExamClass.URGENT: (1, 3, 1)}
    assert len(spool.objects_of_exam(LINK, outgoing("a").exam_id)) == 3
