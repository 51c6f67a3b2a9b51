"""A second hospital beside the laboratory's first, both read at one practice, in one Orthanc."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from bocage_contract.card import open_card
from bocage_contract.configuration import Desired
from bocage_contract.fingerprint import fingerprint
from bocage_provisioning.lab import topology
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.bringing_up import confirm, first_boot, is_tunnel_up
from bocage_provisioning.lab.desired import (
    DICOM_PORT,
    MODALITY_AET,
    PACS_AET,
    PACS_PORT,
    RELAY_PORT,
    STATION_AET,
    Identity,
    hospital_desired,
    practice_desired,
)
from bocage_provisioning.lab.laboratory import BOX, Laboratory
from bocage_provisioning.lab.peers import OWNER, Peer, send_argv
from bocage_provisioning.lab.processes import Owner, Program
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import LocalHost, spawn
from tests.integration.road import Road

SECOND_LINK, SECOND_AET, SECOND_REPORT_AET = "vire-thury", "VIRE", "VIRE_RPT"
FLERS = {"issuer_of_patient_id": "FLERS", "patient_id_prefix": "FL-", "accession_prefix": "FL-"}
VIRE = {"issuer_of_patient_id": "VIRE", "patient_id_prefix": "VI-", "accession_prefix": "VI-"}
START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Second:
    """The second hospital."""

    lab: Laboratory
    box: LabBox
    pacs: Peer

    def send(self, files: Sequence[Path]) -> None:
        """Send files from its modality to its box.

        Raises:
            CommandError: one was not taken.
        """
        argv = send_argv(files, called_aet=SECOND_AET, calling_aet=MODALITY_AET, to=BOX)
        LocalHost(self.lab.topology.second_lan).run(argv)


def a_second(road: Road) -> Second:
    """Bring a second hospital up and link it to the practice, whose links get their marks.

    Raises:
        CommandError, LabError: as `bring_up`.
    """
    lab = road.lab
    for argv in topology.plan_second(lab.topology):
        lab.host.run(argv)
    lab.supervisor.start(
        Program(
            name="second-line",
            argv=tuple(topology.second_line_argv(str(lab.compiled_wan()), lab.line)),
            namespace=lab.topology.wan,
            owner=Owner(0, 0, ("net_admin",)),
            log=lab.disk / "logs" / "second-line.log",
        )
    )
    box = LabBox(
        "second",
        lab.topology.second_box,
        folders=(lab.disk, lab.memory),
        code=lab.code,
        run=lab.supervisor,
    )
    log = lab.disk / "logs" / "second-pacs.log"
    received = lab.disk / "second-pacs"
    pacs = Peer("second-pacs", PACS_AET, PACS_PORT, lab.topology.second_lan, received, log)
    pacs.received.mkdir()
    os.chown(pacs.received, OWNER.uid, OWNER.gid)
    lab.start_peer(pacs)
    own = first_boot(box, f"second-{lab.topology.name}", road.signer)
    hospital, practice = _identity(lab.hospital), _identity(lab.practice)
    road.signer.load(box, _second_desired(own, practice))
    road.signer.load(lab.practice, _practice_desired(practice, hospital, own))
    box.start("keeper")
    box.wait_keeper()
    confirm(box, lab.practice, SECOND_LINK)
    confirm(lab.practice, box, SECOND_LINK)
    box.start("link", "receive", "relay", "deliver")
    box.unlock()
    box.wait_listening("receive", DICOM_PORT)
    box.wait_listening("relay", RELAY_PORT)
    for each in (box, lab.practice):
        wait_until(lambda each=each: is_tunnel_up(each), START_TIMEOUT_S, f"{each.name}: tunnels")  # type: ignore[misc]
    return Second(lab, box, pacs)


def _identity(box: LabBox) -> Identity:
    path = box.state.parent / f"{box.name}.card.json"
    box.cli("card", "--out", str(path))
    raw = path.read_bytes()
    card = open_card(raw)
    return Identity(card.device, fingerprint(card.identity_key), json.loads(raw))


def _second_desired(own: Identity, practice: Identity) -> Desired:
    document = hospital_desired(own, practice, int(time.time())).to_json()
    document["site"]["name"] = "Hôpital de Vire"
    document["receive"].pop("hl7", None)  # its senders name the other link
    (link,) = document["links"]
    link["id"] = SECOND_LINK
    link["services"] = [{"aet": SECOND_AET, "class": "routine"}]
    link["tunnel"] |= {
        "address": topology.SECOND_TUNNEL_ADDRESS,
        "partner_address": topology.PRACTICE_SECOND_TUNNEL_ADDRESS,
        "endpoint": f"{topology.SECOND_GATEWAY}:{topology.SECOND_WIREGUARD_PORT}",
        "listen_port": topology.SECOND_WIREGUARD_PORT,
    }
    return Desired.of(document)


def _practice_desired(own: Identity, hospital: Identity, second: Identity) -> Desired:
    now = int(time.time())
    document = practice_desired(own, hospital, now).to_json()
    other: dict[str, Any] = practice_desired(own, second, now).to_json()["links"][0]
    other["id"] = SECOND_LINK
    other["services"] = [{"aet": SECOND_REPORT_AET, "class": "report"}]
    other["tunnel"] |= {
        "address": topology.PRACTICE_SECOND_TUNNEL_ADDRESS,
        "partner_address": topology.SECOND_TUNNEL_ADDRESS,
        "listen_port": topology.SECOND_WIREGUARD_PORT,
    }
    document["revision"] = 2
    document["links"][0]["coerce"] = FLERS
    document["links"].append(other | {"coerce": VIRE})
    return Desired.of(document)


@dataclass(frozen=True, slots=True)
class Archive:
    """An Orthanc in the practice's place for its station; `folder` is its storage."""

    lab: Laboratory
    folder: Path

    def ask(self, path: str) -> Any:
        """Ask it over its own interface."""
        url = f"http://127.0.0.1:8042{path}"
        return json.loads(LocalHost(self.lab.topology.practice_lan).run(["curl", "-sS", url]))

    def instances(self) -> list[Dataset]:
        """Read what it keeps."""
        ids = self.ask("/instances")
        found = [
            pydicom.dcmread(self.folder / it["FileUuid"][:2] / it["FileUuid"][2:4] / it["FileUuid"])
            for it in map(self.ask, (f"/instances/{each}" for each in ids))
        ]
        return sorted(found, key=lambda ds: str(ds.PatientID))


@contextmanager
def an_orthanc(lab: Laboratory, **more: object) -> Iterator[Archive]:
    """Put an Orthanc in the place of the practice's station.

    Args:
        more: of its settings.

    Raises:
        LabError: it does not come up.
    """
    folder = lab.disk / "orthanc"
    folder.mkdir()
    settings = folder / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "Plugins": [],
                "StorageCompression": False,
                "HttpPort": 8042,
                "AuthenticationEnabled": False,
                "DicomAet": STATION_AET,
                "DicomPort": DICOM_PORT,
                "DicomAlwaysAllowStore": True,
                **more,
            }
        )
    )
    lab.stop_peer(lab.station)
    with (lab.disk / "logs" / "orthanc.log").open("wb") as log:
        child = spawn(["Orthanc", settings], namespace=lab.topology.practice_lan, stderr=log)
    try:
        table = Path(f"/proc/{child.pid}/net/tcp")
        wait_until(
            lambda: {8042, DICOM_PORT} <= set(listening_ports(table.read_text())),
            START_TIMEOUT_S,
            "Orthanc",
        )
        yield Archive(lab, folder / "storage")
    finally:
        child.kill_group()
        child.wait(10)
        lab.start_peer(lab.station)
