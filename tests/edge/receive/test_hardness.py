"""What must hold whatever comes: no leftovers, no leaks, others served, kill -9 loses nothing."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from pathlib import Path

import pytest

from bocage_edge.receive.upper_layer import Limits
from bocage_edge.spool.store import Spool
from bocage_system.clock import SystemClock
from bocage_system.command import spawn
from tests.edge.receive.test_association import associated, hello, send
from tests.fakes.instances import CR, instance
from tests.fakes.scripted_peer import ABORT, ScriptedPeer, data, pdu, store_command
from tests.fakes.site import LINK, Site

ROOT = Path(__file__).parents[3]


def conversation() -> bytes:
    """Everything a sound peer sends: request, one instance, release."""
    sent = instance(1)
    return (
        hello()
        + data(3, store_command(CR, sent.sop_instance), command=True)
        + data(3, sent.data_set[:100], last=False)
        + data(3, sent.data_set[100:])
        + pdu(5, bytes(4))
    )


def mutated(raw: bytes, seed: int) -> bytes:
    """Change, remove or double a few bytes."""
    chance = random.Random(seed)  # noqa: S311 - the same bytes on every run
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        kind = chance.randrange(4)
        if kind == 0:
            changed[place] = chance.randrange(256)
        elif kind == 1:
            del changed[place : place + chance.randrange(1, 40)]
        elif kind == 2:
            changed[place:place] = changed[place : place + chance.randrange(1, 40)]
        else:
            changed[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(changed)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_mutated_conversations_end_and_others_are_served(tmp_path: Path) -> None:
    """Eighty of them; whatever was acknowledged or not, rows and files agree."""
    limits = Limits(socket_timeout_s=0.05, pdu_deadline_s=0.3, request_deadline_s=0.3)
    with Site(tmp_path, limits=limits) as site:
        for seed in range(80):
            with ScriptedPeer(site.port) as peer:
                peer.send_all_or_be_cut(mutated(conversation(), seed))
                peer.finish_sending()
                while peer.receive().type not in (0, ABORT):
                    pass
            site.wait_until_empty()
            assert site.leftovers() == []
        with associated(site) as peer:
            send(peer, instance(2))
            assert peer.response().status == 0
        assert site.reception.status()["associations"] <= 1


def test_cycles_leak_neither_descriptors_nor_threads_nor_counts(site: Site) -> None:
    """Associate and abort, again and again."""

    def cycle() -> None:
        with associated(site) as peer:
            peer.send(data(3, store_command(CR, "1.2.3"), command=True))
            peer.send(data(3, b"x", last=False))
            peer.abort()
        site.wait_until_empty()

    for _ in range(5):
        cycle()
    gc.collect()
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(60):
        cycle()
    gc.collect()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
    status = site.reception.status()
    assert (status["associations"], status["connections"]) == (0, 0)


@pytest.mark.processes
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Only incoming/ has leftovers, which a sweep removes."""
    reading, writing = os.pipe()
    command = [sys.executable, str(ROOT / "tests/fakes/site_process.py"), str(tmp_path)]
    child = spawn(command, stdout=writing, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    os.close(writing)
    with os.fdopen(reading) as said:
        port = int(said.readline())
    with ScriptedPeer(port) as peer:
        peer.associate(hello())
        send(peer, instance(1))
        assert peer.response().status == 0
        peer.send(data(3, store_command(CR, instance(2).sop_instance), command=True))
        peer.send(data(3, instance(2).data_set[:200], last=False))
        with ScriptedPeer(port) as other:  # its answer comes after the fragment was taken
            other.associate(hello())
            send(other, instance(3))
            assert other.response().status == 0
        child.kill()
        child.wait(10.0)
    spool = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=0)
    assert len(spool.due_outgoing(LINK, 1e12, 10)) == 2
    assert spool.verify().is_sound
    spool.sweep()
    assert spool.verify().is_clean
    spool.close()
