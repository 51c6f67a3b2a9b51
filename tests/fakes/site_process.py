"""A listening box in a process of its own, for tests that kill it: `site_process.py FOLDER`.

Prints its port, then waits to be killed.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.fakes.site import Site, quiet_logs

if __name__ == "__main__":
    quiet_logs()
    print(Site(Path(sys.argv[1])).port, flush=True)
    threading.Event().wait()
