"""Every kind of object passes unchanged, in its own transfer syntax."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.files import other_kinds, real_files, renewed
from tests.integration.road import Road, wait_for

pytestmark = pytest.mark.integration


def test_every_kind_arrives_as_it_was_sent(road: Road, tmp_path: Path) -> None:
    """Compressed, big endian, implicit, private, multi-frame, SR, KO, PR, PDF, any charset."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    files = [*(renewed(path, sent) for path in real_files()), *other_kinds(sent)]
    with road.station(kept) as station:
        answers = road.send([file.path for file in files])
        refused = [
            (file.path, answer)
            for file, answer in zip(files, answers, strict=True)
            if answer.status != 0
        ]
        assert not refused
        there = wait_for(station, [file.sop_instance for file in files])
    for file in files:
        found = there[file.sop_instance]
        assert found.transfer_syntax == file.transfer_syntax
        assert found.data_set() == file.data_set()
    road.wait_settled()
    road.verify_spools()
