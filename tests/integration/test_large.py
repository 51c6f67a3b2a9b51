"""A multi-frame instance of more than a gigabyte: bounded memory, a quick answer, no plaintext."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_provisioning.lab.waiting import wait_until
from tests.integration.heavy import stream, swallower
from tests.integration.road import Road
from tests.integration.streamer import MARK
from tests.integration.watching import residents

pytestmark = pytest.mark.integration

MEBIBYTE = 1 << 20
ANSWER_WITHIN_S = 2.0  # of the last fragment: promised
RESIDENT_LIMIT_KB = 300_000
ARRIVES_WITHIN_S = 300.0
_BLOCK_BYTES = 8 * MEBIBYTE


@pytest.mark.parametrize(
    ("kind", "size", "seed"),
    [
        pytest.param("frames", 1_200_000_000, 1, id="1.2 GB in frames"),
        pytest.param("noise", 300 * MEBIBYTE, 2, id="300 MB of noise"),
        pytest.param("wide_frames", 190 * MEBIBYTE, 4, id="frames of 60 MB"),
        pytest.param("wide_noise", 130 * MEBIBYTE, 6, id="frames of 60 MB of noise"),
        pytest.param("one_frame", 300 * MEBIBYTE, 3, id="one frame of 300 MB"),
    ],
)
def test_a_large_instance_passes_in_bounded_memory(
    heavy: Road, tmp_path: Path, kind: str, size: int, seed: int
) -> None:
    topology = heavy.lab.topology
    boxes = [topology.hospital_box, topology.practice_box]
    with swallower(heavy, tmp_path / "came") as came, residents(boxes) as watched:
        sent = stream(heavy, kind, size, seed)
        answered = time.monotonic()
        assert sent["status"] == 0, sent
        plain = list(files_that_hold(heavy.lab.hospital.state, MARK))
        wait_until(lambda: bool(came()), ARRIVES_WITHIN_S, "the large instance")
    [there] = came()
    report = {
        "bytes": sent["bytes"],
        "sent_s": sent["sent_s"],
        "answer_s": sent["answer_s"],
        "from_answer_to_begin_at_station_s": there["began_at"] - answered,
        "at_station_s": there["ended_at"] - there["began_at"],
        "peak_kb": watched.peak_kb,
    }
    print(json.dumps(report, indent=1))
    assert there["sha256"] == sent["sha256"]
    assert there["bytes"] == sent["bytes"] > 0.9 * size
    assert plain == []
    assert sent["answer_s"] <= ANSWER_WITHIN_S
    assert {who: kb for who, kb in watched.peak_kb.items() if kb >= RESIDENT_LIMIT_KB} == {}
    heavy.wait_settled()
    heavy.verify_spools()


def files_that_hold(folder: Path, mark: bytes) -> Iterator[Path]:
    """Name the files below a folder that hold some bytes."""
    for path in folder.rglob("*"):
        if path.is_file() and _holds(path, mark):
            yield path


def _holds(path: Path, mark: bytes) -> bool:
    end_of_last = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if mark in end_of_last + block:
                return True
            end_of_last = block[-len(mark) :]
    return False
