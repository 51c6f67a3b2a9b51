"""One box as a process of its own, to be killed: child.py FOLDER DEVICE PARTNER OWN THERE PORT."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.edge.relay.twin import TwinBox


async def serve(folder: Path, device: str, partner: str, own: str, there: str, port: int) -> None:
    """Serve until killed."""
    box = TwinBox(folder, device, partner)
    other = TwinBox(folder / "other", partner, device)  # for its identity only
    box.spool.sweep()
    box.start(box.terms(other, port, own=own, there=there))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        serve(
            Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], int(sys.argv[6])
        )
    )
