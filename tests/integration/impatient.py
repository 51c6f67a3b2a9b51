"""A modality that gives up before it is answered, and sends everything again.

Usage: python -m tests.integration.impatient ADDRESS PORT CALLING CALLED FILE...
Each file is sent three times, each time over an association of its own: half of the data set and an
abort; all of it and an abort, without a look at the answer; all of it, with the answer waited for.
Prints a JSON object: the last status of each file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from bocage_provisioning.demo.part10 import dataset_of
from tests.integration.pdu import Requestor

_FRAGMENT_BYTES = 16384


def main(arguments: Sequence[str]) -> int:
    """Send each file."""
    address, port, calling, called, *names = arguments
    print(json.dumps({name: _send((address, int(port)), calling, called, name) for name in names}))
    return 0


def _send(address: tuple[str, int], calling: str, called: str, name: str) -> int:
    meta = read_file_meta_info(name)
    sop_class, uid = str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID)
    data = dataset_of(Path(name))
    for sent in (len(data) // 2, len(data)):
        hasty = Requestor(address, calling, called, sop_class, str(meta.TransferSyntaxUID))
        _put(hasty, uid, data[:sent], is_all=sent == len(data))
        with contextlib.suppress(OSError):
            hasty.abort()
    patient = Requestor(address, calling, called, sop_class, str(meta.TransferSyntaxUID))
    _put(patient, uid, data, is_all=True)
    status, _comment = patient.answer()
    patient.release()
    return status


def _put(requestor: Requestor, uid: str, data: bytes, *, is_all: bool) -> None:
    requestor.begin(uid)
    for at in range(0, len(data), _FRAGMENT_BYTES):
        piece = data[at : at + _FRAGMENT_BYTES]
        is_last = is_all and at + _FRAGMENT_BYTES >= len(data)
        requestor.fragment(piece, is_last=is_last)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
