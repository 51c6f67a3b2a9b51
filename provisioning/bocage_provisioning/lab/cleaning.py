"""Taking a whole laboratory away: namespaces, processes, folders. Safe to do twice."""

from __future__ import annotations

from pathlib import Path

from bocage_provisioning.lab.folders import mounts_below, remove_folder
from bocage_provisioning.lab.namespaces import remove
from bocage_provisioning.lab.topology import Topology
from bocage_system.command import Host

MOUNTINFO = Path("/proc/self/mountinfo")


def clean(host: Host, topology: Topology, folders: tuple[Path, ...]) -> None:
    """Remove everything of one laboratory.

    Raises:
        LabError: a process would not die; its folders are then left for a look.
        CommandError: something is mounted there and in use.
    """
    remove(host, topology)
    for folder in folders:
        for mounted in mounts_below(folder, MOUNTINFO.read_text()):
            host.run(["umount", str(mounted)])
        remove_folder(folder)
