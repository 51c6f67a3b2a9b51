"""A reading station that takes every SOP class and keeps exactly what came, each time it came.

Usage: python -m tests.integration.station ADDRESS PORT FOLDER [TRANSFER_SYNTAX...]
Without transfer syntaxes it takes whatever is proposed. A file is called
NUMBER_SOP_INSTANCE_UID.TRANSFER_SYNTAX_UID and holds the bare data set; its time of change is the
moment at which the first PDU of the instance was read.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF

SUCCESS = 0x0000


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    address, port, folder, *syntaxes = arguments
    numbers, lock = itertools.count(), threading.Lock()

    begun: dict[int, float] = {}  # an association -> when the instance under way began to come

    def _read(event: Event) -> None:
        if isinstance(event.pdu, P_DATA_TF):
            begun.setdefault(id(event.assoc), time.time())

    def _store(event: Event) -> int:
        began_at = begun.pop(id(event.assoc))
        with lock:
            number = next(numbers)
        assert isinstance(event.request, C_STORE)
        uid = event.request.AffectedSOPInstanceUID
        name = f"{number:06}_{uid}.{event.context.transfer_syntax}"
        temporary = Path(folder) / f".{name}"
        temporary.write_bytes(event.encoded_dataset(include_meta=False))
        os.utime(temporary, (began_at, began_at))
        temporary.rename(Path(folder) / name)
        return SUCCESS

    ae = AE(ae_title="STATION")
    ae.maximum_pdu_size = 131072
    ae.maximum_associations = 50
    if syntaxes:
        for context in AllStoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), list(syntaxes))
        ae.add_supported_context("1.2.840.10008.1.1", list(ALL_TRANSFER_SYNTAXES))
    else:
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        ae.add_supported_context("1.2.840.10008.1.1")
    handlers: list[evt.EventHandlerType] = [(evt.EVT_C_STORE, _store), (evt.EVT_PDU_RECV, _read)]
    ae.start_server((address, int(port)), evt_handlers=handlers)


if __name__ == "__main__":
    main(sys.argv[1:])
