"""Two sites and a line on one machine: what the demo and the integration tests stand on.

    with Laboratory("demo", line=Line(rate_mbit=20, delay_ms=20)) as lab:
        lab.modality_send(files, ROUTINE_AET)

Everything is taken away at the end of the block. If this process is killed, its programs die with
it and the reaper takes the rest away; if the reaper is killed as well, the next laboratory of the
same name does.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bocage_provisioning.lab import desired, topology
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.cleaning import clean
from bocage_provisioning.lab.code import Code, find_code, launcher
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.folders import (
    DISK,
    make_folder,
    memory_folder,
    take_lock,
)
from bocage_provisioning.lab.namespaces import make
from bocage_provisioning.lab.peers import ACCEPT_ALL, OWNER, Peer, echo_argv, send_argv
from bocage_provisioning.lab.processes import Owner, Program, Supervisor
from bocage_provisioning.lab.reaper import DONE
from bocage_provisioning.lab.topology import Line, Topology, line_argv
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import PIPE, Child, LocalHost, spawn
from bocage_system.lab_clock import LabClock, Shift, write_shift

WAN_SOURCE = Path(__file__).with_name("wan.c")
LINE = "line"
CLOCK_FILE = "clock.json"
REAPER_TIMEOUT_S = 20.0
SEND_TIMEOUT_S = 600.0


class Laboratory:
    """One laboratory; `with` brings up the machine's part, `bring_up` the boxes."""

    def __init__(
        self, name: str = "demo", *, line: Line | None = None, at: float | None = None
    ) -> None:
        """Describe a laboratory; nothing is started.

        Args:
            name: 1 to 12 lower-case letters or digits; two of different names may be up at once.
            at: Unix seconds that the boxes' clocks are to show when it opens, all but what the
                kernel tells them (tunnels, NTP); None: the machine's time.
        """
        self._at = at
        self.topology = Topology(name)
        self.line = line or Line()
        self.host = LocalHost()
        self.disk = DISK / name
        self.station = self._peer("station", desired.STATION_AET, desired.DICOM_PORT)
        self.pacs = self._peer("pacs", desired.PACS_AET, desired.PACS_PORT)
        self._lock = -1
        self._reaper: Child | None = None
        self._open = False

    def __enter__(self) -> Self:
        """Bring up namespaces, the line and the sites' equipment.

        Raises:
            LabError: the machine does not let us, or one of this name is up.
        """
        if os.getuid() != 0:
            raise LabError("the laboratory makes network namespaces", "run it as root")
        memory = memory_folder()
        self.memory = memory / self.topology.name
        self._lock = take_lock(memory, self.topology.name)
        try:
            self._enter_locked()
        except BaseException:
            self.close()
            raise
        return self

    def _enter_locked(self) -> None:
        clean(self.host, self.topology, (self.disk, self.memory))
        self._reaper = self._start_reaper()
        make_folder(DISK)
        for folder in (self.disk, self.memory, self.disk / "logs"):
            make_folder(folder)
        if self._at is not None:
            self.set_clock(self._at)
        self.code: Code = find_code()
        self.supervisor = Supervisor(launcher())
        self._open = True
        make(self.host, self.topology)
        self._start_line()
        for peer in (self.station, self.pacs):
            peer.received.mkdir()
            os.chown(peer.received, OWNER.uid, OWNER.gid)
            self.start_peer(peer)
        self.hospital = self._box(desired.HOSPITAL, self.topology.hospital_box)
        self.practice = self._box(desired.PRACTICE, self.topology.practice_box)

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Take everything away."""
        self.close()

    def close(self) -> None:
        """Take everything away; twice is no harm."""
        if self._open:
            self._open = False
            self.supervisor.close()
        if self._lock < 0:
            return
        clean(self.host, self.topology, (self.disk, self.memory))
        self._dismiss_reaper()
        os.close(self._lock)
        self._lock = -1

    # --- the time ---

    def set_clock(self, shown: float, rate: float = 1.0) -> None:
        """Let the boxes' clocks show another time from now on.

        Args:
            shown: Unix seconds.
            rate: how much faster than the machine's the clocks go on.

        Raises:
            LabError: the laboratory was opened without a clock of its own.
        """
        if self._at is None:
            raise LabError("the boxes follow the machine's clock", "open it with `at=...`")
        write_shift(self.memory / CLOCK_FILE, Shift(time.time(), shown, rate))

    def now(self) -> float:
        """What time it is for the boxes, Unix seconds."""
        return time.time() if self._at is None else LabClock(self.memory / CLOCK_FILE).now()

    # --- the line ---

    def cut(self) -> None:
        """Cut the line: whatever is on its way is lost, and everything after it."""
        self.supervisor.kill(LINE, signal.SIGUSR1)

    def restore(self) -> None:
        """Mend the line."""
        self.supervisor.kill(LINE, signal.SIGUSR2)

    def set_line(self, line: Line) -> None:
        """Put another line between the sites."""
        self.supervisor.stop(LINE)
        self.line = line
        self._start_line()

    def _start_line(self) -> None:
        program = self.supervisor.start(
            Program(
                name=LINE,
                argv=tuple(line_argv(str(self.compiled_wan()), self.line)),
                namespace=self.topology.wan,
                # It may force its socket buffers above the usual limit.
                owner=Owner(0, 0, ("net_admin",)),
                log=self.disk / "logs" / "line.log",
            )
        )
        wait_until(
            lambda: f":{topology.WIREGUARD_PORT:04X} " in _udp_table(program),
            5.0,
            "the line between the sites",
        )

    def compiled_wan(self) -> Path:
        """Compile `wan.c`, once for each version of it."""
        source = WAN_SOURCE.read_bytes()
        program = DISK / f"wan-{hashlib.sha256(source).hexdigest()[:12]}"
        if not program.exists():
            fresh = program.with_name(f"{program.name}.{os.getpid()}")
            self.host.run(["cc", "-O2", "-o", fresh, WAN_SOURCE], timeout_s=60)
            fresh.replace(program)
        return program

    # --- the sites ---

    def start_peer(self, peer: Peer, options: Sequence[str] = ACCEPT_ALL) -> None:
        """Start a site's receiving AE.

        Args:
            options: of storescp(1), such as what transfer syntaxes it takes.
        """
        pid = self.supervisor.start(peer.program(options))
        wait_until(
            lambda: peer.port in listening_ports(Path(f"/proc/{pid}/net/tcp").read_text()),
            5.0,
            peer.name,
        )

    def stop_peer(self, peer: Peer) -> None:
        """Switch a site's receiving AE off."""
        self.supervisor.stop(peer.name)

    def modality_send(
        self,
        files: Sequence[Path],
        called_aet: str = desired.ROUTINE_AET,
        *,
        calling_aet: str = desired.MODALITY_AET,
        options: Sequence[str] = (),
    ) -> str:
        """Send files from the modality to the hospital's box; give what dcmsend said.

        Raises:
            CommandError: dcmsend could not send all of them.
        """
        argv = send_argv(
            files, called_aet=called_aet, calling_aet=calling_aet, to=BOX, options=options
        )
        return LocalHost(self.topology.hospital_lan).run(argv, timeout_s=SEND_TIMEOUT_S)

    def station_send(
        self,
        files: Sequence[Path],
        called_aet: str = desired.REPORT_AET,
        *,
        options: Sequence[str] = (),
    ) -> str:
        """Send files from the reading station to the practice's box.

        Raises:
            CommandError: dcmsend could not send all of them.
        """
        argv = send_argv(
            files, called_aet=called_aet, calling_aet=desired.STATION_AET, to=BOX, options=options
        )
        return LocalHost(self.topology.practice_lan).run(argv, timeout_s=SEND_TIMEOUT_S)

    def modality_echo(
        self, called_aet: str = desired.ROUTINE_AET, calling_aet: str = desired.MODALITY_AET
    ) -> None:
        """Ask the hospital's box whether it is there (C-ECHO).

        Raises:
            CommandError: it refused, or did not answer.
        """
        argv = echo_argv(called_aet=called_aet, calling_aet=calling_aet, to=BOX)
        LocalHost(self.topology.hospital_lan).run(argv)

    def station_received(self) -> list[Path]:
        """List what the reading station has."""
        return self.station.files()

    def pacs_received(self) -> list[Path]:
        """List what the hospital's PACS has."""
        return self.pacs.files()

    # --- parts ---

    def _box(self, name: str, namespace: str) -> LabBox:
        folders = (self.disk, self.memory)
        clock = None if self._at is None else self.memory / CLOCK_FILE
        return LabBox(
            name, namespace, folders=folders, code=self.code, run=self.supervisor, clock=clock
        )

    def _peer(self, name: str, aet: str, port: int) -> Peer:
        namespace = self.topology.practice_lan if name == "station" else self.topology.hospital_lan
        return Peer(
            name, aet, port, namespace, self.disk / name, self.disk / "logs" / f"{name}.log"
        )

    def _start_reaper(self) -> Child:
        return spawn(
            [
                *(sys.executable, "-m", "bocage_provisioning.lab.reaper"),
                *(self.topology.name, self.memory.parent, self.disk, self.memory),
            ],
            stdin=PIPE,
        )

    def _dismiss_reaper(self) -> None:
        reaper, self._reaper = self._reaper, None
        if reaper is None or reaper.stdin is None:
            return
        reaper.stdin.write(DONE)
        reaper.stdin.close()
        reaper.wait(REAPER_TIMEOUT_S)


BOX = (topology.BOX_LAN_ADDRESS, desired.DICOM_PORT)


def _udp_table(pid: int) -> str:
    return Path(f"/proc/{pid}/net/udp").read_text()
