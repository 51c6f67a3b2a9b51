"""A program that sends what waits in a box's queue: python -m ... BOX PORT CERTIFICATE."""

from __future__ import annotations

import sys
from pathlib import Path

from bocage_contract.audit import AuditRepository
from tests.edge.audit.site import AuditedBox


def main(folder: str, port: str, certificate: str) -> None:
    """Send until nothing waits."""
    repository = AuditRepository(
        host="127.0.0.1",
        port=int(port),
        certificates=Path(certificate).read_text(),
        source_id="bocage-flers",
    )
    box = AuditedBox(Path(folder))
    box.send_all(repository)
    box.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
