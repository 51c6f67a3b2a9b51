"""The site's paper: Debian's `age` and `bocage-edge seal open` restore an exam without a box."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_system.command import CommandError, LocalHost
from tests.integration.files import File, renewed, small, test_file
from tests.integration.road import Road

pytestmark = pytest.mark.integration


@pytest.fixture
def sealed(road: Road, tmp_path: Path) -> tuple[list[File], list[Path]]:
    """Instances that are in the hospital's spool while the line is cut, and their objects."""
    lab = road.lab
    files = [renewed(test_file("RG3_UNCI.dcm"), tmp_path), small(tmp_path)]
    spool = lab.hospital.state / "spool" / "objects"
    road.wait_settled()
    before = set(spool.glob("*/*"))
    lab.cut()
    try:
        answers = road.send([file.path for file in files])
        assert {answer.status for answer in answers} == {0}
        objects = sorted(set(spool.glob("*/*")) - before, key=lambda path: path.stat().st_mtime)
        copies = [tmp_path / f"object-{place}" for place in range(len(objects))]
        for path, copy in zip(objects, copies, strict=True):
            copy.write_bytes(path.read_bytes())
    finally:
        lab.restore()
    return files, copies


def test_age_and_seal_open_restore_exactly_what_was_sent(
    road: Road, tmp_path: Path, sealed: tuple[list[File], list[Path]]
) -> None:
    """With the receiving site's paper, on a machine that is no box."""
    files, objects = sealed
    paper = road.lab.practice.paper
    assert paper is not None
    key = tmp_path / "paper.key"
    key.write_text(f"{paper.recovery_key}\n")
    host = LocalHost()
    restored = []
    for place, path in enumerate(objects):
        plain, target = tmp_path / f"plain-{place}", tmp_path / f"restored-{place}"
        host.run(["age", "-d", "-i", key, "-o", plain, path])
        road.lab.practice.cli("seal", "open", "--bare", str(plain), str(target))
        restored.append(target.read_bytes())
    assert sorted(restored) == sorted(file.data_set() for file in files)
    road.wait_settled()


def test_the_sending_sites_own_paper_opens_nothing(
    road: Road, tmp_path: Path, sealed: tuple[list[File], list[Path]]
) -> None:
    """A thief with the sending box and its safe gets no patient."""
    paper = road.lab.hospital.paper
    assert paper is not None
    key = tmp_path / "paper.key"
    key.write_text(f"{paper.recovery_key}\n")
    for path in sealed[1]:
        with pytest.raises(CommandError, match="no identity matched"):
            LocalHost().run(["age", "-d", "-i", key, path])
    road.wait_settled()


def test_a_damaged_object_is_not_restored(
    road: Road, tmp_path: Path, sealed: tuple[list[File], list[Path]]
) -> None:
    """No file appears rather than a wrong one."""
    paper = road.lab.practice.paper
    assert paper is not None
    key = tmp_path / "paper.key"
    key.write_text(f"{paper.recovery_key}\n")
    plain, target = tmp_path / "plain", tmp_path / "restored"
    LocalHost().run(["age", "-d", "-i", key, "-o", plain, sealed[1][0]])
    raw = bytearray(plain.read_bytes())
    raw[len(raw) // 2] ^= 1
    plain.write_bytes(raw)
    with pytest.raises(CommandError, match="bocage-edge:"):
        road.lab.practice.cli("seal", "open", str(plain), str(target))
    assert not target.exists()
    road.wait_settled()
