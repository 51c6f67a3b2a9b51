"""An AE that asks for storage commitment and takes the results, run in a site's namespace.

Usage: python -m tests.integration.asker ask ADDRESS PORT CALLING CALLED TRANSACTION CLASS:UID...
       python -m tests.integration.asker listen ADDRESS PORT FOLDER
`ask` prints the status of the N-ACTION. `listen` serves until killed and writes a file of JSON for
each result: {"event", "transaction", "from", "committed": [UID...], "failed": {UID: reason}}.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

INSTANCE = "1.2.840.10008.1.20.1.1"
SUCCESS = 0x0000


def ask(arguments: Sequence[str]) -> None:
    """Send one N-ACTION."""
    address, port, calling, called, transaction, *references = arguments
    ae = AE(ae_title=calling)
    ae.add_requested_context(StorageCommitmentPushModel)
    assoc = ae.associate(address, int(port), ae_title=called)
    if not assoc.is_established:
        print(json.dumps(None))
        return
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = []
    for sop_class, _, uid in (each.partition(":") for each in references):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        request.ReferencedSOPSequence.append(item)
    status, _ = assoc.send_n_action(request, 1, StorageCommitmentPushModel, INSTANCE)
    assoc.release()
    print(json.dumps(getattr(status, "Status", None)))


def listen(arguments: Sequence[str]) -> None:
    """Take results until killed."""
    address, port, folder = arguments
    numbers = itertools.count()

    def take(event: Any) -> tuple[int, None]:
        data_set = event.event_information
        result = {
            "event": event.event_type,
            "transaction": str(data_set.TransactionUID),
            "from": event.assoc.requestor.ae_title,
            "committed": [
                str(each.ReferencedSOPInstanceUID)
                for each in data_set.get("ReferencedSOPSequence", [])
            ],
            "failed": {
                str(each.ReferencedSOPInstanceUID): each.FailureReason
                for each in data_set.get("FailedSOPSequence", [])
            },
        }
        temporary = Path(folder) / ".result"
        temporary.write_text(json.dumps(result))
        temporary.rename(Path(folder) / f"{next(numbers):04}.json")
        return SUCCESS, None

    ae = AE(ae_title="ASKER")
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    ae.start_server((address, int(port)), evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)])


if __name__ == "__main__":
    {"ask": ask, "listen": listen}[sys.argv[1]](sys.argv[2:])
