"""Group commit: order, sharing, and failure."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bocage_edge.errors import KeeperError
from bocage_edge.keeper.batch import GroupCommit
from bocage_edge.ledger.own import Addition, Fate
from tests.edge.ledger.chains import additions

TIMEOUT_S = 10.0


class Disk:
    """Remembers its batches; a test can make the first of them wait, or all of them fail."""

    def __init__(self) -> None:
        self.batches: list[list[Addition]] = []
        self.is_full = False
        self.first_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def append(self, batch: Sequence[Addition]) -> list[Fate]:
        self.batches.append(list(batch))
        self.first_begun.set()
        assert self.may_go_on.wait(TIMEOUT_S)
        if self.is_full:
            raise KeeperError("the ledger cannot be written", hint="free some space")
        return [Fate.WRITTEN if int(each.source_id) > 0 else Fate.UNWRITABLE for each in batch]


def test_a_lone_writer_waits_for_nobody() -> None:
    disk = Disk()
    assert GroupCommit(disk.append).write(additions(3)) == [Fate.WRITTEN] * 3
    assert [len(batch) for batch in disk.batches] == [3]


def test_those_who_come_meanwhile_share_the_next_batch() -> None:
    disk = Disk()
    disk.may_go_on.clear()
    commit = GroupCommit(disk.append)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(commit.write, additions(1))
        assert disk.first_begun.wait(TIMEOUT_S)
        rest = [pool.submit(commit.write, additions(2, start=start)) for start in range(-9, 7, 2)]
        while commit.waiting < len(rest):
            threading.Event().wait(0)
        disk.may_go_on.set()
        assert first.result(TIMEOUT_S) == [Fate.WRITTEN]
        results = [each.result(TIMEOUT_S) for each in rest]
    assert [len(batch) for batch in disk.batches] == [1, 16]
    assert results[0] == [Fate.UNWRITABLE] * 2
    assert results[-1] == [Fate.WRITTEN] * 2


def test_a_full_disk_is_told_to_everybody_in_the_batch_and_passes() -> None:
    disk = Disk()
    disk.is_full = True
    commit = GroupCommit(disk.append)
    with pytest.raises(KeeperError) as told:
        commit.write(additions(1))
    assert told.value.hint == "free some space"
    disk.is_full = False
    assert commit.write(additions(1)) == [Fate.WRITTEN]


def test_a_surprise_leaves_nobody_waiting() -> None:
    disk = Disk()
    commit = GroupCommit(disk.append)
    with pytest.raises(ValueError, match="invalid literal"):
        commit.write([replace(additions(1)[0], source_id="no number")])
    assert commit.write(additions(1)) == [Fate.WRITTEN]
