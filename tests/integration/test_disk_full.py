"""A box whose disk fills up says so to the modality, harms nobody, and recovers by itself."""

from __future__ import annotations

import io
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bocage_edge.spool.core import RESERVE_BYTES
from bocage_provisioning.lab.boxes import UNITS
from bocage_provisioning.lab.bringing_up import bring_up
from bocage_provisioning.lab.desired import REPORT_AET, STATION_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.canary import files_below
from tests.integration.files import File, small
from tests.integration.heavy import ByHand, by_hand, stream
from tests.integration.road import Road, wait_for

pytestmark = pytest.mark.integration

MEBIBYTE = 1 << 20
DISK_BYTES = RESERVE_BYTES + 256 * MEBIBYTE
OUT_OF_RESOURCES = 0xA700
SUCCESS = 0x0000
BACK_WITHIN_S = 90.0
BLOCK_BYTES = 4096
NEIGHBOURS = 100


@pytest.fixture(scope="module")
def cramped() -> Iterator[Road]:
    """The hospital's box has hardly more disk than it keeps free."""
    with Laboratory("full", line=Line(rate_mbit=0, delay_ms=5)) as lab:
        lab.hospital.put_on_small_disk(DISK_BYTES)
        yield Road(lab, bring_up(lab))


@contextmanager
def filled(road: Road, leaving_bytes: int) -> Iterator[None]:
    """Leave so many bytes free on the hospital's disk for a while."""
    ballast = road.lab.hospital.state / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            size = free_bytes(road) - max(leaving_bytes, MEBIBYTE)
            os.posix_fallocate(file.fileno(), 0, size)
            file.seek(size)
            if not leaving_bytes:
                _write_to_the_last_block(file)
            yield
        finally:
            ballast.unlink()


def _write_to_the_last_block(file: io.FileIO) -> None:
    with pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(BLOCK_BYTES))


def free_bytes(road: Road) -> int:
    """Ask how many bytes the hospital's units may still write."""
    status = os.statvfs(road.lab.hospital.state)
    return status.f_bavail * status.f_frsize


def large(folder: Path, size: int) -> File:
    """Make an instance that does not code away."""
    return small(
        folder,
        pixels=False,
        EncapsulatedDocument=secrets.token_bytes(size),
        MIMETypeOfEncapsulatedDocument="application/octet-stream",
    )


def halves(file: File) -> tuple[Path, Path]:
    """Cut the data set of an instance into two files."""
    data = file.data_set()
    first, last = file.path.with_suffix(".first"), file.path.with_suffix(".last")
    first.write_bytes(data[: len(data) // 2])
    last.write_bytes(data[len(data) // 2 :])
    return first, last


def incoming_bytes(road: Road) -> int:
    """Count what lies half written in the hospital's spool."""
    folder = road.lab.hospital.state / "spool" / "incoming"
    return sum(path.stat().st_size for path in files_below([folder]))


def assert_no_unit_fell_over(road: Road) -> None:
    """See that every unit is in its first life."""
    for box in (road.lab.hospital, road.lab.practice):
        assert {unit: box.exits(unit) for unit in UNITS} == {unit: [] for unit in UNITS}


def test_an_instance_too_large_for_the_disk_is_refused_and_its_neighbours_pass(
    cramped: Road, tmp_path: Path
) -> None:
    """On the same association, and on another at the same time."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    before, after = small(sent), small(sent)
    too_large = large(sent, 48 * MEBIBYTE)
    free = free_bytes(cramped)
    with cramped.station(kept) as station, ThreadPoolExecutor(1) as beside:
        with filled(cramped, RESERVE_BYTES + 24 * MEBIBYTE):
            neighbour = beside.submit(stream, cramped, "tiny", NEIGHBOURS, 7, 1)
            answers = cramped.send([before.path, too_large.path, after.path])
            assert incoming_bytes(cramped) < MEBIBYTE
            others = neighbour.result()["answers"]
        assert [answer.status for answer in answers] == [SUCCESS, OUT_OF_RESOURCES, SUCCESS]
        assert answers[1].comment
        assert {status for _uid, status, _at in others} == {SUCCESS}
        [again] = cramped.send([too_large.path])
        assert again.status == SUCCESS
        wait_for(station, [each.sop_instance for each in (before, too_large, after)])
        wait_for(station, [uid for uid, _status, _at in others])
        cramped.wait_settled()
    assert free_bytes(cramped) > free - 8 * MEBIBYTE, "something was left behind"
    assert refusals(cramped) == {"no_room": 1}
    assert_no_unit_fell_over(cramped)
    cramped.verify_spools()


def refusals(road: Road) -> dict[str, int]:
    """Count what the hospital's ledger says of instances it did not take."""
    counts: Counter[str] = Counter()
    for entry in road.entries(road.lab.hospital, "refused"):
        if entry.body.get("scope") == "instance" and "service" in entry.body:
            counts[str(entry.body["reason"])] += int(entry.body["count"])
    return dict(counts)


def test_a_disk_that_fills_to_its_last_byte_in_mid_object_costs_that_object_only(
    cramped: Road, tmp_path: Path
) -> None:
    """Nothing can be written any more, by any unit, until there is room: then all goes on."""
    sent, kept, back = tmp_path / "sent", tmp_path / "kept", tmp_path / "back"
    for folder in (sent, kept, back):
        folder.mkdir()
    cut, known, next_one, last_one = large(sent, 32 * MEBIBYTE), *(small(sent) for _ in range(3))
    report = small(sent, study=known.study)
    first, rest = halves(cut)
    with (
        cramped.station(kept) as station,
        cramped.pacs(back) as pacs,
        by_hand(cramped) as modality,
    ):
        assert by_hand_whole(modality, known) == SUCCESS
        wait_for(station, [known.sop_instance])
        modality.begin(cut.sop_instance, first)
        wait_until(lambda: incoming_bytes(cramped) > 8 * MEBIBYTE, 30, "half an instance")
        with filled(cramped, 0):
            status, comment = modality.end(rest)
            assert (status, bool(comment)) == (OUT_OF_RESOURCES, True)
            assert incoming_bytes(cramped) == 0
            assert by_hand_whole(modality, next_one) == OUT_OF_RESOURCES
            [answer] = cramped.send(
                [report.path],
                REPORT_AET,
                STATION_AET,
                namespace=cramped.lab.topology.practice_lan,
            )
            assert answer.status == SUCCESS
            wait_until(lambda: is_put_off(cramped), 30, "the report put off")
        assert by_hand_whole(modality, next_one) == SUCCESS
        assert [answer.status for answer in cramped.send([last_one.path])] == [SUCCESS]
        wait_for(station, [next_one.sop_instance, last_one.sop_instance])
        wait_for(pacs, [report.sop_instance], BACK_WITHIN_S)
        cramped.wait_settled()
    assert_no_unit_fell_over(cramped)
    cramped.verify_spools()


def by_hand_whole(modality: ByHand, file: File) -> int:
    """Send an instance in two parts; gives the status."""
    first, rest = halves(file)
    modality.begin(file.sop_instance, first)
    status, _comment = modality.end(rest)
    return status


def is_put_off(road: Road) -> bool:
    """Say whether the practice's relay was told that the hospital has no room."""
    status = road.lab.practice.status("relay") or {}
    return "no space" in json.dumps(status)
