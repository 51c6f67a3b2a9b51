"""A reading station that keeps of each instance its digest and its length, and holds no more.

Usage: python -m tests.integration.swallower ADDRESS PORT FILE
Writes one JSON object a line to FILE for each instance that came whole: `uid`, `syntax`, `bytes`,
`sha256`, `began_at` and `ended_at` (monotonic seconds of this machine).
"""

from __future__ import annotations

import hashlib
import json
import socketserver
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tests.integration import pdu

SUCCESS = 0x0000


class Station(socketserver.ThreadingTCPServer):
    """Takes every class in the first transfer syntax proposed."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], kept: TextIO) -> None:
        """Listen."""
        self.kept = kept
        self.turn = threading.Lock()
        super().__init__(address, _Association)


class _Association(socketserver.BaseRequestHandler):
    server: Station

    def setup(self) -> None:
        self.buffer = bytearray(pdu.MAX_PDU_BYTES)
        self.syntaxes: dict[int, str] = {}
        self.command = bytearray()
        self.store: dict[int, bytes] | None = None
        self.request.setsockopt(6, 1, 1)  # TCP_NODELAY

    def handle(self) -> None:
        try:
            while self._take():
                pass
        except (pdu.PeerGoneError, ConnectionError):
            return

    def _take(self) -> bool:
        kind, body = pdu.read_pdu(self.request, self.buffer)
        if kind == pdu.ASSOCIATE_RQ:
            answer, self.syntaxes = pdu.associate_ac(pdu.pdu(kind, bytes(body)))
            self.request.sendall(answer)
        elif kind == pdu.P_DATA:
            for context_id, control, fragment in pdu.values(body):
                self._value(context_id, control, fragment)
        elif kind == pdu.RELEASE_RQ:
            self.request.sendall(pdu.pdu(pdu.RELEASE_RP, bytes(4)))
        return kind in (pdu.ASSOCIATE_RQ, pdu.P_DATA)

    def _value(self, context_id: int, control: int, fragment: memoryview) -> None:
        if control & pdu.COMMAND:
            self.command += fragment
            if control & pdu.LAST:
                self._begin(context_id, pdu.read_command(bytes(self.command)))
                self.command.clear()
            return
        self.digest.update(fragment)
        self.size += len(fragment)
        if control & pdu.LAST:
            self._end(context_id)

    def _begin(self, context_id: int, command: dict[int, bytes]) -> None:
        if pdu.number(command[0x0100]) == pdu.C_ECHO_RQ:
            self._answer(context_id, command)
            return
        self.store, self.digest, self.size = command, hashlib.sha256(), 0
        self.began_at = time.monotonic()

    def _end(self, context_id: int) -> None:
        if self.store is None:
            raise pdu.PeerGoneError
        line = {
            "uid": pdu.text(self.store[0x1000]),
            "syntax": self.syntaxes[context_id],
            "bytes": self.size,
            "sha256": self.digest.hexdigest(),
            "began_at": self.began_at,
            "ended_at": time.monotonic(),
        }
        with self.server.turn:
            self.server.kept.write(json.dumps(line) + "\n")
            self.server.kept.flush()
        self._answer(context_id, self.store)
        self.store = None

    def _answer(self, context_id: int, command: dict[int, bytes]) -> None:
        response = pdu.response_to(command, SUCCESS)
        self.request.sendall(pdu.data_pdu(context_id, pdu.COMMAND | pdu.LAST, response))


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    address, port, file = arguments
    with Path(file).open("a") as kept, Station((address, int(port)), kept) as station:
        station.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
