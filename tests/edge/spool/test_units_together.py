"""Three users write one spool at once, as receive, relay and deliver do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bocage_edge.spool.types import Direction
from bocage_system.command import PIPE, spawn
from tests.edge.spool.making import assert_clean, open_spool
from tests.edge.spool.unit_workload import ROUNDS

ROOT = Path(__file__).parents[3]
WORKLOAD = Path(__file__).with_name("unit_workload.py")
UIDS = (31_001, 31_002, 31_003)
GROUP = 31_000
TIMEOUT_S = 120.0


@pytest.mark.integration
def test_three_users_write_one_spool_and_nothing_is_lost(tmp_path: Path) -> None:
    for folder in [tmp_path, *tmp_path.parents]:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)  # pytest's own folders are private
    box = tmp_path / "box"
    box.mkdir()
    os.chown(box, 0, GROUP)
    box.chmod(0o2770)
    children = [
        spawn(
            [sys.executable, WORKLOAD, box, str(uid)],
            env={"PYTHONPATH": str(ROOT)},
            stdin=PIPE,
            stdout=PIPE,
        )
        for uid in UIDS
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
    assert [child.wait(TIMEOUT_S) for child in children] == [0, 0, 0]
    for child in children:
        assert child.stdout is not None
        child.stdout.close()
    spool = open_spool(box)
    counted = dict.fromkeys(Direction, 0)
    for corner in spool.backlog():
        counted[corner.direction] += corner.objects
    assert counted == dict.fromkeys(Direction, ROUNDS * len(UIDS))
    assert_clean(spool)
    spool.close()
