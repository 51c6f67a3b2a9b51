"""kill -9 of either side, again and again: nothing lost, nothing doubled, little sent twice."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bocage_edge.spool.types import Direction, ObjectState
from bocage_system.command import Child, spawn
from tests.edge.relay.twin import HOSPITAL, LINE, PRACTICE, Line, TwinBox, free_port, until
from tests.source_tree import ROOT

pytestmark = pytest.mark.processes
SIZES = [700, 30_000, 900_000, 3_000_000]
KILLS = 5
REPEATED_LIMIT_BYTES = 4 << 20


def start(folder: Path, device: str, partner: str, own: str, there: str, port: int) -> Child:
    """Start one side as a process."""
    script = str(ROOT / "tests/edge/relay/child.py")
    argv = [sys.executable, script, str(folder), device, partner, own, there, str(port)]
    path = ":".join(str(ROOT / part) for part in ("contract", "system", "edge", "."))
    return spawn(argv, env={"PYTHONPATH": path})


@asynccontextmanager
async def open_line(port: int) -> AsyncIterator[Line]:
    line = Line(port)
    await line.open()
    try:
        yield line
    finally:
        await line.close()


def bytes_of(seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311 (test data)
    return chance.randbytes(chance.choice(SIZES))


async def test_killing_the_receiver_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    hospital = TwinBox(tmp_path / "hospital", "hospital", "practice")
    practice = TwinBox(tmp_path / "practice", "practice", "hospital")
    side = (tmp_path / "practice", "practice", "hospital", PRACTICE, HOSPITAL, port)
    total = 0
    async with open_line(port) as line:
        hospital.start(hospital.terms(practice, port, own=HOSPITAL, there=LINE))
        child = start(*side)
        try:
            for kill in range(KILLS):
                line.hold_at = line.carried_bytes + 2_000_000 * (kill + 1) // 2
                for number in range(6):
                    data = bytes_of(kill * 100 + number)
                    total += len(data)
                    hospital.send(data)
                assert hospital.service is not None
                hospital.service.ring()
                await until(lambda: not line.is_free.is_set(), hospital)
                child.kill()
                child.wait(10)
                line.is_free.set()
                child = start(*side)
            stored = {ObjectState.STORED: KILLS * 6}
            await until(lambda: hospital.states(Direction.OUT) == stored, hospital)
        finally:
            child.kill()
            child.wait(10)
            await hospital.stop()
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: KILLS * 6}
        assert line.carried_bytes < total * 1.02 + KILLS * REPEATED_LIMIT_BYTES
    for box in (hospital, practice):
        box.spool.sweep()
        assert box.spool.verify().is_clean
        box.close()


async def test_killing_the_sender_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    hospital = TwinBox(tmp_path / "hospital", "hospital", "practice")
    practice = TwinBox(tmp_path / "practice", "practice", "hospital")
    side = (tmp_path / "hospital", "hospital", "practice", HOSPITAL, LINE, port)
    sizes = 0
    names = []
    for number in range(KILLS * 6):
        data = bytes_of(number)
        sizes += len(data)
        names.append(hospital.send(data))
    async with open_line(port) as line:
        practice.start(practice.terms(hospital, port, own=PRACTICE, there=HOSPITAL))
        child = start(*side)
        try:
            for kill in range(KILLS):
                line.hold_at = line.carried_bytes + 1_000_000 * (kill + 1)
                await until(lambda: not line.is_free.is_set(), practice)
                child.kill()
                child.wait(10)
                line.is_free.set()
                child = start(*side)
            stored = {ObjectState.STORED: len(names)}
            await until(lambda: hospital.states(Direction.OUT) == stored, hospital)
            practice.say_delivered(names)
            await until(lambda: not hospital.states(Direction.OUT), hospital)
        finally:
            child.kill()
            child.wait(10)
            await practice.stop()
        assert practice.states(Direction.IN) == {ObjectState.ARRIVED: len(names)}
        assert line.carried_bytes < sizes * 1.02 + KILLS * REPEATED_LIMIT_BYTES
    for box in (hospital, practice):
        box.spool.sweep()
        assert box.spool.verify().is_clean
        box.close()
