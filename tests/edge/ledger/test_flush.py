"""From the outbox into the ledger, exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_contract.ledger import draft
from bocage_edge.errors import KeeperError
from bocage_edge.ledger.flush import BATCH_ENTRIES, flush
from tests.edge.ledger.fake_keeper import FakeKeeper
from tests.edge.spool.making import assert_clean, open_spool


def test_everything_that_waits_is_handed_over_once(tmp_path: Path) -> None:
    spool, keeper = open_spool(tmp_path), FakeKeeper()
    count = BATCH_ENTRIES + 3
    spool.record("box", [draft("started", 1.0, number=number) for number in range(count)])
    assert flush(spool, keeper) == count
    assert flush(spool, keeper) == 0
    numbers = [entry.body["number"] for _, entry in keeper.entries.values()]
    assert numbers == list(range(count))
    assert_clean(spool)
    spool.close()


def test_a_silent_keeper_loses_nothing(tmp_path: Path) -> None:
    spool, keeper = open_spool(tmp_path), FakeKeeper()
    spool.record("box", [draft("started", 1.0)])
    keeper.is_silent = True
    with pytest.raises(KeeperError):
        flush(spool, keeper)
    keeper.is_silent = False
    assert flush(spool, keeper) == 1
    assert_clean(spool)
    spool.close()


def test_killed_between_writing_and_forgetting_it_is_written_once(tmp_path: Path) -> None:
    spool, keeper = open_spool(tmp_path), FakeKeeper()
    spool.record("box", [draft("started", 1.0)])
    keeper.append(spool.source, spool.pending_entries(9))
    spool.close()
    again = open_spool(tmp_path)
    flush(again, keeper)
    assert len(keeper.entries) == 1
    assert_clean(again)
    again.close()
