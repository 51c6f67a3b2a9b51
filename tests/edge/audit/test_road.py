"""From the ledger to the collector: in order, each at least once, none missing."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bocage_edge.audit.courier import FIRST_PAUSE_S
from bocage_edge.audit.happening import Happening, write_happening
from bocage_edge.audit.subject import seal_subject
from bocage_edge.errors import KeeperError
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.seal.keys import new_key
from bocage_system.command import spawn
from tests.edge.audit.schema import details, faults
from tests.edge.audit.site import EXAM, LINK, AuditedBox
from tests.fakes.collector import FakeCollector, credentials

SHOWS = credentials()
HEARD = Identities(study_uid="1.2.3.4", patients=(Issued("P1"),), name="DURAND^ZOE")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[AuditedBox]:
    made = AuditedBox(tmp_path / "box", batch=100)
    made.read()
    yield made
    made.close()


def fresh(numbers: list[int]) -> list[int]:
    """Leave out what came before."""
    return list(dict.fromkeys(numbers))


def know(box: AuditedBox) -> None:
    box.spool.keep_audit_subject(LINK, EXAM, seal_subject(HEARD, box.key.recipient))


def test_an_exam_is_told_with_its_study(box: AuditedBox) -> None:
    know(box)
    box.receive(3)
    box.read()
    box.clock.advance(60)
    box.read()
    with FakeCollector(shows=SHOWS) as there:
        assert box.send(there.repository()) is False
        begin, transferred = there.messages
    assert box.waiting == 0
    assert (begin.number, transferred.number) == (1, 2)
    for message in (begin, transferred):
        assert faults(message.xml) == []
        assert message.device == "flers-1"
        objects = ET.fromstring(message.xml).findall("ParticipantObjectIdentification")  # noqa: S314
        assert [each.attrib["ParticipantObjectID"] for each in objects] == ["1.2.3.4", "P1"]


def test_an_exam_of_many_pages_is_told_once(box: AuditedBox) -> None:
    """A page of the ledger ends by bytes before it ends by entries."""
    box.receive(2500, pad_bytes=900)
    box.clock.advance(61)
    box.read()
    with FakeCollector(shows=SHOWS) as there:
        box.send(there.repository())
        begin, transferred = there.messages
    assert b"110102" in begin.xml
    assert details(transferred.xml) == {"NumberOfInstances": "2500"}


def test_what_was_before_anybody_asked_is_not_told(tmp_path: Path) -> None:
    box = AuditedBox(tmp_path / "box")
    box.alert(5)
    box.read()
    assert box.waiting == 0
    box.alert()
    box.read()
    assert box.waiting == 1
    box.stop_telling()
    box.alert(7)
    box.read()
    assert box.waiting == 1
    box.close()


def test_a_collector_that_was_away_gets_everything_in_order(box: AuditedBox) -> None:
    with FakeCollector(shows=SHOWS) as gone:
        repository = gone.repository()
    for _ in range(24):
        box.alert(20)
        box.clock.advance(3600)
        box.read()
        box.send(repository)
    assert box.waiting == 480
    standing = box.courier.standing
    assert standing.unreachable_since is not None
    assert box.clock.now() - standing.unreachable_since > 23 * 3600 - 1
    box.clock.advance(61)
    with FakeCollector(shows=SHOWS, port=gone.port) as there:
        while box.send(repository):
            pass
        assert there.numbers() == list(range(1, 481))
    assert box.waiting == 0
    assert box.courier.standing.unreachable_since is None


def test_it_leaves_a_collector_alone_that_is_not_there(box: AuditedBox) -> None:
    box.alert()
    box.read()
    with FakeCollector(shows=SHOWS, leave_after=1) as there:
        repository = there.repository()
        box.alert(30)
        box.read()
        box.send(repository)
        box.send(repository)
        assert there.connections == 1
        box.clock.advance(FIRST_PAUSE_S)
        box.send(repository)
        assert there.connections == 2
        box.courier.hasten()
        box.send(repository)
        assert there.connections == 3


@pytest.mark.parametrize("behaviour", ["reset_after", "leave_after"])
def test_what_was_cut_comes_again_and_nothing_is_missing(box: AuditedBox, behaviour: str) -> None:
    box.alert(400)
    box.read()
    with FakeCollector(shows=SHOWS, **{behaviour: 37}) as there:  # type: ignore[arg-type]
        for _ in range(3):
            box.clock.advance(61)
            box.send(there.repository())
        setattr(there, behaviour, None)
        box.send_all(there.repository())
        assert len(there.messages) > 400
        assert fresh(there.numbers()) == list(range(1, 401))
        by_number: dict[int, set[bytes]] = {}
        for each in there.messages:
            by_number.setdefault(each.number, set()).add(each.xml)
        assert all(len(forms) == 1 for forms in by_number.values())


def test_a_locked_box_tells_what_needs_no_key_and_then_waits(box: AuditedBox) -> None:
    know(box)
    box.alert(2)
    box.read()
    box.receive()
    box.read()
    box.alert()
    box.read()
    keys, box.keys = box.keys, ()
    with FakeCollector(shows=SHOWS) as there:
        box.send(there.repository())
        assert there.numbers() == [1, 2]
        assert box.courier.standing.is_locked
        box.send(there.repository())
        assert there.connections == 1
        box.keys = keys
        box.send(there.repository())
        assert there.numbers() == [1, 2, 3, 4]
        assert not box.courier.standing.is_locked


def test_an_exam_sealed_for_another_key_is_told_without_its_patient(box: AuditedBox) -> None:
    box.spool.keep_audit_subject(LINK, EXAM, seal_subject(HEARD, new_key().recipient))
    box.receive()
    box.read()
    with FakeCollector(shows=SHOWS) as there:
        box.send(there.repository())
        (begin,) = there.messages
    assert EXAM.encode() in begin.xml
    assert b"DURAND" not in begin.xml


def test_a_row_that_cannot_be_read_holds_up_no_other(box: AuditedBox) -> None:
    box.alert()
    box.read()
    unknown = write_happening(Happening("security", 1.8e9, "of_a_later_release"))
    box.spool.note_audit({}, {}, (), ["{", unknown])
    box.alert()
    box.read()
    with FakeCollector(shows=SHOWS) as there:
        box.send(there.repository())
        assert there.numbers() == [1, 4]
    assert box.waiting == 0


def test_a_full_queue_leaves_it_in_the_ledger(tmp_path: Path) -> None:
    box = AuditedBox(tmp_path / "box", max_waiting=50)
    box.read()
    for _ in range(10):
        box.alert(20)
        box.read()
    assert box.is_full
    assert box.waiting == 60
    with FakeCollector(shows=SHOWS) as there:
        for _ in range(10):
            box.send_all(there.repository())
            box.read()
        assert there.numbers() == list(range(1, 201))
    assert not box.is_full
    box.close()


def test_a_silent_keeper_changes_nothing(box: AuditedBox) -> None:
    box.alert()
    box.is_keeper_there = False
    with pytest.raises(KeeperError):
        box.read()
    assert box.waiting == 0
    box.is_keeper_there = True
    box.read()
    assert box.waiting == 1


def test_no_restart_at_any_point_loses_or_doubles_what_is_queued(tmp_path: Path) -> None:
    """Between two steps everything is let go; only what is on the medium goes on."""
    folder, drawn = tmp_path / "box", random.Random(7)  # noqa: S311 - a test's
    box = AuditedBox(folder, batch=7)
    box.read()
    now, key = box.clock.now(), box.key
    know(box)
    with FakeCollector(shows=SHOWS) as there:
        for _round in range(60):
            send = partial(box.send, there.repository())
            drawn.choice((box.receive, box.alert, box.read, send))()
            now += drawn.choice((0, 5, 61))
            if drawn.random() < 0.4:
                written = box._written
                box.close()
                box = AuditedBox(folder, batch=7)
                box.key, box.keys, box._written = key, (key.secret,), written
            box.clock.jump(now - box.clock.now())
        box.clock.advance(61)
        box.read()
        box.send_all(there.repository())
        numbers = there.numbers()
        alerts = [each for each in there.messages if b"110113" in each.xml]
        instances = sum(
            int(each.attrib["NumberOfInstances"])
            for message in there.messages
            for each in ET.fromstring(message.xml).iter("SOPClass")  # noqa: S314 - ours
        )
    entries = [box.own.page(chain, 0, 1000)[0] for chain in ("flers-1/box", "flers-1/flers-caen")]
    box.close()
    assert numbers == list(range(1, len(numbers) + 1))
    assert [len(alerts), instances] == [len(some) for some in entries]


@pytest.mark.processes
def test_ten_thousand_messages_after_a_day_survive_kill_9_while_they_are_sent(
    tmp_path: Path,
) -> None:
    total = 10_000
    box = AuditedBox(tmp_path / "box")
    box.read()
    box.alert(total // 2)
    box.clock.advance(86_400)
    box.alert(total // 2)
    box.read()
    assert box.waiting == total
    box.close()
    with FakeCollector(shows=SHOWS) as there:
        certificate = tmp_path / "certificate.pem"
        certificate.write_text(SHOWS.certificate)
        kills = 0
        while True:
            argv = [sys.executable, "-m", "tests.edge.audit.sending"]
            child = spawn([*argv, tmp_path / "box", str(there.port), certificate], cwd=ROOT)
            aim = len(there.messages) + 1700
            if aim > total:
                break
            there.wait_for(aim)
            child.signal(signal.SIGKILL)
            child.wait(30)
            kills += 1
        assert child.wait(60) == 0
        assert kills > 3
        numbers = there.numbers()
    assert fresh(numbers) == list(range(1, total + 1))
    again = AuditedBox(tmp_path / "box")
    assert again.waiting == 0
    again.close()
