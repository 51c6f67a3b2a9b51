"""A box is replaced in the middle of exams: each is opened with the paper key, or sent again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_edge.exam.identity import exam_ref
from bocage_provisioning.lab.bringing_up import replace_practice, wait_ready
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import CommandError
from tests.integration.files import small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

LISTED_WITHIN_S = 300


@pytest.fixture
def replaced_road() -> Iterator[Road]:
    """A laboratory whose practice loses its box."""
    with a_road("replaced", Laboratory("replaced", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up


def again(road: Road) -> list[dict[str, object]]:
    """What the hospital is told to send again."""
    printed = road.lab.hospital.cli("spool", "again", "--json")
    return [json.loads(line) for line in printed.splitlines()]


def test_what_was_on_the_way_to_a_box_that_broke_is_listed_or_opened(
    replaced_road: Road, tmp_path: Path
) -> None:
    """Nothing is lost, nothing is called delivered, and the paper key opens what the box held."""
    road, lab = replaced_road, replaced_road.lab
    before = lab.station.stores()
    former = lab.practice.paper
    assert former is not None
    lab.practice.cut_power()
    lab.practice.boot()  # locked: it takes exams, and opens none
    wait_ready(lab)
    held, waiting = small(tmp_path), small(tmp_path)
    assert [answer.status for answer in road.send([held.path])] == [0]
    wait_until(
        lambda: any(
            corner["state"] == "stored"
            for corner in map(json.loads, lab.hospital.cli("spool", "list", "--json").splitlines())
        ),
        30,
        "the practice to hold the first",
    )
    lab.cut()
    assert [answer.status for answer in road.send([waiting.path])] == [0]
    lab.restore()

    replace_practice(lab, road.signer)
    confirmed = time.monotonic()
    wait_until(lambda: len(again(road)) == 2, LISTED_WITHIN_S, "both exams to be listed")
    assert time.monotonic() - confirmed < LISTED_WITHIN_S
    listed = again(road)
    assert {each["reason"] for each in listed} == {
        "sealed for a box that was replaced: send the exam again"
    }
    assert all(each["exam_ref"] == exam_ref(str(each["exam_id"])) for each in listed)
    doctor = json.loads(lab.hospital.cli("doctor", "--json", ok=(0, 1, 2)))
    told = [found["text"] for found in doctor["findings"] if found["subject"] == "exams"]
    assert any(str(listed[0]["exam_ref"]) in text for text in told)
    assert lab.station.stores() == before

    # One is sent again by the modality ...
    assert [answer.status for answer in road.send([waiting.path])] == [0]
    wait_until(lambda: lab.station.stores() == before + 1, 60, "the exam that was sent again")

    # ... and somebody types the former box's recovery key.
    with pytest.raises(CommandError):
        lab.practice.cli("unlock", "--recovery-key", stdin=former.recovery_key[:-1] + "\n")
    lab.practice.cli("unlock", "--recovery-key", stdin=former.recovery_key + "\n")
    wait_until(lambda: not again(road), 60, "both to be delivered")
    road.wait_settled()
