"""The laboratory as the benches use it: sending, waiting for what arrives, counting, checking."""

from __future__ import annotations

import hashlib
import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bocage_contract.ledger import Entry
from bocage_provisioning.demo.part10 import NotPart10Error, dataset_of
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.bringing_up import Signer, bring_up, is_tunnel_up
from bocage_provisioning.lab.desired import DICOM_PORT, LINK_ID, MODALITY_AET, ROUTINE_AET
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.bench.inputs import prepared
from tests.bench.lines import described

ROOT = Path(__file__).parents[2]
ARRIVAL_TIMEOUT_S = 900.0
CHECK_TIMEOUT_S = 180.0
SUCCESS = 0
NAME = "bench"


def tell(text: str) -> None:
    """Say on standard error how far a bench is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a modality sent.

    Args:
        began: Unix seconds of the first C-STORE.
        ended: of the last answer.
        sha256: of each data set, by SOP instance UID.
    """

    began: float
    ended: float
    sha256: Mapping[str, str]


@dataclass(slots=True)
class Ground:
    """A laboratory whose boxes are up and whose connections are warm."""

    lab: Laboratory
    signer: Signer
    tags: Iterator[int] = field(default_factory=lambda: itertools.count(100_001))

    def send(
        self,
        files: Sequence[Path],
        called_aet: str = ROUTINE_AET,
        associations: int = 1,
        to: tuple[str, int] = (BOX_LAN_ADDRESS, DICOM_PORT),
    ) -> Sent:
        """Send a set from the modality, under UIDs no box has seen.

        Raises:
            AssertionError: an instance was not answered with success.
        """
        words = [to[0], str(to[1]), MODALITY_AET, called_aet, str(next(self.tags))]
        printed = LocalHost(self.lab.topology.hospital_lan).run(
            [
                *("env", "-C", ROOT, sys.executable, "-m", "tests.bench.modality"),
                *words,
                str(associations),
                *files,
            ],
            timeout_s=ARRIVAL_TIMEOUT_S,
        )
        said = json.loads(printed.splitlines()[-1])
        assert set(said["statuses"]) == {SUCCESS}, said["statuses"]
        assert len(said["statuses"]) == len(files)
        return Sent(said["began"], said["ended"], said["sha256"])

    def arrived(self, sent: Sent, timeout_s: float = ARRIVAL_TIMEOUT_S) -> float:
        """Wait until the station has all that was sent, and give the second of the last one.

        An instance counts once its data set is what was sent, byte for byte.

        Raises:
            LabError: not in time.
        """
        folder = self.lab.station.received
        left = dict(sent.sha256)
        ended = 0.0

        def _all_there() -> bool:
            nonlocal ended
            for uid, path in _there(folder).items():
                if uid in left and _sha256(path) == left[uid]:
                    ended = max(ended, path.stat().st_mtime)
                    del left[uid]
            return not left

        what = f"{len(left)} instances at the station, byte for byte"
        wait_until(_all_there, timeout_s, what)
        return ended

    def clear_station(self) -> None:
        """Throw away what the station has."""
        for path in self.lab.station.received.iterdir():
            path.unlink()

    def put_line(self, line: Line) -> None:
        """Put a line between the sites and send something over it, so that all is warm."""
        tell(f"line: {described(line)}")
        self.lab.set_line(line)
        for box in (self.lab.hospital, self.lab.practice):
            wait_until(lambda box=box: is_tunnel_up(box), 60, f"{box.name}: tunnel")  # type: ignore[misc]
        self.warm()

    def warm(self) -> None:
        """Send a few instances over the whole road."""
        self.arrived(self.send(prepared("small")[:20]), 60)
        self.clear_station()

    @contextmanager
    def frozen(self, box: LabBox, *units: str) -> Iterator[None]:
        """Hold units still; what they wait for waits."""
        for unit in units:
            box.kill(unit, signal.SIGSTOP)
        try:
            yield
        finally:
            for unit in units:
                box.kill(unit, signal.SIGCONT)

    def check_nothing_lost(self) -> None:
        """Let both boxes compare their ledgers and look through their spools.

        Raises:
            AssertionError: they differ, or a file or row is missing.
        """
        for box in (self.lab.hospital, self.lab.practice):
            words = (LINK_ID, "--wait-s", "60", "--json")
            said = json.loads(
                box.cli("ledger", "reconcile", *words, ok=(0, 1), timeout_s=CHECK_TIMEOUT_S)
            )
            assert said["agree"], said["faults"]
            assert said["settled"], said
            printed = box.cli("spool", "verify", "--json", ok=(0, 1), timeout_s=CHECK_TIMEOUT_S)
            assert json.loads(printed)["sound"], printed

    def delivered(self) -> int:
        """Count the deliveries in the practice's ledger, once both ledgers are settled."""
        self.check_nothing_lost()
        printed = self.lab.practice.cli("ledger", "show", LINK_ID, "--json")
        return sum(Entry.read(line).kind == "delivered" for line in printed.splitlines())


@contextmanager
def a_ground(name: str = NAME, line: Line | None = None) -> Iterator[Ground]:
    """Bring up a laboratory for measuring."""
    tell("bringing up two boxes and the line between them")
    with Laboratory(name, line=line) as lab:
        ground = Ground(lab, bring_up(lab))
        ground.warm()
        yield ground


def objects(box: LabBox) -> list[Path]:
    """List the sealed objects a box has in its spool."""
    return list((box.state / "spool" / "objects").glob("*/*"))


def tunnel_of(box: LabBox) -> str:
    """Give the name of the box's tunnel interface."""
    links = json.loads(box.host.run(["ip", "-j", "link"]))
    return str(next(link["ifname"] for link in links if link["ifname"].startswith("bw")))


def carried(box: LabBox, interface: str) -> tuple[int, int]:
    """Bytes a box's interface has received and sent."""
    counted = json.loads(box.host.run(["ip", "-j", "-s", "link", "show", "dev", interface]))
    stats = counted[0]["stats64"]
    return int(stats["rx"]["bytes"]), int(stats["tx"]["bytes"])


def resent_segments(box: LabBox) -> int:
    """TCP segments a box has sent again. Source: RFC 1213, tcpRetransSegs."""
    text = box.host.run(["cat", "/proc/net/snmp"])
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


def pause(seconds: float) -> None:
    """Let time pass that is part of what is measured."""
    threading.Event().wait(seconds)


def _there(folder: Path) -> dict[str, Path]:
    """List what storescp has by SOP instance UID; it names a file "CT.1.2.3.dcm"."""
    return {path.name.partition(".")[2].removesuffix(".dcm"): path for path in folder.glob("*.dcm")}


def _sha256(path: Path) -> str | None:
    """Digest of a file's data set; None while its head is not written."""
    try:
        return hashlib.sha256(dataset_of(path)).hexdigest()
    except NotPart10Error:
        return None


def now() -> float:
    """Unix seconds: the clock of the modality, of the files' times and of ours is one."""
    return time.time()
