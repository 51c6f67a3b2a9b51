"""Files against rows, and what a killed process leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bocage_edge.errors import SpoolError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectState, Settlement, Verdict
from bocage_edge.spool.verify import KEEP_PART_S
from tests.edge.spool.making import (
    accept,
    arrive,
    assert_clean,
    name_of,
    open_spool,
    outgoing,
)
from tests.fakes.clock import FakeClock


def file_of(root: Path, name: str) -> Path:
    return root / "spool" / "objects" / name[:2] / name


def test_an_empty_spool_is_clean(spool: Spool) -> None:
    assert_clean(spool)


def test_a_changed_file_is_set_aside_and_said(spool: Spool, tmp_path: Path) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    file_of(tmp_path, name).write_bytes(b"sea1ed")
    report = spool.verify()
    assert (list(report.corrupt), report.is_sound) == ([name], False)
    assert (tmp_path / "spool" / "corrupt" / name).read_bytes() == b"sea1ed"
    assert spool.counts() == {ObjectState.CORRUPT: 1}
    assert [each.draft.kind for each in spool.pending_entries(9)] == ["received", "corrupt"]
    assert spool.verify().known_corrupt == 1


def test_one_object_can_be_checked_alone(spool: Spool, tmp_path: Path) -> None:
    name, other = accept(spool, b"1", outgoing("a")), accept(spool, b"2", outgoing("b"))
    file_of(tmp_path, name).write_bytes(b"rot")
    assert not spool.check(name)
    assert spool.check(other)
    assert not spool.check("0" * 64)
    assert spool.counts() == {ObjectState.CORRUPT: 1, ObjectState.QUEUED: 1}


def test_a_lost_file_is_said_once(spool: Spool, tmp_path: Path) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    file_of(tmp_path, name).unlink()
    assert list(spool.verify().missing) == [name]
    again = spool.verify()
    assert (list(again.missing), again.known_corrupt) == ([], 1)


def test_a_file_without_a_row_is_swept(spool: Spool, tmp_path: Path) -> None:
    kept = accept(spool, b"kept", outgoing("a"))
    orphan = name_of(b"orphan")
    file_of(tmp_path, orphan).write_bytes(b"orphan")
    assert list(spool.verify().orphans) == [orphan]
    assert spool.sweep().objects == 1
    assert not file_of(tmp_path, orphan).exists()
    assert file_of(tmp_path, kept).exists()


def test_a_retired_object_whose_file_stayed_is_swept(spool: Spool, tmp_path: Path) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    spool.settle([Settlement(name, Verdict.DELIVERED)])
    file_of(tmp_path, name).write_bytes(b"sealed")
    assert list(spool.verify().orphans) == [name]
    assert spool.sweep().objects == 1


def test_a_corrupt_file_still_in_its_place_is_set_aside_by_the_sweep(
    spool: Spool, tmp_path: Path
) -> None:
    name = accept(spool, b"sealed", outgoing("a"))
    file_of(tmp_path, name).write_bytes(b"rot")
    spool.verify()
    os.replace(tmp_path / "spool" / "corrupt" / name, file_of(tmp_path, name))
    spool.sweep()
    assert (tmp_path / "spool" / "corrupt" / name).exists()


def test_what_somebody_writes_is_not_swept(spool: Spool, tmp_path: Path, clock: FakeClock) -> None:
    other = open_spool(tmp_path, clock, unit="relay")
    with spool.incoming() as incoming, spool.part(name_of(b"part")) as part:
        incoming.write(b"sealed")
        assert other.sweep().incoming == 0
        assert other.verify().in_use == 2
        part.discard()
        spool.accept_outgoing(incoming, outgoing("a"), [])
    other.close()


def test_what_a_killed_process_was_writing_is_swept(spool: Spool, tmp_path: Path) -> None:
    left = spool.incoming()
    left.write(b"half")
    left.release()  # as the kernel does for a killed process
    assert len(spool.verify().stale) == 1
    assert spool.sweep().incoming == 1
    left.discard()


def test_a_part_is_kept_for_the_partner_but_not_for_ever(
    spool: Spool, tmp_path: Path, clock: FakeClock
) -> None:
    with spool.part(name_of(b"part")) as part:
        part.write(b"pa")
        part.sync()
    file = tmp_path / "spool" / "incoming" / f"{name_of(b'part')}.part"
    os.utime(file, (clock.now(), clock.now()))
    assert spool.sweep().incoming == 0
    assert spool.verify().parts == 1
    clock.advance(KEEP_PART_S + 1)
    assert spool.sweep().incoming == 1
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []


def test_a_part_of_what_has_arrived_is_swept(spool: Spool, tmp_path: Path) -> None:
    name = arrive(spool, b"sealed")
    for suffix in (".part", ".mark"):
        (tmp_path / "spool" / "incoming" / (name + suffix)).write_bytes(b"left")
    assert spool.sweep().incoming >= 1
    assert list((tmp_path / "spool" / "incoming").iterdir()) == []


def test_a_strangers_file_is_named_and_left_alone(spool: Spool, tmp_path: Path) -> None:
    stranger = tmp_path / "spool" / "objects" / "00" / "readme.txt"
    stranger.write_text("hello")
    spool.sweep()
    assert list(spool.verify().foreign) == ["readme.txt"]
    stranger.unlink()


def test_an_index_that_is_no_index_is_told(tmp_path: Path, clock: FakeClock) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "index.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(SpoolError) as told:
        open_spool(tmp_path, clock)
    assert told.value.hint
