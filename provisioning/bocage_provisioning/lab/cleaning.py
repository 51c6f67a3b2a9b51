"""Taking a whole laboratory away: namespaces, processes, folders. Safe to do twice."""

from __future__ import annotations

from pathlib import Path

from bocage_provisioning.lab.folders import remove_folder
from bocage_provisioning.lab.namespaces import remove
from bocage_provisioning.lab.topology import Topology
from bocage_system.command import Host


def clean(host: Host, topology: Topology, folders: tuple[Path, ...]) -> None:
    """Remove everything of one laboratory.

    Raises:
        LabError: a process would not die; its folders are then left for a look.
    """
    remove(host, topology)
    for folder in folders:
        remove_folder(folder)
