"""One box of the laboratory: its folders, its units, and the command line a person would use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_provisioning.lab.code import Code
from bocage_provisioning.lab.folders import plan_small_disk, remove_folder
from bocage_provisioning.lab.namespaces import pids
from bocage_provisioning.lab.processes import Owner, Program, Supervisor
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import LocalHost

# Numeric: the laboratory adds no user to the machine.
GROUP = 31000
UIDS = {
    "keeper": 31001,
    "link": 0,
    "receive": 31003,
    "relay": 31004,
    "deliver": 31005,
    "agent": 31006,
}
AGENT = "agent"  # runs once a box is enrolled
UNITS = tuple(unit for unit in UIDS if unit != AGENT)  # in the order they are started
# `link` needs net_raw for the echo requests that find the path MTU. It does not get sys_time: the
# boxes share the machine's clock.
LINK_CAPABILITIES = ("net_admin", "net_raw")
READY_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Paper:
    """What set-up printed for the site's safe; the laboratory types it in."""

    code: str
    recovery_key: str
    words: tuple[str, ...]


class LabBox:
    """One box."""

    def __init__(
        self,
        name: str,
        namespace: str,
        *,
        folders: tuple[Path, Path],
        code: Code,
        run: Supervisor,
        clock: Path | None = None,
    ) -> None:
        """Describe a box; nothing is started.

        Args:
            name: hospital or practice.
            folders: the laboratory's folder on disk, and the one in memory.
            clock: the file that says what time it is; None: the machine does.
        """
        disk, memory = folders
        self.name = name
        self.namespace = namespace
        self.state = disk / name
        self.run = memory / name
        self.logs = disk / "logs"
        self.host = LocalHost(namespace)
        self.paper: Paper | None = None
        self._code = code
        self._supervisor = run
        self._clock = clock
        self._has_agent = False

    def cli(
        self,
        *words: str,
        stdin: str | None = None,
        timeout_s: float = 60.0,
        ok: Container[int] = (0,),
    ) -> str:
        """Run `bocage-edge` on the box as its administrator, and give what it printed.

        Raises:
            CommandError: another exit status than those in `ok`.
        """
        argv = [sys.executable, *self._arguments(), *words]
        return self.host.run(argv, stdin=stdin, timeout_s=timeout_s, ok=ok)

    def put_on_small_disk(self, size_bytes: int) -> None:
        """Give the box's state a small disk of its own, before it is set up.

        Raises:
            CommandError: the machine does not let us.
        """
        self.state.mkdir(mode=0o755)
        image = self.state.with_suffix(".image")
        for argv in plan_small_disk(image, self.state, size_bytes):
            LocalHost().run(argv)

    def set_up(self, device: str, keyset: bytes) -> Paper:
        """Make the box's keys, as at its first boot.

        Args:
            keyset: which keys may sign its configuration.
        """
        path = self.state.parent / f"{self.name}.keyset.json"
        path.write_bytes(keyset)
        owners = ",".join([*(f"{unit}={uid}" for unit, uid in UIDS.items()), f"group={GROUP}"])
        printed = self.cli(
            *("setup", "--device", device, "--keyset", str(path), "--owners", owners, "--json")
        )
        paper = json.loads(printed)
        self.paper = Paper(paper["code"], paper["recovery_key"], tuple(paper["words"]["fr"]))
        return self.paper

    def unlock(self) -> None:
        """Type the paper code, as somebody at the site does after a power cut."""
        code = "" if self.paper is None else self.paper.code
        self.cli("unlock", stdin=f"{code}\n")

    def start(self, *units: str) -> None:
        """Start units, in the order given; all of them without names."""
        for unit in units or UNITS:
            self._has_agent = self._has_agent or unit == AGENT
            self._supervisor.start(self._program(unit))

    def _started(self) -> tuple[str, ...]:
        return (*UNITS, AGENT) if self._has_agent else UNITS

    def stop(self, *units: str) -> None:
        """Stop units; all of them without names."""
        self._supervisor.stop(*(self._name(unit) for unit in units or self._started()))

    def kill(self, unit: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a unit, which is restarted as systemd would; give the process id it had."""
        return self._supervisor.kill(self._name(unit), number)

    def wait_restarted(self, unit: str, old_pid: int) -> int:
        """Wait until a killed unit lives again; give its new process id."""
        return self._supervisor.wait_restarted(self._name(unit), old_pid)

    def pid(self, unit: str) -> int | None:
        """Process id of a unit; None between two lives."""
        return self._supervisor.pid(self._name(unit))

    def exits(self, unit: str) -> list[int]:
        """Exit statuses of a unit's past lives; negative: the signal that ended it."""
        return self._supervisor.exits(self._name(unit))

    def log(self, unit: str) -> str:
        """Everything a unit wrote to its log."""
        path = self._log(unit)
        return path.read_text(errors="replace") if path.exists() else ""

    def status(self, unit: str) -> dict[str, Any] | None:
        """What a unit last said of itself; None before its first word."""
        try:
            value = json.loads((self.run / "status" / f"{unit}.json").read_text())
        except FileNotFoundError:
            return None
        return value if isinstance(value, dict) else None

    def listens(self, unit: str, port: int) -> bool:
        """Say whether a TCP port is open in the box's namespace while a unit lives."""
        pid = self.pid(unit)
        if pid is None:
            return False
        try:
            tables = [Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6")]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return any(port in listening_ports(table) for table in tables)

    def wait_listening(self, unit: str, port: int) -> None:
        """Wait until a unit's port is open.

        Raises:
            LabError: it does not open.
        """
        what = f"{self.name}: {unit} at port {port} (see {self._log(unit)})"
        wait_until(lambda: self.listens(unit, port), READY_TIMEOUT_S, what)

    def wait_keeper(self) -> None:
        """Wait until the keeper answers at its socket.

        Raises:
            LabError: it does not.
        """
        what = f"{self.name}: keeper (see {self._log('keeper')})"
        wait_until((self.run / "keeper.sock").exists, READY_TIMEOUT_S, what)

    def cut_power(self) -> None:
        """Kill everything on the box and empty what lies in memory, as a power cut does.

        What the kernel has not written yet is not lost this way; that takes another test.
        """
        self._supervisor.stop(
            *(self._name(unit) for unit in self._started()), number=signal.SIGKILL
        )
        for pid in pids(LocalHost(), [self.namespace]):
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: not pids(LocalHost(), [self.namespace]), READY_TIMEOUT_S, "processes' end"
        )
        self.host.run(["nft", "destroy", "table", "inet", "bocage"], ok=(0, 1))
        _empty_folders(self.run)

    def boot(self) -> None:
        """Start the units after a power cut; the box is locked until `unlock`."""
        self.start()
        self.wait_keeper()

    def erase(self) -> None:
        """Throw the box's folders away."""
        remove_folder(self.state)
        remove_folder(self.run)

    def _arguments(self) -> list[str]:
        clock = [] if self._clock is None else ["--lab-clock", str(self._clock)]
        return ["-m", "bocage_edge", "--state", str(self.state), "--run", str(self.run), *clock]

    def _name(self, unit: str) -> str:
        return f"{self.name}-{unit}"

    def _log(self, unit: str) -> Path:
        return self.logs / f"{self._name(unit)}.log"

    def _program(self, unit: str) -> Program:
        capabilities = LINK_CAPABILITIES if unit == "link" else ()
        return Program(
            name=self._name(unit),
            argv=(str(self._code.python), *self._arguments(), "run", unit),
            namespace=self.namespace,
            owner=Owner(UIDS[unit], GROUP, capabilities),
            log=self._log(unit),
            env={"PYTHONPATH": self._code.python_path},
            way=self._code.way,
        )


def _empty_folders(folder: Path) -> None:
    """Remove all files below a folder; the folders stay, as tmpfiles.d(5) makes them at boot."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.name == "wireguard" and path.is_dir():
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink(missing_ok=True)
