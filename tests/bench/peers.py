"""The peers: DCMTK and Orthanc, at their best, through the very same tunnel and line.

They run in the two boxes' namespaces. The tunnel lets only the relay through and has IPv6 addresses
only, which DCMTK 3.6.7 does not speak: `opened` gives the tunnel IPv4 addresses beside them and
lets them pass, while the units that would put that right are held still. Nothing of the product
changes.

Traps (measured): DCMTK waits 45 ms an instance unless TCP_NODELAY=1 is in its environment, Orthanc
too, which is built on it; storescp serves one association at a time without --fork; PDUs are 16 kB
unless asked for more.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom

from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import PIPE, Child, LocalHost, spawn
from tests.bench.ground import ROOT, Ground, tunnel_of
from tests.bench.inputs import PIXELS_TAG

HERE, THERE = "10.77.0.1", "10.77.0.2"
STORE_PORT, ORTHANC_DICOM_PORT, ORTHANC_HTTP_PORT = 11200, 4242, 8042
ENVIRONMENT = {"TCP_NODELAY": "1"}
PDU_BYTES = 131072
SENDING = re.compile(rb"Sending C-STORE Request")
START_TIMEOUT_S = 30.0


class PeerFailedError(Exception):
    """A peer could not do it."""


@contextmanager
def opened(ground: Ground) -> Iterator[None]:
    """Let peers through the tunnel, and the modality to them, for a while."""
    boxes = ((ground.lab.hospital, HERE, THERE), (ground.lab.practice, THERE, HERE))
    with ExitStack() as stack:
        for box, own, partner in boxes:
            stack.enter_context(ground.frozen(box, "link"))
            stack.enter_context(_open_box(box, own, partner))
        yield


@contextmanager
def _open_box(box: LabBox, own: str, partner: str) -> Iterator[None]:
    tunnel = tunnel_of(box)
    key, allowed = box.host.run(["wg", "show", tunnel, "allowed-ips"]).split("\t")
    peer = ["wg", "set", tunnel, "peer", key, "allowed-ips"]
    before = ",".join(allowed.split())
    ruleset = box.host.run(["nft", "--stateless", "list", "table", "inet", "bocage"])
    box.host.run(["ip", "address", "add", f"{own}/32", "peer", f"{partner}/32", "dev", tunnel])
    box.host.run([*peer, f"{before},{partner}/32"])
    for chain, word in (("input", "iifname"), ("output", "oifname")):
        for interface in (tunnel, "lan0"):
            rule = [chain, word, interface, "accept"]
            box.host.run(["nft", "insert", "rule", "inet", "bocage", *rule])
    try:
        yield
    finally:
        box.host.run([*peer, before])
        box.host.run(["ip", "address", "delete", f"{own}/32", "peer", partner, "dev", tunnel])
        box.host.run(["nft", "-f", "-"], stdin=f"delete table inet bocage\n{ruleset}")


# --- DCMTK ---


def dcmtk(ground: Ground, files: Sequence[Path], associations: int, limit_s: float) -> float:
    """Send from storage SCU to SCP over the line; give the seconds it took.

    Raises:
        TimeoutError: longer than `limit_s`.
        AssertionError: something was lost or changed.
    """
    folder = ground.lab.disk / "received"
    with fresh(folder), storescp(ground.lab.practice, folder):
        began = _dcmsend(ground.lab.hospital, files, associations, limit_s)
        found = {path.name: path for path in folder.iterdir()}
        assert len(found) == len(files), f"{len(found)} instances of {len(files)} arrived"
        ended = max(path.stat().st_mtime for path in found.values())
        _assert_pixels_same(files, list(found.values()))
    return ended - began


@contextmanager
def storescp(box: LabBox, folder: Path, port: int = STORE_PORT) -> Iterator[None]:
    """Run DCMTK's receiver on a box."""
    child = spawn(
        [
            *("storescp", "--fork", "--bit-preserving", "--accept-all", "--quiet"),
            "--disable-host-lookup",
            *("--max-pdu", str(PDU_BYTES), "--output-directory", folder, str(port)),
        ],
        namespace=box.namespace,
        env=ENVIRONMENT,
    )
    with listening(child, port):
        yield


def _dcmsend(box: LabBox, files: Sequence[Path], associations: int, limit_s: float) -> float:
    """Send, an equal share over each association; give the second of the first C-STORE."""
    senders = [
        spawn(
            [
                *("dcmsend", "--verbose", "--max-pdu", str(PDU_BYTES), THERE, str(STORE_PORT)),
                *files[first::associations],
            ],
            namespace=box.namespace,
            env=ENVIRONMENT,
            stdout=PIPE,
            stderr=PIPE,
        )
        for first in range(associations)
    ]
    try:
        began = min(_first_store(sender) for sender in senders)
        deadline = began + limit_s
        for sender in senders:
            assert sender.wait(max(deadline - time.time(), 0.01)) == 0, "dcmsend failed"
        return began
    finally:
        for sender in senders:
            sender.kill_group()
            sender.wait(10)


def _first_store(sender: Child) -> float:
    """Read what dcmsend says until it sends; it goes on saying a line for each instance."""
    assert sender.stderr is not None
    said = []
    for line in sender.stderr:
        if SENDING.search(line):
            return time.time()
        said.append(line.decode(errors="replace"))
    raise AssertionError(f"dcmsend sent nothing: {' '.join(said)}")


# --- Orthanc ---


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc.

    Args:
        folder: its storage.
    """

    box: LabBox
    folder: Path

    def ask(self, *requests: object, timeout_s: float = 120.0) -> list[dict[str, object]]:
        """Let a program beside it make requests; each result has `seconds` and `answer`.

        Args:
            requests: [method, path, JSON or the path of a file] each.
        """
        printed = LocalHost(self.box.namespace).run(
            ["env", "-C", ROOT, sys.executable, "-m", "tests.bench.rest", str(ORTHANC_HTTP_PORT)],
            stdin=json.dumps(requests),
            timeout_s=timeout_s,
        )
        found: list[dict[str, object]] = json.loads(printed)
        return found

    def count(self) -> int:
        """How many instances it has."""
        statistics = self.ask(["GET", "/statistics", None])[0]["answer"]
        assert isinstance(statistics, dict)
        return int(statistics["CountInstances"])

    def fill(self, files: Sequence[Path]) -> list[str]:
        """Put files in; give its ids of them."""
        answers = [
            each["answer"] for each in self.ask(*(["POST", "/instances", str(f)] for f in files))
        ]
        return [str(answer["ID"]) for answer in answers if isinstance(answer, dict)]

    def empty(self) -> None:
        """Throw all it has away."""
        patients = self.ask(["GET", "/patients", None])[0]["answer"]
        assert isinstance(patients, list)
        self.ask(*(["DELETE", f"/patients/{patient}", None] for patient in patients))


@contextmanager
def orthanc(box: LabBox, partner: str, *, is_synced: bool = False) -> Iterator[Orthanc]:
    """Run Orthanc on a box.

    Args:
        partner: address of the other one.
        is_synced: it writes through to the disk before it answers.
    """
    folder = box.state.parent / f"orthanc-{box.name}"
    with fresh(folder):
        settings = folder / "settings.json"
        settings.write_text(json.dumps(_orthanc_settings(folder, partner, is_synced)))
        child = spawn(
            ["Orthanc", settings],
            namespace=box.namespace,
            env=ENVIRONMENT,
            stderr=(folder / "log").open("wb"),
        )
        with listening(child, ORTHANC_HTTP_PORT):
            yield Orthanc(box, folder)


def _orthanc_settings(folder: Path, partner: str, is_synced: bool) -> dict[str, object]:
    return {
        "Name": "peer",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [],
        "StorageCompression": False,
        "SyncStorageArea": is_synced,
        "OverwriteInstances": True,
        "HttpPort": ORTHANC_HTTP_PORT,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "DicomPort": ORTHANC_DICOM_PORT,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "MaximumPduLength": PDU_BYTES,
        "DicomModalities": {"there": ["ORTHANC", partner, ORTHANC_DICOM_PORT]},
        "OrthancPeers": {"there": {"Url": f"http://{partner}:{ORTHANC_HTTP_PORT}/"}},
        "HttpTimeout": 3600,
        "DicomScuTimeout": 3600,
        "SaveJobs": False,
        "TcpNoDelay": True,
        "KeepAlive": True,
    }


ORTHANC_WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "orthanc dicom": ("/modalities/there/store", {}),
    "orthanc peer": ("/peers/there/store", {"Compress": False}),
    "orthanc peer gzip": ("/peers/there/store", {"Compress": True}),
}


def orthanc_sends(
    here: Orthanc, there: Orthanc, ids: Sequence[str], way: str, limit_s: float
) -> float:
    """Send what one Orthanc holds to the other; give the seconds of the transfer alone.

    What it took to get the instances in, and out again to the station, is not counted.

    Raises:
        TimeoutError: longer than `limit_s`.
        PeerFailedError: the job ended otherwise than well.
        AssertionError: something was lost.
    """
    path, options = ORTHANC_WAYS[way]
    job = {**options, "Resources": list(ids), "Asynchronous": True}
    said = here.ask(["JOB", path, job, limit_s], timeout_s=limit_s + 60)[0]
    if said["answer"] != "Success":
        there.empty()
        error = TimeoutError if said["answer"] == "too slow" else PeerFailedError
        raise error(f"{way}: {said['answer']}")
    assert there.count() == len(ids), f"{there.count()} instances of {len(ids)} arrived"
    there.empty()
    return float(str(said["seconds"]))


# --- all of them ---

Peer = Callable[[float], float]


@contextmanager
def peers_over_the_line(
    ground: Ground, files: Sequence[Path], wanted: Sequence[str]
) -> Iterator[dict[str, Peer]]:
    """Give the peers by name, ready to send these files; call one with its limit in seconds."""
    ways = [name for name in ORTHANC_WAYS if name in wanted]
    ready: dict[str, Peer] = {}
    with opened(ground), ExitStack() as stack:
        for number in (1, 4):
            if f"dcmtk {number}" in wanted:
                ready[f"dcmtk {number}"] = _dcmtk_of(ground, files, number)
        if ways:
            here = stack.enter_context(orthanc(ground.lab.hospital, THERE))
            there = stack.enter_context(orthanc(ground.lab.practice, HERE))
            ids = here.fill(files)
            ready |= {way: _orthanc_of(here, there, ids, way) for way in ways}
        yield ready


def _dcmtk_of(ground: Ground, files: Sequence[Path], associations: int) -> Peer:
    return lambda limit_s: dcmtk(ground, files, associations, limit_s)


def _orthanc_of(here: Orthanc, there: Orthanc, ids: Sequence[str], way: str) -> Peer:
    return lambda limit_s: orthanc_sends(here, there, ids, way, limit_s)


PEERS = ("dcmtk 1", "dcmtk 4", *ORTHANC_WAYS)


@contextmanager
def fresh(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def listening(child: Child, port: int) -> Iterator[None]:
    """Wait until a program listens; end it in the end."""
    try:
        wait_until(lambda: _listens(child, port), START_TIMEOUT_S, f"something at port {port}")
        yield
    finally:
        child.kill_group()
        child.wait(10)


def _listens(child: Child, port: int) -> bool:
    assert child.poll() is None, f"what was to listen at port {port} ended"
    tables = [Path(f"/proc/{child.pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    return any(port in listening_ports(table) for table in tables)


def _assert_pixels_same(sent: Sequence[Path], received: Sequence[Path]) -> None:
    """Compare what counts; dcmsend writes the attributes before the pixels in its own way."""
    assert _pixels(sent) == _pixels(received)


def _pixels(files: Sequence[Path]) -> dict[str, str]:
    found = {}
    for file in files:
        raw = file.read_bytes()
        uid = str(pydicom.dcmread(file, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        found[uid] = hashlib.sha256(raw[raw.index(PIXELS_TAG) :]).hexdigest()
    return found
