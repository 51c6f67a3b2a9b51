"""What the deliver unit's step does without an opening key, and once it has one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bocage_edge.deliver.schedule import FIRST_DELAY_S
from bocage_edge.seal.keys import new_key
from tests.edge.deliver.practice import Practice
from tests.edge.deliver.station import station
from tests.fakes.instances import instance


def test_what_is_sealed_to_another_key_waits(tmp_path: Path) -> None:
    other = new_key()
    with station() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive(instance(1), recipient=other.recipient)
        box.arrive(instance(2))
        box.run()
        assert there.instances() == [instance(2).sop_instance]
        (delivery,) = box.spool.deliveries_of(name)
        assert delivery.reason == "sealed to an opening key this box does not hold"
        assert box.kinds().count("cannot_open") == 1
        box.clock.advance(FIRST_DELAY_S + 1)
        box.run()
        assert box.kinds().count("cannot_open") == 1  # said once, however often it is tried
        # Another key at hand: nothing waits for its next hour.
        box.keys = (box.key.secret, other.secret)
        box.setup = replace(box.setup, keys=2)
        box.run()
        assert len(there.came) == 2


def test_a_locked_box_waits_says_why_and_goes_on_at_once_when_unlocked(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, locked="the box is locked")
        name = box.arrive(instance(1))
        box.run()
        assert there.came == []
        assert box.forwarder.status(box.clock.now(), box.setup)["locked"] == "the box is locked"
        assert box.spool.deliveries_of(name)[0].attempts == 0
        box.setup = replace(box.setup, locked=None)
        box.run()
        assert len(there.came) == 1
