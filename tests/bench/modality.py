"""A modality that is never what one waits for: all is read, stamped and framed before it starts.

Usage: python -m tests.bench.modality ADDRESS PORT CALLING CALLED TAG ASSOCIATIONS FILE...
Files are of one SOP class and transfer syntax. Each association sends its share, an instance after
the answer to the one before, as modalities do. Prints one JSON object: `began` and `ended` (Unix
seconds of the first C-STORE and of the last answer), `statuses`, and `sha256` of each data set by
SOP instance UID.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from bocage_provisioning.demo.part10 import dataset_of
from tests.bench.inputs import FIRST_TAG, UID_ROOT, stamped
from tests.integration import pdu

FRAGMENT_BYTES = pdu.MAX_PDU_BYTES - 6


@dataclass(frozen=True, slots=True)
class Message:
    """One C-STORE request, ready for the wire."""

    uid: str
    sha256: str
    wire: bytes


def main(arguments: Sequence[str]) -> int:
    """Send."""
    address, port, calling, called, tag, associations, *names = arguments
    files = [Path(name) for name in names]
    head = pydicom.dcmread(files[0], stop_before_pixels=True)
    sop_class, syntax = str(head.SOPClassUID), str(head.file_meta.TransferSyntaxUID)
    messages = [_message(file, tag, sop_class) for file in files]
    lanes = [
        _Lane(messages[first :: int(associations)], (address, int(port)), calling, called)
        for first in range(int(associations))
    ]
    for lane in lanes:
        lane.associate(sop_class, syntax)
    threads = [threading.Thread(target=lane.send) for lane in lanes]
    began = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = time.time()
    for lane in lanes:
        lane.release()
    said = {
        "began": began,
        "ended": ended,
        "statuses": [status for lane in lanes for status in lane.statuses],
        "sha256": {message.uid: message.sha256 for message in messages},
    }
    print(json.dumps(said))
    return 0


def _message(file: Path, tag: str, sop_class: str) -> Message:
    data = stamped(dataset_of(file), tag)
    begin = data.index(f"{UID_ROOT}.{tag}.2".encode())
    uid = data[begin : begin + len(UID_ROOT) + len(FIRST_TAG) + len("..200000.3")].decode()
    command = pdu.store_rq(1, sop_class, uid)
    parts = [pdu.data_pdu(1, pdu.COMMAND | pdu.LAST, command)]
    for start in range(0, len(data), FRAGMENT_BYTES):
        piece = memoryview(data)[start : start + FRAGMENT_BYTES]
        last = start + FRAGMENT_BYTES >= len(data)
        parts.append(pdu.data_pdu(1, pdu.LAST if last else 0, piece))
    return Message(uid, hashlib.sha256(data).hexdigest(), b"".join(parts))


class _Lane:
    """One association and its share."""

    def __init__(
        self, messages: list[Message], to: tuple[str, int], calling: str, called: str
    ) -> None:
        self.statuses: list[int] = []
        self._messages = messages
        self._to, self._calling, self._called = to, calling, called

    def associate(self, sop_class: str, syntax: str) -> None:
        self._requestor = pdu.Requestor(self._to, self._calling, self._called, sop_class, syntax)

    def send(self) -> None:
        for message in self._messages:
            self._requestor.send_raw(message.wire)
            status, _comment = self._requestor.answer()
            self.statuses.append(status)

    def release(self) -> None:
        self._requestor.release()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
