"""What the processes of the two boxes cost: CPU seconds and memory at its highest, by unit.

Source: proc(5): /proc/<pid>/stat, status (VmHWM), clear_refs (5 resets VmHWM).
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bocage_provisioning.lab.boxes import UNITS, LabBox
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.namespaces import pids

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME, _PPID = 11, 12, 1  # in what follows the name's closing parenthesis


@dataclass(slots=True)
class Cost:
    """What one kind of process cost in a measurement.

    Args:
        peak_mb: resident memory of the largest process of this name, at its highest.
    """

    cpu_s: float = 0
    peak_mb: float = 0


@dataclass(slots=True)
class Meter:
    """Measures from `begin` to `end`; may be begun again, and adds up."""

    lab: Laboratory
    costs: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    _before: dict[int, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Start to count."""
        self._before = {}
        for pid in self._names():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")
                self._before[pid] = cpu_s(pid)

    def end(self) -> None:
        """Add what was used since `begin`; a process that ended meanwhile is not seen."""
        for pid, name in self._names().items():
            with contextlib.suppress(OSError):
                cost = self.costs[name]
                cost.cpu_s += cpu_s(pid) - self._before.get(pid, 0)
                cost.peak_mb = max(cost.peak_mb, peak_mb(pid))

    def shown(self) -> str:
        """Name what used CPU, the most first."""
        ordered = sorted(self.costs.items(), key=lambda item: -item[1].cpu_s)
        return ", ".join(f"{name} {cost.cpu_s:.2f}" for name, cost in ordered if cost.cpu_s >= 0.05)

    def _names(self) -> dict[int, str]:
        return {
            pid: name
            for box in (self.lab.hospital, self.lab.practice)
            for pid, name in _names_of(box).items()
        }


def _names_of(box: LabBox) -> dict[int, str]:
    """Name every process of a box: "hospital relay", "hospital receive worker"."""
    units = {box.pid(unit): unit for unit in UNITS}
    found: dict[int, str] = {}
    for pid in pids(box.host, [box.namespace]):
        with contextlib.suppress(OSError):
            if pid in units:
                found[pid] = f"{box.name} {units[pid]}"
            elif (parent := _ancestor(pid, set(units))) is not None:
                found[pid] = f"{box.name} {units[parent]} {_program(pid)}"
            else:
                found[pid] = f"{box.name} {_program(pid)}"
    return found


def _program(pid: int) -> str:
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    return "worker" if name.startswith("python") else name


def _ancestor(pid: int, wanted: set[int | None]) -> int | None:
    while pid > 1:
        pid = int(_stat(pid)[_PPID])
        if pid in wanted:
            return pid
    return None


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used, in user and kernel mode."""
    fields = _stat(pid)
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def peak_mb(pid: int) -> float:
    """Resident memory of a process at its highest since it was reset, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields.get("VmHWM", "0 kB").split()[0]) * 1024 / 1e6
