"""A laboratory whose boxes are a console's: enrolled, configured and unlocked from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bocage_contract.card import open_card
from bocage_contract.configuration import Desired
from bocage_contract.fingerprint import fingerprint, words
from bocage_provisioning.lab.boxes import AGENT, GROUP, UIDS, LabBox
from bocage_provisioning.lab.bringing_up import is_tunnel_up
from bocage_provisioning.lab.desired import (
    DICOM_PORT,
    LINK_ID,
    RELAY_PORT,
    Identity,
    hospital_desired,
    practice_desired,
)
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import HOSPITAL_GATEWAY, WIREGUARD_PORT
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.integration.console import Console

CONSOLE_ADDRESS = "203.0.113.200"
OWNERS = ",".join([*(f"{unit}={uid}" for unit, uid in UIDS.items()), f"group={GROUP}"])
TIMEOUT_S = 120.0


class Fleet:
    """Two boxes and their console."""

    def __init__(self, lab: Laboratory, console: Console) -> None:
        self.lab, self.console = lab, console
        self.names = {lab.hospital.name: "flers-1", lab.practice.name: "thury-1"}

    @property
    def boxes(self) -> tuple[LabBox, LabBox]:
        """The hospital's and the practice's."""
        return self.lab.hospital, self.lab.practice

    def name(self, box: LabBox) -> str:
        """What the console calls a box."""
        return self.names[box.name]

    def write_down(self) -> None:
        """Type in two sites, two places for boxes and their link."""
        for box, desired in zip(self.boxes, self._wanted(), strict=True):
            self._put_site(box, desired)
            self.console.run("device", "add", self.name(box), "--site", box.name)
        self.put_link()

    def put_link(self, **changes: Any) -> None:
        """Write the link, or change it."""
        hospital, practice = (each.to_json()["links"][0] for each in self._wanted())
        path: dict[str, Any] = {
            "requesting": _end(hospital, None),
            # The box of the practice is called at the hospital's gateway: the line is there.
            "reading": _end(practice, f"{HOSPITAL_GATEWAY}:{WIREGUARD_PORT}"),
            "relay_port": RELAY_PORT,
        }
        path["reading"] |= changes
        file = self.console.file("link.json", path)
        ends = ("--requesting", "flers-1", "--reading", "thury-1")
        self.console.run("link", "put", LINK_ID, file, *ends)

    def enrol(self) -> None:
        """Let both boxes in; the operator compares the words of each."""
        with ThreadPoolExecutor(2) as sites:
            asked = [sites.submit(self._ask, box) for box in self.boxes]
            for box in self.boxes:
                self._grant(box)
            for each in asked:
                each.result()

    def start(self) -> None:
        """Start every unit of both boxes, the agent as well."""
        for box in self.boxes:
            box.start("keeper")
            box.wait_keeper()
        for box in self.boxes:
            box.start("link", "receive", "relay", "deliver", AGENT)

    def wait_revision(self, box: LabBox, revision: int) -> None:
        """Wait until a revision is confirmed on a box."""
        wait_until(
            lambda: self.standing(box).get("confirmed") == revision,
            TIMEOUT_S,
            f"revision {revision} on {box.name}: {self.standing(box)} (see {box.logs})",
        )

    def standing(self, box: LabBox) -> dict[str, Any]:
        """How a box stands to its configuration."""
        said: dict[str, Any] = (box.status("link") or {}).get("configuration") or {}
        return said

    def confirm_each_other(self) -> None:
        """Let the two sites read each other's six words."""
        cards = [open_card((box.state / "card.json").read_bytes()) for box in self.boxes]
        for box, other in zip(self.boxes, reversed(cards), strict=True):
            spoken = " ".join(words(other.identity_key))
            box.cli("pair", "confirm", LINK_ID, "--words", spoken)

    def wait_up(self) -> None:
        """Wait until the tunnel is up and both boxes take DICOM."""
        for box in self.boxes:
            box.wait_listening("receive", DICOM_PORT)
            wait_until(lambda box=box: is_tunnel_up(box), TIMEOUT_S, f"tunnel of {box.name}")  # type: ignore[misc]

    def said(self, box: LabBox, leaf: str) -> dict[str, Any]:
        """The last message of a kind that the console has from a box."""
        found: dict[str, Any] = json.loads(self.console.run("device", "said", self.name(box), leaf))
        return found

    def _wanted(self) -> tuple[Desired, Desired]:
        hospital = Identity("flers-1", "0" * 64, {})
        practice = Identity("thury-1", "1" * 64, {})
        return hospital_desired(hospital, practice, 0), practice_desired(practice, hospital, 0)

    def put_site(self, box: LabBox, **changes: Any) -> None:
        """Write a box's site, or change it, and have its configuration signed anew."""
        desired = self._wanted()[self.boxes.index(box)]
        self._put_site(box, desired, changes)
        self.console.run("device", "publish", self.name(box), "--reason", "a test")

    def _put_site(
        self, box: LabBox, desired: Desired, changes: dict[str, Any] | None = None
    ) -> None:
        value = desired.to_json()
        profile = {name: value[name] for name in ("site", "receive", "destinations")}
        profile["receive"].pop("hl7", None)
        reach = {"broker": self.console.broker, "gate": self.console.gate}
        profile |= {"console": reach, "trial_s": 20, **(changes or {})}
        self.console.run("site", "put", box.name, self.console.file(f"{box.name}.json", profile))

    def _ask(self, box: LabBox) -> None:
        file = self.console.enrol(self.name(box))
        box.cli(*("enrol", "--file", str(file), "--owners", OWNERS, "--json"), timeout_s=TIMEOUT_S)

    def _grant(self, box: LabBox) -> None:
        name = self.name(box)
        wait_until(lambda: name in self.console.run("enrol", "list"), TIMEOUT_S, f"{name} asks")
        own = open_card((box.state / "card.json").read_bytes()).identity_key
        assert len(fingerprint(own)) == 64
        self.console.run("enrol", "grant", name, "--words", " ".join(words(own)))


def _end(link: dict[str, Any], endpoint: str | None) -> dict[str, Any]:
    tunnel = link["tunnel"]
    return {
        "address": tunnel["address"],
        "listen_port": tunnel["listen_port"],
        "endpoint": endpoint,
        "services": link["services"],
        "deliver": link["deliver"],
    }


@contextmanager
def a_fleet(name: str, folder: Path) -> Iterator[Fleet]:
    """Bring a laboratory up whose boxes come from their cartons and whose console runs."""
    with Laboratory(name) as lab:
        wan = lab.topology.wan
        LocalHost(wan).run(["ip", "address", "add", f"{CONSOLE_ADDRESS}/32", "dev", "lo"])
        console = Console(folder, CONSOLE_ADDRESS, wan)
        try:
            console.start("broker", "gate", "ingest", "signer")
            yield Fleet(lab, console)
        finally:
            console.close()
