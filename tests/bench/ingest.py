"""From the modality into the box, on the LAN alone: durable and sealed when it is answered."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bocage_provisioning.demo.part10 import dataset_of
from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, ROUTINE_AET
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.bench import targets
from tests.bench.ground import ROOT, Ground, a_ground, tell
from tests.bench.inputs import prepared, total_bytes
from tests.bench.options import Options
from tests.bench.peers import (
    ORTHANC_DICOM_PORT,
    STORE_PORT,
    THERE,
    Orthanc,
    fresh,
    opened,
    orthanc,
    storescp,
)
from tests.bench.processes import Meter
from tests.bench.table import Row, middle, row

OPEN_LINE = Line(rate_mbit=0, delay_ms=5)
ASSOCIATIONS = (1, 4)
SETS = ("CT400", "small", "large")
LARGE_BYTES = 1_200_000_000
LARGE_TIMEOUT_S = 600.0


def run(options: Options) -> list[Row]:
    """Measure CT, small instances, and one that is large."""
    sets = options.sets or SETS
    with a_ground(options.name, OPEN_LINE) as ground:
        rows = [
            _measured(ground, name, associations, options.runs)
            for name in sets
            if name != "large"
            for associations in ASSOCIATIONS
        ]
        if "large" in sets:
            rows += _large(ground, options.runs)
        ground.check_nothing_lost()
        return rows


def _measured(ground: Ground, name: str, associations: int, runs: int) -> Row:
    files = prepared(name)
    ours: list[float] = []
    theirs: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        ours.append(_ours(ground, files, associations))
        tell(f"{name}, {associations}: Bocage {ours[-1]:.2f} s")
        with opened(ground):
            theirs["orthanc"].append(_orthanc(ground, files, associations))
            theirs["dcmtk"].append(_storescp(ground, files, associations))
        tell(f"{name}, {associations}: { ({peer: round(s[-1], 2) for peer, s in theirs.items()}) }")
    return _compared(name, associations, files, ours, theirs)


def _ours(ground: Ground, files: Sequence[Path], associations: int) -> float:
    """Send while the relay is held still; afterwards all must come to the station."""
    meter = Meter(ground.lab)
    with ground.frozen(ground.lab.hospital, "relay"):
        meter.begin()
        sent = ground.send(files, associations=associations)
        meter.end()
    tell(f"CPU s: {meter.shown()}")
    ground.arrived(sent)
    ground.clear_station()
    return sent.ended - sent.began


def _orthanc(ground: Ground, files: Sequence[Path], associations: int) -> float:
    with orthanc(ground.lab.hospital, THERE, is_synced=True) as there:
        return _into(ground, there, files, associations)


def _into(ground: Ground, there: Orthanc, files: Sequence[Path], associations: int) -> float:
    to = (BOX_LAN_ADDRESS, ORTHANC_DICOM_PORT)
    sent = ground.send(files, associations=associations, to=to)
    assert there.count() == len(files)
    return sent.ended - sent.began


def _storescp(ground: Ground, files: Sequence[Path], associations: int) -> float:
    folder = ground.lab.disk / "received"
    with fresh(folder), storescp(ground.lab.hospital, folder):
        to = (BOX_LAN_ADDRESS, STORE_PORT)
        sent = ground.send(files, associations=associations, to=to)
        assert len(list(folder.iterdir())) == len(files)
    return sent.ended - sent.began


def _compared(
    name: str,
    associations: int,
    files: list[Path],
    ours: Sequence[float],
    theirs: dict[str, list[float]],
) -> Row:
    peers_s = {peer: middle(times) for peer, times in theirs.items()}
    mb_s = round(total_bytes(files) / 1e6 / middle(ours), 1)
    ratio = round(peers_s["orthanc"] / middle(ours), 2)
    by_rate = {1: targets.CT_ONE_MB_S, 4: targets.CT_FOUR_MB_S}[associations]
    is_ct = name == "CT400"
    return row(
        "ingest",
        mb_s >= by_rate if is_ct else ratio >= targets.SMALL_OVER_ORTHANC,
        set=name,
        associations=associations,
        ours_s=middle(ours),
        ours_mb_s=mb_s,
        peers_s=peers_s,
        orthanc_over_ours=ratio,
        must=f">= {by_rate:g} MB/s" if is_ct else f">= {targets.SMALL_OVER_ORTHANC:g}x Orthanc",
    )


def _large(ground: Ground, runs: int) -> list[Row]:
    """Stream a multi-frame instance that is made while it is sent."""
    answers: list[float] = []
    meter = Meter(ground.lab)
    for number in range(runs):
        with _relay_stopped(ground):
            meter.begin()
            said = _streamed(ground, number + 1)
            meter.end()
        answers.append(said["answer_s"])
        tell(f"large: sent in {said['sent_s']:.1f} s, answered {answers[-1]:.2f} s after the last")
        _wait_large(ground, said)
    peaks = {
        name.removeprefix("hospital "): round(cost.peak_mb, 1)
        for name, cost in meter.costs.items()
        if name.startswith("hospital receive")
    }
    return [
        row(
            "ingest",
            middle(answers) <= targets.LARGE_ANSWER_S
            and max(peaks.values()) <= targets.LARGE_RESIDENT_MB,
            set="1.2 GB multi-frame",
            answer_s=middle(answers),
            must_s=targets.LARGE_ANSWER_S,
            peak_mb=peaks,
            must_mb=targets.LARGE_RESIDENT_MB,
        )
    ]


@contextmanager
def _relay_stopped(ground: Ground) -> Iterator[None]:
    with ExitStack() as stack:
        ground.lab.hospital.stop("relay")
        stack.callback(ground.lab.hospital.start, "relay")
        yield


def _streamed(ground: Ground, seed: int) -> dict[str, Any]:
    printed = LocalHost(ground.lab.topology.hospital_lan).run(
        [
            *("env", "-C", ROOT, sys.executable, "-m", "tests.integration.streamer"),
            *(BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET, ROUTINE_AET),
            *("frames", str(LARGE_BYTES), str(seed)),
        ],
        timeout_s=LARGE_TIMEOUT_S,
    )
    said: dict[str, Any] = json.loads(printed)
    assert said["status"] == 0, said
    return said


def _wait_large(ground: Ground, said: dict[str, Any]) -> None:
    """Wait until it is at the station, byte for byte."""
    station = ground.lab.station
    wait_until(
        lambda: any(path.stat().st_size > said["bytes"] for path in station.files()),
        LARGE_TIMEOUT_S,
        "the large instance",
    )
    [path] = station.files()
    assert hashlib.sha256(dataset_of(path)).hexdigest() == said["sha256"]
    ground.clear_station()
