"""One exam's journey: sent by the modality, watched until it is whole at the station, and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bocage_provisioning.demo.part10 import NotPart10Error, dataset_of
from bocage_provisioning.demo.reference import file_of
from bocage_provisioning.lab.errors import LabError

ARRIVAL_TIMEOUT_S = 120.0
_LOOK_AGAIN_S = 0.02

Progress = Callable[[int, int], None]  # bytes that arrived, bytes expected


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of sending some instances.

    Args:
        seconds: from the start of sending to the last instance whole at the other end.
        instances: that arrived.
        equal: every data set arrived exactly as it was sent.
    """

    seconds: float
    instances: int
    equal: bool


def travel(
    send: Callable[[], object],
    received: Callable[[], Sequence[Path]],
    expected: Mapping[str, bytes],
    progress: Progress = lambda _done, _all: None,
) -> Arrival:
    """Send and watch the far end.

    Args:
        send: sends and comes back when the near box has acknowledged everything.
        received: lists the files of the far end.
        expected: SOP Instance UID -> data set as sent.

    Raises:
        LabError: not everything arrived in time.
    """
    started = time.monotonic()
    send()
    total = sum(map(len, expected.values()))
    while True:
        files = received()
        sizes = {uid: _arrived_bytes(files, uid) for uid in expected}
        done = sum(min(sizes[uid], len(expected[uid])) for uid in expected)
        progress(done, total)
        if all(sizes[uid] >= len(expected[uid]) for uid in expected):
            break
        if time.monotonic() - started > ARRIVAL_TIMEOUT_S:
            missing = sum(sizes[uid] < len(expected[uid]) for uid in expected)
            raise LabError(f"{missing} instances did not arrive in {ARRIVAL_TIMEOUT_S:.0f} s")
        time.sleep(_LOOK_AGAIN_S)
    seconds = time.monotonic() - started
    files = received()
    equal = all(dataset_of(file_of(files, uid)) == sent for uid, sent in expected.items())
    return Arrival(seconds, len(expected), equal)


def _arrived_bytes(files: Sequence[Path], uid: str) -> int:
    """Bytes of the data set that are there; storescp writes the file as it comes."""
    try:
        return len(dataset_of(file_of(files, uid)))
    except (FileNotFoundError, NotPart10Error):
        return 0
