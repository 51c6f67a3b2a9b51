"""A modality that puts exactly the bytes of its files on the wire, run in a site's namespace.

Usage: python -m tests.integration.sender SOURCE ADDRESS PORT CALLING CALLED FILE...
SOURCE is the address to call from; "-" for the namespace's first.
Prints one JSON object: for each file its status (null: no answer) and the comment that came.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config

_TIMEOUT_S = 600
_CONNECT_WITHIN_S = 5
_MOST_CONTEXTS = 128


def main(arguments: Sequence[str]) -> int:
    """Send everything over one association."""
    source, address, port, calling, called, *names = arguments
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE(ae_title=calling)
    ae.maximum_pdu_size = 131072
    ae.connection_timeout = _CONNECT_WITHIN_S
    ae.dimse_timeout = ae.network_timeout = ae.acse_timeout = _TIMEOUT_S
    pairs = {_pair(Path(name)) for name in names}
    for sop_class, transfer_syntax in sorted(pairs)[:_MOST_CONTEXTS]:
        ae.add_requested_context(sop_class, transfer_syntax)
    assoc = ae.associate(
        address, int(port), ae_title=called, bind_address=("" if source == "-" else source, 0)
    )
    if not assoc.is_established:
        print(json.dumps({"associated": False, "rejected": assoc.is_rejected, "answers": {}}))
        return 1
    answers = {}
    for name in names:
        status = assoc.send_c_store(Path(name)) if assoc.is_established else {}
        answers[name] = [getattr(status, "Status", None), getattr(status, "ErrorComment", "")]
    assoc.release()
    print(json.dumps({"associated": True, "rejected": False, "answers": answers}))
    return 0


def _pair(path: Path) -> tuple[str, str]:
    meta = read_file_meta_info(path)
    return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
