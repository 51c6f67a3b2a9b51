"""Cleans up after a laboratory whose parent was killed.

The parent holds the other end of our standard input. Its last word is `DONE`; if the pipe ends
without it the parent died, and everything of the laboratory is taken away here.

Usage: python -m bocage_provisioning.lab.reaper NAME LOCK_FOLDER FOLDER...
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from bocage_provisioning.lab.cleaning import clean
from bocage_provisioning.lab.folders import take_lock
from bocage_provisioning.lab.topology import Topology
from bocage_system.command import LocalHost

DONE = b"done\n"


def main(arguments: list[str]) -> None:
    """Wait for the parent's end, and clean up unless it did."""
    # Ctrl-C reaches everybody at the terminal; our work begins after that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    name, lock_folder, *folders = arguments
    if sys.stdin.buffer.read() == DONE:
        return
    lock = take_lock(Path(lock_folder), name)
    clean(LocalHost(), Topology(name), tuple(Path(folder) for folder in folders))
    os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
