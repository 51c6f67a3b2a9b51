"""A box restored from an old copy, or replaced, begins anew; both sides agree and exams go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bocage_edge.relay.epochs import (
    ALARM_S,
    Level,
    OpenEpoch,
    PartnerBeganAnew,
    Standing,
    alarm_text,
    judge,
)
from bocage_edge.relay.memory import LinkMemory, MemoryFile
from bocage_edge.spool.types import Direction, ObjectState
from tests.edge.relay.test_hello import hello
from tests.edge.relay.twin import (
    HOSPITAL,
    LINE,
    LINK,
    PRACTICE,
    Line,
    TwinBox,
    free_port,
    until,
)


@pytest.mark.parametrize(
    ("partner", "own", "standing"),
    [
        ({}, {"epoch": 1, "ledger": 0, "partner_epoch": 0}, Level()),
        (
            {"partner_epoch": 1, "partner_ledger": 5},
            {"epoch": 1, "ledger": 5, "partner_epoch": 1},
            Level(),
        ),
        (
            {"partner_epoch": 1, "partner_ledger": 6},
            {"epoch": 1, "ledger": 5, "partner_epoch": 1},
            OpenEpoch(2),
        ),
        (
            {"partner_epoch": 4, "partner_ledger": 0},
            {"epoch": 1, "ledger": 5, "partner_epoch": 1},
            OpenEpoch(5),
        ),
        # What it remembers is of an epoch that is over.
        (
            {"partner_epoch": 1, "partner_ledger": 600},
            {"epoch": 2, "ledger": 5, "partner_epoch": 1},
            Level(),
        ),
        # It has never seen us: its numbers say nothing.
        (
            {"partner_epoch": 0, "partner_ledger": 6},
            {"epoch": 1, "ledger": 5, "partner_epoch": 1},
            Level(),
        ),
        (
            {"epoch": 3, "partner_epoch": 1},
            {"epoch": 1, "ledger": 0, "partner_epoch": 2},
            PartnerBeganAnew(3),
        ),
        # The first time we see it, whatever its epoch.
        (
            {"epoch": 3, "partner_epoch": 1},
            {"epoch": 1, "ledger": 0, "partner_epoch": 0},
            Level(),
        ),
    ],
)
def test_two_memories_are_compared(
    partner: dict[str, int], own: dict[str, int], standing: Standing
) -> None:
    said = hello("practice", "listener").model_copy(update=partner)
    assert judge(said, **own) == standing


def test_the_alarm_lasts_a_day() -> None:
    assert "this box" in alarm_text(100.0, epoch_at=50, partner_epoch_at=-ALARM_S)
    assert "the partner" in alarm_text(ALARM_S + 51, epoch_at=50, partner_epoch_at=60)
    assert alarm_text(ALARM_S + 61, epoch_at=50, partner_epoch_at=60) == ""


class Pair:
    """Two boxes that can be stopped, copied and set back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.line = Line(self.port)
        self.hospital = TwinBox(folder / "hospital", "hospital", "practice")
        self.practice = TwinBox(folder / "practice", "practice", "hospital")

    async def start(self) -> None:
        await self.line.open()
        for box in (self.hospital, self.practice):
            self._begin(box)

    async def stop(self) -> None:
        for box in (self.hospital, self.practice):
            await box.stop()
        await self.line.close()
        for box in (self.hospital, self.practice):
            assert box.spool.verify().is_sound
            box.close()

    def _begin(self, box: TwinBox) -> None:
        hospital, practice = self.hospital, self.practice
        if box is hospital:
            box.start(box.terms(practice, self.port, own=HOSPITAL, there=LINE))
        else:
            box.start(box.terms(hospital, self.port, own=PRACTICE, there=HOSPITAL))

    async def copy(self, box: TwinBox) -> TwinBox:
        """Take an image of a box; give the box that goes on."""
        return await self._swap(box, lambda here, image: shutil.copytree(here, image))

    async def set_back(self, box: TwinBox) -> TwinBox:
        """Restore the image; give the box that was."""

        def restore(here: Path, image: Path) -> None:
            shutil.rmtree(here)
            shutil.copytree(image, here)

        return await self._swap(box, restore)

    async def _swap(self, box: TwinBox, act: object) -> TwinBox:
        await box.stop()
        box.close()
        assert callable(act)
        act(box.folder, box.folder.with_suffix(".image"))
        again = TwinBox(box.folder, box.device, box.partner)
        setattr(self, box.device, again)
        self._begin(again)
        return again

    def memory(self, box: TwinBox) -> LinkMemory:
        """What a box remembers, as its file says."""
        return MemoryFile(box.folder / "relay" / f"{LINK}.json").now


async def stored(box: TwinBox, count: int) -> None:
    await until(lambda: box.states(Direction.OUT).get(ObjectState.STORED, 0) == count, box)


def kinds(box: TwinBox) -> list[str]:
    return [entry.kind for entry in box.own_entries()]


async def test_a_restored_receiver_begins_anew_and_gets_again_what_it_lost(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    await pair.start()
    try:
        pair.hospital.send(b"before the image")
        await stored(pair.hospital, 1)
        practice = await pair.copy(pair.practice)
        lost = pair.hospital.send(b"after the image")
        ring(pair.hospital)
        await stored(pair.hospital, 2)
        await until(lambda: pair.hospital.keeper.partner_head_number(LINK) == 2, pair.hospital)

        practice = await pair.set_back(practice)
        assert not practice.spool.has(lost)
        await until(lambda: practice.spool.has(lost), practice)
        await stored(pair.hospital, 2)
        assert pair.memory(practice).epoch == 2
        assert pair.memory(pair.hospital).partner_epoch == 2
        assert "epoch" in kinds(practice)
        await until(lambda: "partner_behind" in kinds(pair.hospital), pair.hospital)
        # The new ledger is held from its first entry, and settles objects as before.
        practice.say_delivered([lost])
        await until(
            lambda: pair.hospital.keeper.partner_head_number(LINK) == len(practice.own_entries()),
            pair.hospital,
        )
        await stored(pair.hospital, 1)
        for box, word in ((practice, "this box"), (pair.hospital, "the partner")):
            assert box.service is not None
            assert word in box.service.alarm(box.clock.now())
    finally:
        await pair.stop()


async def test_a_replaced_box_confirmed_again_begins_anew(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    await pair.start()
    try:
        lost = pair.hospital.send(b"before it broke")
        await stored(pair.hospital, 1)
        await until(lambda: pair.memory(pair.hospital).settled == 1, pair.hospital)

        await pair.hospital.stop()
        await pair.practice.stop()
        pair.practice.close()
        shutil.rmtree(pair.practice.folder)
        pair.practice = TwinBox(tmp_path / "practice", "practice", "hospital", seed="other keys")
        for box in (pair.hospital, pair.practice):
            pair._begin(box)
        await until(lambda: pair.practice.spool.has(lost), pair.practice)
        assert pair.memory(pair.practice).epoch == 2
        pair.practice.say_delivered([lost])
        await until(lambda: not pair.hospital.states(Direction.OUT), pair.hospital)
    finally:
        await pair.stop()


async def test_a_restored_sender_begins_anew_and_nothing_is_doubled(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    await pair.start()
    try:
        first = pair.hospital.send(b"before the image")
        await stored(pair.hospital, 1)
        await until(lambda: pair.practice.keeper.partner_head_number(LINK) == 1, pair.practice)
        hospital = await pair.copy(pair.hospital)
        hospital.send(b"after the image")
        ring(hospital)
        await stored(hospital, 2)
        await until(lambda: pair.practice.keeper.partner_head_number(LINK) == 2, pair.practice)

        hospital = await pair.set_back(hospital)
        await until(lambda: pair.memory(pair.practice).partner_epoch == 2, pair.practice)
        hospital.send(b"after it was restored")
        ring(hospital)
        await stored(hospital, 2)
        assert pair.practice.states(Direction.IN) == {ObjectState.ARRIVED: 3}
        await until(
            lambda: pair.practice.keeper.partner_head_number(LINK) == len(hospital.own_entries()),
            pair.practice,
        )
        pair.practice.say_delivered([first])
        await stored(hospital, 1)
    finally:
        await pair.stop()


def ring(box: TwinBox) -> None:
    assert box.service is not None
    box.service.ring()
