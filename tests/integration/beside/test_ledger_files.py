"""The ledgers of two real boxes as files: what was done to one is told, each by its own word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bocage_contract.ledger import draft, entry_bytes, entry_hash, read_entry, sign_head
from bocage_edge.errors import KeeperError
from bocage_edge.keeper.client import Keeper
from bocage_edge.keeper.keys import load_keys
from bocage_edge.paths import Box
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.bringing_up import replace_practice, wait_ready
from bocage_provisioning.lab.desired import LINK_ID
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.contract.edits import KINDS, missed
from tests.integration.files import small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

EDITS = 1000
WITHIN_S = 60
EITHER = (0, 1)


class Files:
    """Exports of both boxes, in a folder of the test."""

    def __init__(self, road: Road, folder: Path) -> None:
        self.road = road
        self.folder = folder
        self._boxes = (road.lab.hospital, road.lab.practice)

    def export(self, day: str) -> tuple[Path, Path]:
        """Write both boxes' ledgers: the hospital's, the practice's."""
        one, other = (self.folder / f"{day}-{box.name}.ledger" for box in self._boxes)
        for box, path in zip(self._boxes, (one, other), strict=True):
            box.cli("ledger", "export", str(path))
        return one, other

    def verify(self, path: Path) -> list[str]:
        """Check a file on the hospital's box; give what is wrong."""
        return self._hospital.cli("ledger", "verify", str(path), ok=EITHER).splitlines()

    def reconcile(self, one: Path, other: Path) -> list[str]:
        """Pair two files on the hospital's box; give the disagreements."""
        printed = self._hospital.cli("ledger", "reconcile", str(one), str(other), ok=EITHER)
        return [line for line in printed.splitlines() if line.startswith("DIFFERENT: ")]

    def edited(self, source: Path, lines: Sequence[bytes]) -> Path:
        """Write other lines beside a file."""
        path = source.with_suffix(".edited")
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    @property
    def _hospital(self) -> LabBox:
        return self._boxes[0]


def lines_of(path: Path) -> list[bytes]:
    """A file's lines."""
    return path.read_bytes().removesuffix(b"\n").split(b"\n")


def exchange(road: Road, folder: Path, exams: int, *, told: int) -> None:
    """Send so many exams, and wait until the practice's ledger tells of so many deliveries."""
    answers = road.send([small(folder).path for _ in range(exams)])
    assert {answer.status for answer in answers} == {0}
    for box in (road.lab.hospital, road.lab.practice):
        wait_until(
            lambda box=box: road.reconcile(box)["delivered"] == told,  # type: ignore[misc]
            WITHIN_S,
            f"{told} deliveries in the ledgers of the {box.name}",
        )


def check_edits(files: Files, day: tuple[Path, Path], before: tuple[Path, Path]) -> None:
    """Cut off, in another order, a byte changed: each has its word and its place."""
    whole = lines_of(day[0])
    at = [n for n, line in enumerate(whole) if b'"kind":"received"' in line]
    at = [at[0], at[-1]]  # far apart: of three in a row, either the one or the two have moved
    first, second = (read_entry(whole[n]) for n in at)
    place = f"{first.chain} (own), entry"
    assert any("cut off" in said for said in files.verify(files.edited(day[0], whole[: at[1]])))
    swapped = list(whole)
    swapped[at[0]], swapped[at[1]] = whole[at[1]], whole[at[0]]
    assert files.verify(files.edited(day[0], swapped)) == [
        f"{place} {first.n} (line {at[1] + 1}): moved",
        f"{place} {second.n} (line {at[0] + 1}): moved",
    ]
    flipped = list(whole)
    flipped[at[0]] = whole[at[0]].replace(b'"kind":"received"', b'"kind":"receivee"')
    (said,) = files.verify(files.edited(day[0], flipped))
    assert said.startswith(place) and f" {first.n} " in said and said.endswith(": changed")
    others = (lines_of(before[0]), lines_of(day[1]))
    for seed in range(EDITS):
        assert missed(whole, others, KINDS[seed % len(KINDS)], seed) is None


def check_fork(files: Files) -> None:
    """The practice's key signs a second history: the hospital keeps it, and its export shows it."""
    lab = files.road.lab
    chain = f"practice-{lab.topology.name}/{LINK_ID}"
    keys = load_keys(Box(lab.practice.state, lab.practice.run))
    lie = entry_bytes(chain, 1, "0" * 64, draft("delivered", 1.0, object="0" * 64, done=True))
    keeper = Keeper(lab.hospital.run / "keeper.sock")
    with pytest.raises(KeeperError, match="two histories"):
        keeper.accept_partner(LINK_ID, [lie], sign_head(chain, 1, entry_hash(lie), keys.sign))
    keeper.close()
    day = files.export("forked")
    assert files.verify(day[0]) == [f"{chain}: a second history was signed, entries 1 to 1"]
    assert files.verify(day[1]) == []
    begins = f"DIFFERENT: {chain}, entries 1 to 1: fork ("
    assert any(said.startswith(begins) for said in files.reconcile(*day))


def test_what_was_done_to_a_ledger_is_told(tmp_path: Path) -> None:
    """Cut, reordered, edited, an old file, an old image, another box, a second history."""
    lab = Laboratory("files", line=Line(rate_mbit=0, delay_ms=5))
    with a_road("files", lab) as road:
        files, chain = Files(road, tmp_path), f"practice-files/{LINK_ID}"
        exchange(road, tmp_path, 2, told=2)
        first = files.export("first")
        lab.practice.cut_power()
        image = lab.practice.state.with_suffix(".old")
        LocalHost().run(["cp", "-a", lab.practice.state, image])
        start_again(road)
        exchange(road, tmp_path, 2, told=4)
        second = files.export("second")
        assert [files.verify(path) for path in (*first, *second)] == [[], [], [], []]
        assert files.reconcile(*second) == []
        check_edits(files, second, first)

        # The practice shows an old file of its own.
        (said,) = files.reconcile(second[0], first[1])
        assert said.startswith(f"DIFFERENT: {chain}, entries ") and ": behind (objects " in said

        # The practice's box is put back as it was: it begins an epoch.
        lab.practice.cut_power()
        LocalHost().run(["rm", "-r", lab.practice.state])
        LocalHost().run(["mv", image, lab.practice.state])
        start_again(road)
        exchange(road, tmp_path, 1, told=3)  # it no longer knows of the second two
        third = files.export("third")
        assert [files.verify(path) for path in third] == [[], []]
        (said,) = files.reconcile(*third)
        assert said.startswith(f"DIFFERENT: {chain}, entries ") and ": restored (objects " in said

        # Another box in its place, confirmed.
        replace_practice(lab, road.signer)
        exchange(road, tmp_path, 1, told=1)
        fourth = files.export("fourth")
        assert [files.verify(path) for path in fourth] == [[], []]
        words = {said.partition(": ")[2].partition(": ")[2] for said in files.reconcile(*fourth)}
        assert "replaced (by another box)" in words
        check_fork(files)


def start_again(road: Road) -> None:
    """Start the practice's units, and type its paper code."""
    road.lab.practice.boot()
    road.lab.practice.unlock()
    wait_ready(road.lab)
