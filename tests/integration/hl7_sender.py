"""An information system that sends messages by MLLP, run in a site's namespace.

Usage: python -m tests.integration.hl7_sender ADDRESS PORT FILE...
Each file is one message. Prints one JSON list: of each, the fields of the answer's MSA segment.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

_START, _END = b"\x0b", b"\x1c\r"
_TIMEOUT_S = 60


def main(arguments: Sequence[str]) -> int:
    """Send everything over one connection, each message after the answer to the one before."""
    address, port, *names = arguments
    answers = []
    with socket.create_connection((address, int(port)), timeout=_TIMEOUT_S) as connection:
        for name in names:
            connection.sendall(_START + Path(name).read_bytes() + _END)
            answers.append(_msa(_answer(connection)))
    print(json.dumps(answers))
    return 0


def _answer(connection: socket.socket) -> bytes:
    held = b""
    while not held.endswith(_END):
        piece = connection.recv(65536)
        if not piece:
            return held
        held += piece
    return held


def _msa(answer: bytes) -> list[str]:
    segments = answer.strip(_START + _END).decode("utf-8", "replace").split("\r")
    return next((each.split("|") for each in segments if each.startswith("MSA|")), [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
