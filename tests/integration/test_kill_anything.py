"""`kill -9` of any process at any moment, on either box.

Nothing acknowledged is lost; nothing arrives twice at the station unless its answer, or our record
of it, was lost; work resumes by itself.

BOCAGE_KILL_SEED and BOCAGE_KILL_ROUNDS choose another run, or a longer one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bocage_contract.ledger import Entry
from bocage_edge.ledger.reconcile import objects_of
from bocage_provisioning.lab.boxes import UNITS, LabBox
from bocage_provisioning.lab.bringing_up import is_tunnel_up
from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, ROUTINE_AET, URGENT_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.integration.files import File, small
from tests.integration.nemesis import CODEC, TUNNEL, Kill, Nemesis
from tests.integration.road import ROOT, Kept, Road, a_road, wait_for
from tests.integration.timeline import pauses

pytestmark = pytest.mark.integration

SEED = int(os.environ.get("BOCAGE_KILL_SEED", time.time_ns() % 1_000_000))
ROUNDS = int(os.environ.get("BOCAGE_KILL_ROUNDS", 2))
INSTANCES_A_ROUND = 140
PAUSE_S = 0.35  # of the modality between two instances, on each of its three associations
AN_ASSOCIATION = 12
A_STUDY = 18
MIDDLE_EVERY = 8  # one of so many is of the middle size
MIDDLE_SIDE, LARGE_SIDE = 512, 2048  # samples of two bytes, of noise
EVERYTHING_WITHIN_S = 120.0 + 40.0 * ROUNDS

LANES = 2  # associations at once to the station; each may lose its answer by one blow
RECORD_WITHIN_S = 5.0
READ_WITHIN_S = 0.5
RELAY_RESUMES_WITHIN_S = 10.0
DELIVER_RESUMES_WITHIN_S = 15.0


# Of a large one, more than the relay makes durable at a time.
PART_BYTES = 9 << 19
LINE_RESUMES_WITHIN_S = 10.0
AGAIN_AT_MOST_BYTES = 4 << 20
OVERHEAD_BYTES = 256 << 10
TUNNEL_WITHIN_S = 30.0
ARRIVES_WITHIN_S = 40.0


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    """A laboratory of its own, with a line slow enough for blows in mid-object."""
    with a_road("kill", Laboratory("kill", line=Line(rate_mbit=8, delay_ms=10))) as up:
        yield up


def test_nothing_is_lost_whatever_is_killed(road: Road, tmp_path: Path) -> None:
    print(f"BOCAGE_KILL_SEED={SEED} BOCAGE_KILL_ROUNDS={ROUNDS}")
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    files = stream(sent, INSTANCES_A_ROUND * ROUNDS)
    boxes = (road.lab.hospital, road.lab.practice)
    with road.station(kept) as station, ThreadPoolExecutor(1) as hands:
        sending = send(road, files, hands)
        nemesis = Nemesis(
            boxes, SEED, ROUNDS, progress=lambda: len(station()), is_over=sending.done
        )
        with nemesis:
            nemesis.wait_done()
        attempts = sending.result()
        road.wait_settled(EVERYTHING_WITHIN_S)
        there = station()
    report(road, nemesis.kills, there, attempts)
    for box in boxes:
        counts = nemesis.counts(box)
        assert all(counts[unit] >= 2 for unit in (*UNITS, TUNNEL)), counts
        for unit in UNITS:
            assert box.exits(unit).count(-9) >= 2, (box.name, unit)
        assert "DAMAGED" not in box.cli("ledger", "verify")
    assert sum(nemesis.counts(box)[CODEC] for box in boxes) >= 1
    check_bytes(files, there)
    check_doubles(there, [kill.at for kill in nemesis.kills if is_of_deliver(kill)])
    check_resuming(road, nemesis.kills)
    road.verify_spools()


def stream(folder: Path, count: int) -> list[File]:
    """Make small instances of several studies, with one of the middle size now and then."""
    dice = np.random.default_rng(SEED)
    made = []
    for number in range(count):
        attributes: dict[str, Any] = {"InstanceNumber": number}
        if number % MIDDLE_EVERY == 0:
            attributes |= noise(dice, MIDDLE_SIDE)
        study = f"1.2.826.0.1.3680043.8.498.{SEED + 1}.{number // A_STUDY + 1}"
        made.append(small(folder, study=study, **attributes))
    return made


def noise(dice: np.random.Generator, side: int) -> dict[str, Any]:
    """Pixels that no codec makes much smaller."""
    samples = dice.integers(0, 4096, (side, side), np.uint16)
    return {"Rows": side, "Columns": side, "PixelData": samples.tobytes()}


def send(road: Road, files: Sequence[File], hands: ThreadPoolExecutor) -> Future[dict[str, int]]:
    """Send all files, a fifth of the associations as urgent; gives the attempts of each file."""
    paths = [str(file.path) for file in files]
    associations = [
        paths[start : start + AN_ASSOCIATION] for start in range(0, len(paths), AN_ASSOCIATION)
    ]
    routine = [each for number, each in enumerate(associations) if number % 5]
    work = [
        (URGENT_AET, associations[::5]),
        (ROUTINE_AET, routine[::2]),
        (ROUTINE_AET, routine[1::2]),
    ]
    argv: list[str | Path] = [
        *("env", "-C", ROOT, sys.executable, "-m", "tests.integration.modality"),
        *(BOX_LAN_ADDRESS, str(DICOM_PORT), MODALITY_AET),
        *(str(EVERYTHING_WITHIN_S), str(PAUSE_S)),
    ]

    def run() -> dict[str, int]:
        printed = LocalHost(road.lab.topology.hospital_lan).run(
            argv, stdin=json.dumps(work), timeout_s=EVERYTHING_WITHIN_S + 60
        )
        said = json.loads(printed.splitlines()[-1])
        return dict(said["attempts"])

    return hands.submit(run)


def check_bytes(files: Sequence[File], there: Sequence[Kept]) -> None:
    """What was acknowledged is what the station has, byte for byte."""
    assert {file.sop_instance for file in files} == {kept.sop_instance for kept in there}
    sent = {file.sop_instance: file for file in files}
    for kept in there:
        assert kept.data_set() == sent[kept.sop_instance].data_set()


def check_doubles(there: Sequence[Kept], blows: Sequence[float]) -> None:
    """What came twice was under way when deliver was killed: its answer was not recorded."""
    came: dict[str, list[float]] = {}
    for kept in there:
        came.setdefault(kept.sop_instance, []).append(kept.path.stat().st_mtime)
    doubles = sum(len(times) - 1 for times in came.values())
    assert doubles <= LANES * len(blows)
    for times in came.values():
        times.sort()
        for first, second in pairwise(times):
            # What was in the socket when the unit died is read a little later.
            since, until = first - READ_WITHIN_S, min(second, first + RECORD_WITHIN_S)
            assert any(since <= blow <= until for blow in blows), "twice, and nobody was killed"


def check_resuming(road: Road, kills: Sequence[Kill]) -> None:
    """After the last blow there is no long silence."""
    received, stored, delivered = ways(road)
    blows = [kill.at for kill in kills]
    relay = max(pause.since_blow(blows) for pause in pauses(received, stored))
    deliver = max(pause.since_blow(blows) for pause in pauses(stored, delivered))
    print(f"longest silence after a blow: relay {relay:.1f} s, deliver {deliver:.1f} s")
    assert relay < RELAY_RESUMES_WITHIN_S
    assert deliver < DELIVER_RESUMES_WITHIN_S


def ways(road: Road) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """When each object was received, stored at the partner and delivered; Unix seconds."""
    hospital, practice = road.lab.hospital, road.lab.practice
    return (
        moments(road.entries(hospital, "received")),
        moments(road.entries(practice, "stored")),
        moments(road.entries(practice, "delivered")),
    )


def moments(entries: Sequence[Entry]) -> dict[str, float]:
    """When each object's entry was made."""
    return {name: entry.at / 1000 for entry in entries for name in objects_of(entry)}


def is_of_deliver(kill: Kill) -> bool:
    """Whether an answer of the station may have been lost by it."""
    return (kill.box, kill.victim) == ("practice", "deliver")


def report(
    road: Road, kills: Sequence[Kill], there: Sequence[Kept], attempts: dict[str, int]
) -> None:
    """Print what happened, for whoever looks at a failure or measures."""
    counts = Counter((kill.box, kill.victim) for kill in kills)
    doubles = len(there) - len({kept.sop_instance for kept in there})
    print(f"{len(kills)} kills in {kills[-1].at - kills[0].at:.0f} s: {dict(counts)}")
    print(f"{len(attempts)} instances, {sum(attempts.values())} attempts, {doubles} doubles")
    received, stored, delivered = ways(road)
    begin = min(received.values())
    for name, found in (("received", received), ("stored", stored), ("delivered", delivered)):
        print(f"{name}: {len(found)}, last after {max(found.values()) - begin:.1f} s")
    for what, silences in (
        ("relay", pauses(received, stored)),
        ("deliver", pauses(stored, delivered)),
    ):
        for pause in sorted(silences, key=lambda each: each.begin - each.end)[:5]:
            inside = [
                f"{kill.at - pause.begin:.1f}:{kill.box[0]}/{kill.victim}"
                for kill in kills
                if pause.begin - 0.5 <= kill.at < pause.end
            ]
            print(f"{what}: {pause.begin - begin:.1f} for {pause.end - pause.begin:.1f} s {inside}")


def test_a_power_cut_at_the_practice_in_mid_transfer(road: Road, tmp_path: Path) -> None:
    """It comes back locked: what was on its way arrives and waits, until somebody unlocks."""
    box = road.lab.practice
    with on_the_road(road, tmp_path) as (file, station):
        box.cut_power()
        box.boot()
        wait_until(lambda: is_tunnel_up(box), TUNNEL_WITHIN_S, "the tunnel after a power cut")
        wait_until(
            lambda: part_bytes(box) == 0 and not is_on_its_way(road), ARRIVES_WITHIN_S, "the rest"
        )
        assert ("lock", "bad") in findings(box)
        assert station() == []
        box.unlock()
        there = wait_for(station, [file.sop_instance], ARRIVES_WITHIN_S)
    assert there[file.sop_instance].data_set() == file.data_set()
    road.wait_settled()
    road.verify_spools()


def test_a_power_cut_at_the_hospital_in_mid_transfer(road: Road, tmp_path: Path) -> None:
    """It needs no key to go on: it takes in, seals and sends while it is locked."""
    box = road.lab.hospital
    (tmp_path / "more").mkdir()
    with on_the_road(road, tmp_path) as (file, station):
        box.cut_power()
        box.boot()
        box.wait_listening("receive", DICOM_PORT)
        assert ("lock", "bad") in findings(box)
        more = small(tmp_path / "more")
        (answer,) = road.send([more.path], URGENT_AET)
        assert answer.status == 0
        uids = [file.sop_instance, more.sop_instance]
        there = wait_for(station, uids, TUNNEL_WITHIN_S + ARRIVES_WITHIN_S)
        box.unlock()
        wait_until(lambda: ("lock", "ok") in findings(box), 10, "an unlocked box")
    for each in (file, more):
        assert there[each.sop_instance].data_set() == each.data_set()
    road.wait_settled()
    road.verify_spools()


def test_a_cut_line_in_mid_object(road: Road, tmp_path: Path) -> None:
    """Within ten seconds of its return the object goes on where it was durable."""
    lab = road.lab
    with on_the_road(road, tmp_path) as (file, station):
        lab.cut()
        wait_until(lambda: not is_connected(lab.hospital), 30, "the end of the connection")
        before = part_bytes(lab.practice)
        lab.restore()
        took_s = wait_until(lambda: part_bytes(lab.practice) != before, 30, "the relay")
        print(f"resumed {took_s:.1f} s after the line was back")
        assert took_s < LINE_RESUMES_WITHIN_S
        there = wait_for(station, [file.sop_instance], ARRIVES_WITHIN_S)
    assert there[file.sop_instance].data_set() == file.data_set()
    road.wait_settled()
    sent = road.entries(lab.hospital, "sent")[-1].body
    (received,) = [
        entry.body
        for entry in road.entries(lab.hospital, "received")
        if [entry.body["object"]] == sent["objects"]
    ]
    print(f"{sent['wire_bytes']} bytes on the line for {received['sealed_bytes']}")
    assert sent["wire_bytes"] <= received["sealed_bytes"] + AGAIN_AT_MOST_BYTES + OVERHEAD_BYTES
    road.verify_spools()


@contextmanager
def on_the_road(road: Road, folder: Path) -> Iterator[tuple[File, Callable[[], list[Kept]]]]:
    """Send one large instance, and give control back while it is on the line."""
    sent, kept = folder / "sent", folder / "kept"
    sent.mkdir()
    kept.mkdir()
    file = small(sent, **noise(np.random.default_rng(SEED), LARGE_SIDE))
    with road.station(kept) as station:
        (answer,) = road.send([file.path])
        assert answer.status == 0
        wait_until(
            lambda: part_bytes(road.lab.practice) >= PART_BYTES, ARRIVES_WITHIN_S, "half of it"
        )
        yield file, station


def part_bytes(box: LabBox) -> int:
    """How much of unfinished objects lies on a box."""
    return sum(path.stat().st_size for path in (box.state / "spool/incoming").glob("*.part"))


def is_connected(box: LabBox) -> bool:
    """Whether the relay can send to its partner."""
    status = box.status("relay") or {}
    return all(link["outgoing"]["connected"] for link in status.get("links", []))


def is_on_its_way(road: Road) -> bool:
    """Whether something is not at the partner yet, by what the hospital received."""
    received, stored, _delivered = ways(road)
    return not received.keys() <= stored.keys()


def findings(box: LabBox) -> set[tuple[str, str]]:
    """What the doctor says: subject and level."""
    said = json.loads(box.cli("doctor", "--json", ok=(0, 1, 2)))
    return {(found["subject"], found["level"]) for found in said["findings"]}
