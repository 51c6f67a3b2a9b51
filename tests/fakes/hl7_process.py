"""A box that takes HL7 in a process of its own, and kills itself: `hl7_process.py FOLDER`.

Prints its port. It is gone the moment a message is durable, before it can say so: the relay is told
of the object just then, and here that is a kill -9.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.fakes.hl7_site import Hl7Site
from tests.fakes.site import quiet_logs

if __name__ == "__main__":
    quiet_logs()
    box = Hl7Site(Path(sys.argv[1]), on_durable=lambda: os.kill(os.getpid(), signal.SIGKILL))
    print(box.port, flush=True)
    threading.Event().wait()
