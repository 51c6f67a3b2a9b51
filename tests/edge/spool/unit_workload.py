"""One unit at work on a spool others write at the same time: python unit_workload.py FOLDER UID.

Runs as a user of its own in the group of the folder, as a unit does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bocage_edge.spool.store import Spool
from bocage_system.clock import SystemClock
from tests.edge.spool.making import LINK, accept, arrive, outgoing

ROUNDS = 60


def main() -> None:
    """Accept, arrive, store and deliver, in turns with the others."""
    folder, uid = Path(sys.argv[1]), int(sys.argv[2])
    os.setgroups([])
    os.setgid(folder.stat().st_gid)
    os.setuid(uid)
    os.umask(0o007)
    spool = Spool(folder / "spool", SystemClock(), unit=f"unit-{uid}", reserve_bytes=0)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(ROUNDS):
        content = f"{uid}/{number}"
        accept(spool, content.encode(), outgoing(content))
        arrive(spool, content.encode() + b" back")
        spool.mark_stored([each.name for each in spool.due_outgoing(LINK, 1e12, 2)])
        for delivery in spool.due_deliveries(1e12, 2):
            spool.begin_attempt(delivery.id, 0.0)
        spool.forget_entries([each.id for each in spool.pending_entries(1)])
    spool.sweep()


if __name__ == "__main__":
    main()
