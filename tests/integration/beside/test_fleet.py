"""Two boxes and their console: nothing in the boxes' configuration is written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bocage_provisioning.lab.boxes import AGENT
from bocage_provisioning.lab.desired import LINK_ID
from bocage_provisioning.lab.waiting import wait_until
from tests.integration.files import small
from tests.integration.fleet import TIMEOUT_S, Fleet, a_fleet
from tests.integration.road import Road

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two boxes that a console let in, configured, and unlocked."""
    with a_fleet("fleet", tmp_path_factory.mktemp("console")) as made:
        made.write_down()
        made.enrol()
        made.start()
        for box in made.boxes:
            wait_until(
                lambda box=box: made.standing(box).get("confirmed", 0) >= 1,  # type: ignore[misc]
                TIMEOUT_S,
                f"first configuration of {box.name} (see {box.logs})",
            )
        made.confirm_each_other()
        made.wait_up()
        yield made


def test_an_exam_goes_over_a_link_the_console_made(fleet: Fleet, tmp_path: Path) -> None:
    """Enrolled by code, configured by signature, unlocked by the gate: and an exam arrives."""
    for box in fleet.boxes:
        wait_until(
            lambda box=box: (box.status("deliver") or {}).get("locked") is None,  # type: ignore[misc]
            TIMEOUT_S,
            f"{box.name} is unlocked",
        )
    file = small(tmp_path)
    assert Road.send(_road(fleet), [file.path])[0].status == 0
    wait_until(lambda: len(fleet.lab.station_received()) == 1, TIMEOUT_S, "the exam")


def _road(fleet: Fleet) -> Road:
    return Road(fleet.lab, None)  # type: ignore[arg-type]


def test_the_console_sees_both_boxes_and_what_they_did(fleet: Fleet) -> None:
    rows = fleet.console.devices()
    for box in fleet.boxes:
        row = rows[fleet.name(box)]
        assert (row["state"], row["presence"], row["doubled"]) == ("active", "online", False)
        health = fleet.said(box, "health")
        assert [each["link"] for each in health["tunnels"]] == [LINK_ID]
        assert health["machine"]["memory_total_bytes"] > 0
        assert fleet.said(box, "reported")["confirmed"] >= 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a PACS at another address": (
        {
            "destinations": [
                {
                    "name": "pacs",
                    "aet": "PACS",
                    "host": "192.168.1.99",
                    "port": 104,
                    "calling_aet": "BOCAGE",
                }
            ]
        },
        "station",
    ),
    "a broker nobody runs": (
        {"console": {"broker": "203.0.113.9:8883", "gate": "203.0.113.9:8443"}},
        "broker",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_revision_that_does_not_hold_is_given_up_and_the_console_knows_why(
    fleet: Fleet, what: str
) -> None:
    changes, kind = WRONG[what]
    hospital, _ = fleet.boxes
    before = fleet.standing(hospital)["confirmed"]
    fleet.put_site(hospital, **changes)
    wait_until(
        lambda: (fleet.standing(hospital).get("returned") or {}).get("revision", 0) > before,
        TIMEOUT_S,
        "the hospital goes back",
    )
    returned = fleet.standing(hospital)["returned"]
    assert (returned["why"], {each["kind"] for each in returned["failed"]}) == (
        "check_failed",
        {kind},
    )
    fleet.wait_up()
    wait_until(
        lambda: fleet.said(hospital, "reported").get("returned") == returned,
        TIMEOUT_S,
        "the console knows",
    )
    assert fleet.standing(hospital)["confirmed"] == before
    fleet.put_site(hospital)
    wait_until(
        lambda: fleet.standing(hospital)["confirmed"] > returned["revision"], TIMEOUT_S, "the next"
    )


def test_a_fenced_box_is_shut_out_of_everything_at_once(fleet: Fleet) -> None:
    """Nothing of it is heard any more, while the other goes on; and its partner drops it."""
    hospital, practice = fleet.boxes
    fleet.console.run("device", "fence", "thury-1", "--reason", "stolen")
    wait_until(lambda: _partner_card(fleet) is None, TIMEOUT_S, "its partner drops it")
    last, since = fleet.said(practice, "health")["at"], fleet.said(hospital, "health")["at"]
    wait_until(
        lambda: fleet.said(hospital, "health")["at"] > since + 25, TIMEOUT_S, "the other goes on"
    )
    assert fleet.said(practice, "health")["at"] == last
    practice.cut_power()
    practice.start("keeper")
    practice.wait_keeper()
    practice.start("link", "receive", "relay", "deliver", AGENT)
    wait_until(
        lambda: "fenced" in str((practice.status("agent") or {}).get("unlock_refused")),
        TIMEOUT_S,
        "the gate refuses it",
    )


def _partner_card(fleet: Fleet) -> object:
    shown = json.loads(fleet.lab.hospital.cli("config", "show"))
    return shown["links"][0]["partner_card"]
