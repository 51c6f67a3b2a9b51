"""Thousands of tiny instances: each arrives once, and the last ones as fast as the first."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from bocage_provisioning.lab.waiting import wait_until
from tests.integration.heavy import stream, swallower, whole_lines
from tests.integration.road import Road
from tests.integration.watching import residents

pytestmark = pytest.mark.integration

# BOCAGE_MANY=20000 takes some minutes.
COUNT = int(os.environ.get("BOCAGE_MANY", "4000"))
ASSOCIATIONS = 4
SEED = 5
ARRIVE_WITHIN_S = 60 + COUNT / 20
RESIDENT_LIMIT_KB = 300_000
SLOWEST_SHARE = 0.5


def test_many_tiny_instances_pass_without_slowing_as_they_go(heavy: Road, tmp_path: Path) -> None:
    topology, file = heavy.lab.topology, tmp_path / "came"
    boxes = [topology.hospital_box, topology.practice_box]
    with swallower(heavy, file) as came, residents(boxes) as watched:
        sent = stream(heavy, "tiny", COUNT, SEED, ASSOCIATIONS)
        wait_until(lambda: len(whole_lines(file)) >= COUNT, ARRIVE_WITHIN_S, "all instances")
    heavy.wait_settled()
    answers, there = sent["answers"], came()
    taken = rates([at for _uid, _status, at in answers])
    delivered = rates([each["ended_at"] for each in there])
    print(json.dumps({"taken": taken, "delivered": delivered, "peak_kb": watched.peak_kb}))
    assert {status for _uid, status, _at in answers} == {0}
    assert len(there) == COUNT, "an instance came twice"
    assert {each["uid"]: each["sha256"] for each in there} == sent["sha256"]
    assert taken[-1] >= SLOWEST_SHARE * taken[0]
    assert delivered[-1] >= SLOWEST_SHARE * delivered[0]
    assert max(watched.peak_kb.values()) < RESIDENT_LIMIT_KB
    heavy.verify_spools()


def rates(moments: Sequence[float]) -> list[float]:
    """Give the instances a second of each tenth, in the order they ended."""
    ordered, tenth = sorted(moments), len(moments) // 10
    edges = [*ordered[::tenth][:10], ordered[-1]]
    return [tenth / (end - begin) for begin, end in pairwise(edges)]
