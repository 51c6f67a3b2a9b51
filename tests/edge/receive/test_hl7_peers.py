"""A client that somebody else wrote, and a power cut at the worst moment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hl7
import pytest
from hl7.client import MLLPClient

from bocage_edge.exam.identity import NO_EXAM
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectKind
from bocage_system.clock import SystemClock
from bocage_system.command import spawn
from tests.edge.hl7.messages import er7, order
from tests.fakes.hl7_site import hl7_site
from tests.fakes.mllp import MllpPeer
from tests.fakes.site import LINK
from tests.source_tree import ROOT

ORDER = er7(*order())


def test_the_library_of_others_sends_and_understands_the_answers(tmp_path: Path) -> None:
    """python-hl7, as a client: its frames are taken, and it reads what we say."""
    with hl7_site(tmp_path) as box:
        with MLLPClient("127.0.0.1", box.port) as client:
            answers = [hl7.parse(client.send_message(ORDER)) for _ in range(2)]
            refused = hl7.parse(client.send_message(ORDER.replace(b"ORM^O01", b"ADT^A01")))
        assert [str(answer["MSA.F1"]) for answer in answers] == ["AA", "AA"]
        assert str(answers[0]["MSA.F2"]) == "RIS0001"
        assert str(answers[0].segment("MSH")[9]) == "ACK^O01^ACK"
        assert str(refused["MSA.F1"]) == "AR"
        assert box.opened(box.objects()[0]) == ORDER
        assert len(box.objects()) == 1


@pytest.mark.processes
def test_a_kill_between_durable_and_answered_makes_no_second_object(tmp_path: Path) -> None:
    """The sender hears nothing, sends again, and is told that all is well."""
    reading, writing = os.pipe()
    command = [sys.executable, str(ROOT / "tests/fakes/hl7_process.py"), str(tmp_path)]
    child = spawn(command, stdout=writing, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    os.close(writing)
    with os.fdopen(reading) as said:
        port = int(said.readline())
    with MllpPeer(port) as peer:
        peer.send(ORDER)
        with pytest.raises(ConnectionError):
            peer.answer()
    child.wait(10.0)
    spool = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=0)
    kinds = [each.kind for each in spool.objects_of_exam(LINK, NO_EXAM)]
    spool.close()
    assert kinds == [ObjectKind.REQUEST]
    with hl7_site(tmp_path) as again:
        assert again.say(ORDER) == [("AA", "RIS0001", "")]
        assert len(again.objects()) == 1
