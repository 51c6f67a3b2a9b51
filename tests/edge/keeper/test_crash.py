"""kill -9 of the keeper while units write: what was acknowledged is there, once, and verifies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bocage_contract.ledger import draft, read_entry
from bocage_edge.errors import KeeperError
from bocage_edge.keeper.client import Keeper
from bocage_edge.ledger.flush import flush
from bocage_system.command import PIPE, Child, spawn
from tests.edge.keeper.box import LINK, Site, make_pair
from tests.edge.spool.making import assert_clean, open_spool

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 30.0
KILLS = 5
ENTRIES_A_ROUND = 300
_PROGRAM = """
import sys, threading
from pathlib import Path
from bocage_edge.keeper.daemon import run
from bocage_edge.paths import Box
stop = threading.Event()
threading.Thread(target=run, args=(Box(Path(sys.argv[1]), Path(sys.argv[2])), stop)).start()
print("started", flush=True)
"""

pytestmark = pytest.mark.processes


def start(site: Site) -> Child:
    child = spawn([sys.executable, "-c", _PROGRAM, site.box.state, site.box.run], stdout=PIPE)
    assert child.stdout is not None
    with child.stdout as told:
        assert told.readline() == b"started\n"
    return child


def flush_until_done(spool_root: Path, keeper: Keeper, child: Child, kill_after: int) -> None:
    """Flush in small batches; kill the keeper in the middle of one."""
    spool = open_spool(spool_root)
    for batch in range(ENTRIES_A_ROUND):
        waiting = spool.pending_entries(10)
        if not waiting:
            break
        if batch == kill_after:
            child.kill()
        try:
            keeper.append(spool.source, waiting)
        except KeeperError:
            break
        spool.forget_entries([each.id for each in waiting])
    spool.close()


def test_each_entry_is_there_once_whatever_is_killed_when(tmp_path: Path) -> None:
    site, _ = make_pair(tmp_path)
    spool = open_spool(tmp_path)
    keeper = Keeper(site.box.keeper_socket)
    for number in range(KILLS):
        entries = [draft("received", 1.0, number=number * ENTRIES_A_ROUND + each)
                   for each in range(ENTRIES_A_ROUND)]  # fmt: skip
        spool.record(LINK, entries)
        child = start(site)
        wait_for(keeper)
        flush_until_done(tmp_path, keeper, child, kill_after=3 * number + 1)
        child.kill()
        child.wait(TIMEOUT_S)
    child = start(site)
    wait_for(keeper)
    flush(spool, keeper)
    assert keeper.verify_own() == []
    assert numbers(keeper) == list(range(KILLS * ENTRIES_A_ROUND))
    keeper.close()
    child.kill()
    child.wait(TIMEOUT_S)
    assert_clean(spool)
    spool.close()


def wait_for(keeper: Keeper) -> None:
    """Ask until the keeper has its socket."""
    while True:
        try:
            keeper.head("box")
        except KeeperError:
            continue
        return


def numbers(keeper: Keeper) -> list[int]:
    found: list[int] = []
    while page := keeper.entries(LINK, len(found), 1000)[0]:
        found += [int(read_entry(raw).body["number"]) for raw in page]
    return found
