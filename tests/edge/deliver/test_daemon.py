"""The deliver unit as a process of its own: unlocking, kill -9, DCMTK as the station."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.destination import DicomDestination
from bocage_edge.paths import Box
from bocage_edge.spool.types import DeliveryState
from bocage_edge.status import read_status
from bocage_system.command import Child, spawn
from bocage_system.kick import ring
from tests.contract.keys import card_of, desired_document, identity, keyset_of, public
from tests.edge.deliver.practice import Practice
from tests.edge.deliver.station import station
from tests.fakes.instances import instance

pytestmark = pytest.mark.processes

BOX_KEY, SIGNER = identity(1), identity(2)
WAIT_S = 30.0
LONG_AGO = 1_000_000_000.0  # what arrived then is due by any clock


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Make the folders of a box; `run` in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as run:
        made = Box(tmp_path / "state", Path(run))
        for folder in (made.state / "config", made.run / "status", made.run / "bell"):
            folder.mkdir(parents=True)
        made.opening_dir.mkdir()
        yield made


def configure(box: Box, there: DicomDestination) -> None:
    """Sign a configuration whose one destination is a station of the test."""
    document: dict[str, Any] = desired_document(BOX_KEY)
    document["destinations"] = [there.to_json()]
    document["links"][0]["role"] = "reading"
    box.card.write_bytes(seal_card(card_of(BOX_KEY), BOX_KEY.sign))
    box.keyset.write_bytes(keyset_of(SIGNER))
    box.desired.write_bytes(seal_desired(Desired.of(document), SIGNER.sign, public(SIGNER)))


def start(box: Box) -> Child:
    """Start the unit."""
    argv = [sys.executable, "-m", "bocage_edge", "--state", str(box.state), "--run", str(box.run)]
    return spawn([*argv, "run", "deliver"])


def unlock(box: Box, arrivals: Practice) -> None:
    """Put the opening key where the unit finds it, and ring."""
    box.opening_key.touch(mode=0o640)
    box.opening_key.write_text(arrivals.key.secret + "\n")
    ring(box.doorbell("deliver"))


def wait_until_locked_is_said(box: Box) -> None:
    """Wait, on a bell of the file system's making: the status the unit replaces."""
    done = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        status = read_status(box, "deliver")
        if status is not None and status["locked"]:
            return
        done.wait(0.05)
    raise AssertionError("the unit does not say that it is locked")


def test_a_locked_unit_says_so_and_delivers_as_soon_as_the_key_is_there(box: Box) -> None:
    one = instance(1)
    with station() as there, Practice(box.state, now=LONG_AGO) as arrivals:
        configure(box, there.destination())
        arrivals.arrive(one)
        unit = start(box)
        try:
            wait_until_locked_is_said(box)
            assert there.came == []
            unlock(box, arrivals)
            assert there.wait_for(1, WAIT_S)
            assert there.came[0][2] == one.data_set
        finally:
            unit.terminate()
            assert unit.wait(WAIT_S) == 0
        assert arrivals.kinds() == ["opened", "delivered"]


def test_killed_between_attempt_and_record_it_tries_again_and_records_once(box: Box) -> None:
    asked = threading.Semaphore(0)
    release = threading.Event()

    def answer(_event: Any) -> int:
        asked.release()
        release.wait(WAIT_S)
        return 0

    with station(answer=answer) as there, Practice(box.state, now=LONG_AGO) as arrivals:
        configure(box, there.destination())
        name = arrivals.arrive(instance(1))
        unlock(box, arrivals)
        unit = start(box)
        assert asked.acquire(timeout=WAIT_S)
        unit.kill()
        unit.wait(WAIT_S)
        (delivery,) = arrivals.spool.deliveries_of(name)
        assert delivery.state is DeliveryState.DUE
        assert delivery.attempts == 1
        assert arrivals.kinds() == []
        release.set()
        # The due moment was committed before the attempt: nobody has to wait for it in a test.
        arrivals.spool.defer_delivery(delivery.id, LONG_AGO, "the test does not wait")
        unit = start(box)
        try:
            assert there.wait_for(2, WAIT_S)
        finally:
            unit.terminate()
            unit.wait(WAIT_S)
        assert arrivals.kinds() == ["opened", "delivered"]
        assert len(set(there.instances())) == 1


def test_dcmtk_stores_the_very_bytes(box: Box, tmp_path: Path) -> None:
    one = instance(1, pixels=os.urandom(300_000))
    stored = tmp_path / "stored"
    stored.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    scp = spawn(
        ["storescp", "--bit-preserving", "--fork", "-od", str(stored), "-aet", "PACS", str(port)],
        env={"TCP_NODELAY": "1"},
    )
    try:
        with Practice(box.state, now=LONG_AGO) as arrivals:
            there = DicomDestination(
                name="pacs", aet="PACS", calling_aet="BOCAGE", host="127.0.0.1", port=port
            )
            configure(box, there)
            for number in range(5):
                arrivals.arrive(instance(number + 2))
            arrivals.arrive(one)
            unlock(box, arrivals)
            unit = start(box)
            waiting = threading.Event()
            try:
                for _ in range(int(WAIT_S / 0.1)):
                    if arrivals.kinds().count("delivered") == 6:
                        break
                    waiting.wait(0.1)
            finally:
                unit.terminate()
                unit.wait(WAIT_S)
            assert arrivals.kinds().count("delivered") == 6
    finally:
        scp.kill()
        scp.wait(WAIT_S)
    files = [path.read_bytes() for path in stored.iterdir()]
    assert len(files) == 6
    assert any(raw.endswith(one.data_set) for raw in files)
