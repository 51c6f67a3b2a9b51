"""A RIS that listens by MLLP, run in a site's namespace.

Usage: python -m tests.integration.ris ADDRESS PORT FOLDER [dies]
Keeps every message as FOLDER/NNNN before it answers AA; one that dies keeps a message and is gone.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

_START, _END = b"\x0b", b"\x1c\r"


def main(arguments: Sequence[str]) -> int:
    """Serve one connection after another."""
    address, port, folder, *manner = arguments
    with socket.create_server((address, int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                _serve(connection, Path(folder), dies=bool(manner))


def _serve(connection: socket.socket, folder: Path, *, dies: bool) -> None:
    held = b""
    while piece := connection.recv(65536):
        held += piece
        while _END in held:
            framed, held = held.split(_END, 1)
            message = framed.partition(_START)[2]
            kept = folder / f"{len(list(folder.iterdir())):04}"
            kept.with_suffix(".part").write_bytes(message)
            kept.with_suffix(".part").rename(kept)
            if dies:
                os._exit(1)
            connection.sendall(_START + _answer(message) + _END)


def _answer(message: bytes) -> bytes:
    control = message.split(b"\r")[0].split(b"|")[9]
    return b"MSH|^~\\&|RIS|CH|BOCAGE|CH|2026||ACK|1|P|2.5\rMSA|AA|" + control + b"\r"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
