"""A laboratory with a working link, and exact senders and stations around it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_contract.convention.model import Convention
from bocage_contract.ledger import Entry
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.bringing_up import Signer, bring_up
from bocage_provisioning.lab.desired import (
    DICOM_PORT,
    LINK_ID,
    MODALITY_AET,
    PACS_PORT,
    ROUTINE_AET,
)
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS, PACS_ADDRESS, STATION_ADDRESS
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost, spawn

ROOT = Path(__file__).parents[2]
ARRIVAL_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender was told about one file; `status` None: nothing."""

    status: int | None
    comment: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance, as a station keeps it."""

    sop_instance: str
    transfer_syntax: str
    path: Path

    def data_set(self) -> bytes:
        """Give its bytes as they came."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Road:
    """A laboratory whose boxes are up."""

    lab: Laboratory
    signer: Signer

    def send(
        self,
        files: Sequence[Path],
        called_aet: str = ROUTINE_AET,
        calling_aet: str = MODALITY_AET,
        *,
        namespace: str | None = None,
        timeout_s: float = 300,
    ) -> list[Answer]:
        """Send files exactly as they are from the hospital's modality over one association."""
        said = self.associate(
            files, called_aet, calling_aet, namespace=namespace, timeout_s=timeout_s
        )
        answers: Mapping[str, tuple[int | None, str]] = said["answers"]  # type: ignore[assignment]
        return [Answer(*answers[str(file)]) for file in files]

    def associate(
        self,
        files: Sequence[Path],
        called_aet: str,
        calling_aet: str,
        *,
        namespace: str | None = None,
        source: str = "-",
        timeout_s: float = 300,
    ) -> dict[str, object]:
        """Send, and give all that the sender saw.

        Args:
            source: address to call from; "-": the namespace's first.
        """
        host = LocalHost(namespace or self.lab.topology.hospital_lan)
        words = [source, BOX_LAN_ADDRESS, str(DICOM_PORT), calling_aet, called_aet]
        printed = host.run(
            [
                *("env", "-C", ROOT, sys.executable, "-m", "tests.integration.sender"),
                *words,
                *files,
            ],
            timeout_s=timeout_s,
            ok=(0, 1),
        )
        said: dict[str, object] = json.loads(printed.splitlines()[-1])
        return said

    @contextmanager
    def station(self, folder: Path, *syntaxes: str) -> Iterator[Callable[[], list[Kept]]]:
        """Put our exact station in the place of the practice's."""
        lab = self.lab
        with (
            self._instead(lab.station.name),
            _serving(lab.topology.practice_lan, STATION_ADDRESS, DICOM_PORT, folder, syntaxes),
        ):
            yield lambda: kept_in(folder)

    @contextmanager
    def pacs(self, folder: Path) -> Iterator[Callable[[], list[Kept]]]:
        """Put our exact station in the place of the hospital's PACS."""
        lab = self.lab
        with (
            self._instead(lab.pacs.name),
            _serving(lab.topology.hospital_lan, PACS_ADDRESS, PACS_PORT, folder, ()),
        ):
            yield lambda: kept_in(folder)

    def entries(self, box: LabBox, kind: str, after: int = 0) -> list[Entry]:
        """Read a box's ledger entries of one kind on the link."""
        printed = box.cli("ledger", "show", LINK_ID, "--after", str(after), "--json")
        found = [Entry.read(line) for line in printed.splitlines()]
        return [entry for entry in found if entry.kind == kind]

    def box_entries(self, box: LabBox, kind: str) -> list[Entry]:
        """Read a box's own ledger entries of one kind."""
        found = [Entry.read(line) for line in box.cli("ledger", "show", "--json").splitlines()]
        return [entry for entry in found if entry.kind == kind]

    def wait_settled(self, timeout_s: float = ARRIVAL_TIMEOUT_S) -> None:
        """Wait until both ledgers agree and nothing is on its way."""
        for box in (self.lab.hospital, self.lab.practice):
            said = self.reconcile(box, timeout_s)
            assert said["agree"], said["faults"]
            assert said["settled"], said

    def reconcile(self, box: LabBox, wait_s: float = 0) -> dict[str, Any]:
        """Let a box compare the two ledgers of the link, waiting for them to be settled."""
        printed = box.cli(
            *("ledger", "reconcile", LINK_ID, "--wait-s", str(wait_s), "--json"),
            ok=(0, 1),
            timeout_s=wait_s + 60,
        )
        said: dict[str, Any] = json.loads(printed)
        return said

    def verify_spools(self) -> None:
        """Check both spools; every test of the road ends with it."""
        for box in (self.lab.hospital, self.lab.practice):
            said = json.loads(box.cli("spool", "verify", "--json", ok=(0, 1)))
            assert said["sound"], said

    @contextmanager
    def _instead(self, peer: str) -> Iterator[None]:
        lab = self.lab
        found = lab.station if peer == lab.station.name else lab.pacs
        lab.stop_peer(found)
        try:
            yield
        finally:
            lab.start_peer(found)


@contextmanager
def a_road(
    name: str, lab: Laboratory | None = None, convention: Convention | None = None
) -> Iterator[Road]:
    """Bring a laboratory and its boxes up."""
    with lab or Laboratory(name) as up:
        yield Road(up, bring_up(up, convention=convention))


@contextmanager
def _serving(
    namespace: str, address: str, port: int, folder: Path, syntaxes: Sequence[str]
) -> Iterator[None]:
    child = spawn(
        [
            *(sys.executable, "-m", "tests.integration.station"),
            *(address, str(port), str(folder), *syntaxes),
        ],
        namespace=namespace,
        cwd=ROOT,
    )
    try:
        wait_until(
            lambda: f":{port:04X} 00000000:0000 0A" in _tcp_table(child.pid), 20, "the station"
        )
        yield
    finally:
        child.kill_group()
        child.wait(10)


def _tcp_table(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/net/tcp").read_text()
    except FileNotFoundError:
        return ""


def kept_in(folder: Path) -> list[Kept]:
    """List what a station keeps, in the order it came."""
    found = []
    for path in sorted(folder.glob("[0-9]*")):
        _number, _, rest = path.name.partition("_")
        uid, _, syntax = rest.partition(".1.2.840.10008.1.2")
        found.append(Kept(uid, f"1.2.840.10008.1.2{syntax}", path))
    return found


def wait_for(
    station: Callable[[], list[Kept]], uids: Sequence[str], timeout_s: float = ARRIVAL_TIMEOUT_S
) -> dict[str, Kept]:
    """Wait until a station keeps all these instances, each exactly once.

    Raises:
        LabError: not in time.
        AssertionError: one of them came twice.
    """
    wanted = set(uids)
    wait_until(
        lambda: wanted <= {kept.sop_instance for kept in station()}, timeout_s, "all instances"
    )
    found = [kept for kept in station() if kept.sop_instance in wanted]
    assert len(found) == len(wanted), "an instance came twice"
    return {kept.sop_instance: kept for kept in found}
