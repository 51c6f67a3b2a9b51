"""A modality that does not give up: it sends again whatever it got no success for.

Usage: python -m tests.integration.modality ADDRESS PORT CALLING GIVE_UP_AFTER_S PAUSE_S < WORK
WORK is JSON: [[called AE title, [[file, ...], ...]], ...]; each inner list of files goes over one
association, with a pause before each file; the outer ones go beside each other. Prints JSON:
{"attempts": {file: count}, "left": [file, ...]}; a file is left where there was no success in time,
and the exit status is then 1.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config

SUCCESS = 0x0000
# The box answers within 2 s. Modalities wait for longer; this one has no time: pynetdicom sometimes
# misses that its connection has ended, and waits for the answer until then.
ANSWER_WITHIN_S = 10.0
AGAIN_AFTER_S = 0.3


class Modality:
    """Sends to one box."""

    def __init__(
        self, address: str, port: int, calling: str, *, give_up_at: float, pause_s: float
    ) -> None:
        self._address, self._port = address, port
        self._calling = calling
        self._give_up_at = give_up_at
        self._pause_s = pause_s
        self._never = threading.Event()
        self.attempts: Counter[str] = Counter()

    def send(self, called: str, associations: Sequence[Sequence[str]]) -> list[str]:
        """Send until everything is acknowledged; give what was not in time."""
        left: list[str] = []
        for files in associations:
            waiting = list(files)
            while waiting and time.monotonic() < self._give_up_at:
                waiting = self._associate(called, waiting)
                if waiting:
                    self._never.wait(AGAIN_AFTER_S)
            left += waiting
        return left

    def _associate(self, called: str, files: Sequence[str]) -> list[str]:
        """Send over one association; give what got no success."""
        ae = AE(ae_title=self._calling)
        ae.maximum_pdu_size = 131072
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ANSWER_WITHIN_S
        for sop_class, syntax in sorted({_pair(file) for file in files}):
            ae.add_requested_context(sop_class, syntax)
        assoc = ae.associate(self._address, self._port, ae_title=called)
        refused = []
        for file in files:
            status = None
            if assoc.is_established:
                self._never.wait(self._pause_s)
                self.attempts[file] += 1
                with contextlib.suppress(RuntimeError):  # the association has just ended
                    status = assoc.send_c_store(Path(file))
            if getattr(status, "Status", None) != SUCCESS:
                refused.append(file)
        if assoc.is_established:
            assoc.release()
        return refused


def main(arguments: Sequence[str]) -> int:
    """Send all that standard input names."""
    address, port, calling, give_up_after_s, pause_s = arguments
    _config.STORE_SEND_CHUNKED_DATASET = True
    work: list[tuple[str, list[list[str]]]] = json.load(sys.stdin)
    give_up_at = time.monotonic() + float(give_up_after_s)
    modality = Modality(address, int(port), calling, give_up_at=give_up_at, pause_s=float(pause_s))
    with ThreadPoolExecutor(len(work)) as hands:
        lefts = hands.map(lambda each: modality.send(*each), work)
        left = [file for files in lefts for file in files]
    print(json.dumps({"attempts": modality.attempts, "left": left}))
    return 1 if left else 0


def _pair(file: str) -> tuple[str, str]:
    meta = read_file_meta_info(file)
    return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
