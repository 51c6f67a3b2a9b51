"""A reading station that takes every SOP class and keeps exactly what came, each time it came.

Usage: python -m tests.integration.station ADDRESS PORT FOLDER [TRANSFER_SYNTAX...]
Without transfer syntaxes it takes whatever is proposed. A file is called
NUMBER_SOP_INSTANCE_UID.TRANSFER_SYNTAX_UID and holds the bare data set.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

SUCCESS = 0x0000


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    address, port, folder, *syntaxes = arguments
    numbers, lock = itertools.count(), threading.Lock()

    def _store(event: Event) -> int:
        with lock:
            number = next(numbers)
        assert isinstance(event.request, C_STORE)
        uid = event.request.AffectedSOPInstanceUID
        name = f"{number:06}_{uid}.{event.context.transfer_syntax}"
        temporary = Path(folder) / f".{name}"
        temporary.write_bytes(event.encoded_dataset(include_meta=False))
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
    ae.start_server((address, int(port)), evt_handlers=[(evt.EVT_C_STORE, _store)])


if __name__ == "__main__":
    main(sys.argv[1:])
