"""What the modality really puts on the wire, without us in between.

`dcmsend` rewrites a few bytes of the files it reads, so the files themselves are no reference: the
same program sends the same files straight into a receiver that keeps every byte.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bocage_provisioning.demo.part10 import dataset_of
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.peers import OWNER, Peer, send_argv
from bocage_system.command import LocalHost

_AET, _PORT, _LOOPBACK = "REFERENCE", 11199, "127.0.0.1"


def capture(
    lab: Laboratory, namespace: str, calling_aet: str, files: Mapping[str, Path]
) -> dict[str, bytes]:
    """Send files straight from a site's equipment to a receiver beside it.

    Args:
        files: SOP Instance UID -> file.

    Returns:
        SOP Instance UID -> data set as it went over the wire.

    Raises:
        CommandError: dcmsend failed.
    """
    folder = lab.disk / f"reference-{calling_aet.lower()}"
    folder.mkdir(exist_ok=True)
    os.chown(folder, OWNER.uid, OWNER.gid)
    log = lab.disk / "logs" / f"{folder.name}.log"
    peer = Peer(folder.name, _AET, _PORT, namespace, folder, log)
    lab.start_peer(peer)
    try:
        argv = send_argv(
            list(files.values()),
            called_aet=_AET,
            calling_aet=calling_aet,
            to=(_LOOPBACK, _PORT),
        )
        LocalHost(namespace).run(argv, timeout_s=120)
    finally:
        lab.stop_peer(peer)
    return {uid: dataset_of(file_of(peer.files(), uid)) for uid in files}


def file_of(files: Sequence[Path], uid: str) -> Path:
    """Find the file of an instance; storescp names it MODALITY.UID.dcm.

    Raises:
        FileNotFoundError: it is not there.
    """
    for path in files:
        if path.name.partition(".")[2] == f"{uid}.dcm":
            return path
    raise FileNotFoundError(f"no file of instance {uid}")
