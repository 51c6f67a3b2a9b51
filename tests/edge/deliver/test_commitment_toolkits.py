"""An Orthanc asks the box for storage commitment and is told, both over real associations."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.commitment import Commitment
from bocage_edge.deliver.commitment_calls import tell
from bocage_edge.deliver.committing import Committing
from bocage_edge.deliver.errands import Errands
from bocage_edge.deliver.forwarder import Setup
from bocage_edge.exam.identity import class_key, instance_key
from bocage_edge.spool.types import Settlement, Verdict
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import spawn
from tests.edge.spool.making import accept, outgoing
from tests.fakes.instances import CR
from tests.fakes.site import LINK, LINK_KEY, OWN_KEY, Site, in_force

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="Orthanc is not installed"),
]

START_WITHIN_S, TOLD_WITHIN_S = 30.0, 20.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ones on loopback."""

    dicom: int
    http: int


@pytest.fixture
def ports() -> Ports:
    """Two ports that nobody has."""
    found = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found.append(probe.getsockname()[1])
    return Ports(*found)


@pytest.fixture
def site(tmp_path: Path, ports: Ports) -> Iterator[Site]:
    """A box that Orthanc may ask."""
    orthanc = {
        "aet": "ORTHANC",
        "addresses": ["127.0.0.1/32"],
        "commitment": {"aet": "ORTHANC", "host": "127.0.0.1", "port": ports.dicom},
    }
    with Site(tmp_path, in_force(callers=[orthanc, *CT_ALONE])) as listening:
        yield listening


CT_ALONE = [{"aet": "CT1", "addresses": ["127.0.0.1/32"]}]


@pytest.fixture
def orthanc(tmp_path: Path, ports: Ports, site: Site) -> Iterator[Ports]:
    """An Orthanc that knows the box by its service's title."""
    settings = tmp_path / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(tmp_path / "orthanc"),
                "IndexDirectory": str(tmp_path / "orthanc"),
                "Plugins": [],
                "HttpPort": ports.http,
                "AuthenticationEnabled": False,
                "DicomAet": "ORTHANC",
                "DicomPort": ports.dicom,
                "DicomModalities": {"box": ["FLERS", "127.0.0.1", site.port]},
            }
        )
    )
    with (tmp_path / "orthanc.log").open("wb") as log:
        child = spawn(["Orthanc", settings], stderr=log)
    table = Path(f"/proc/{child.pid}/net/tcp")
    try:
        wait_until(
            lambda: {ports.dicom, ports.http} <= set(listening_ports(table.read_text())),
            START_WITHIN_S,
            "Orthanc",
        )
        yield ports
    finally:
        child.kill_group()
        child.wait(10)


def rest(ports: Ports, path: str, body: Any = None) -> Any:
    """Ask Orthanc over its own interface."""
    data = None if body is None else json.dumps(body).encode()
    url = f"http://127.0.0.1:{ports.http}{path}"
    with urllib.request.urlopen(url, data, timeout=TOLD_WITHIN_S) as answer:
        return json.load(answer)


def instance_of(site: Site, uid: str) -> str:
    """An instance on its way; gives its object."""
    new = replace(
        outgoing(uid, link=LINK),
        instance_key=instance_key(LINK_KEY, uid),
        class_key=class_key(LINK_KEY, CR),
    )
    return accept(site.spool, uid.encode(), new)


def test_orthanc_is_told_what_is_committed_and_what_is_not(site: Site, orthanc: Ports) -> None:
    name = instance_of(site, "1.2.3")
    asked = {"DicomInstances": [[CR, "1.2.3"], [CR, "1.2.4"]]}
    found = rest(orthanc, "/modalities/box/storage-commitment", asked)
    assert rest(orthanc, found["Path"])["Status"] == "Pending"
    site.spool.settle([Settlement(name, Verdict.DELIVERED)])
    errands = Errands(lambda: None)
    committing = Committing(
        site.spool,
        errands,
        lambda: [OWN_KEY.secret],
        tell,
        draw=lambda: 0.0,
        entries_wait=lambda: None,
    )
    known = Commitment(aet="ORTHANC", host="127.0.0.1", port=orthanc.dicom, unknown_after_s=0)
    setup = Setup({}, commitments={"ORTHANC": known})
    for _ in range(3):  # decided, told, written down
        committing.step(site.clock.now(), setup)
        errands.join(TOLD_WITHIN_S)
    assert committing.status() == []
    result = rest(orthanc, found["Path"])
    assert result["Status"] == "Failure"
    assert [each["SOPInstanceUID"] for each in result["Success"]] == ["1.2.3"]
    assert [each["SOPInstanceUID"] for each in result["Failures"]] == ["1.2.4"]
    (entry,) = site.entries("committed")
    assert (entry.draft.body["failed"], entry.draft.body["told"]) == (1, True)
