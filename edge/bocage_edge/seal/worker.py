"""The codec worker: a process that computes on frames and can do nothing else.

Started by `pool` with a socket as its standard input. It loads the codecs, locks itself in
(`sandbox`), says so, and then answers one message after another until the socket closes. It never
holds a key, a name or a path. A frame it cannot take is an answer; a crash is the pool's business.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict

from bocage_edge.seal import codecs, sandbox, wire
from bocage_edge.seal.layout import FrameLayout, PixelFormat
from bocage_edge.seal.wire import Operation, Outcome

MEMORY_BYTES = 3 * 1024**3
STDIN, STDERR = 0, 2
Answer = tuple[Outcome, bytes, wire.Bytes]


def main() -> None:
    """Run until the pool closes the socket."""
    parent = int(sys.argv[1])
    sandbox.follow_parent_to_death(parent)
    # Ctrl-C at a terminal is for the program that started us; it closes the socket when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox.die_first()
    codecs.load_all()
    with socket.socket(fileno=STDIN) as sock:
        walls = sandbox.confine(memory_bytes=MEMORY_BYTES)
        wire.send(sock, Outcome.READY, json.dumps(asdict(walls)).encode(), b"")
        # From here on even our messages could be a stranger's.
        os.close(STDERR)
        _serve(sock)


def _serve(sock: socket.socket) -> None:
    while True:
        try:
            number, head, payload = wire.receive(sock)
        except wire.WireError:
            return  # the pool has gone
        outcome, reply_head, reply = answer(Operation(number), head, payload)
        wire.send(sock, outcome, reply_head, reply)


def answer(operation: Operation, head: bytes, payload: bytearray) -> Answer:
    """Do what is asked; whatever goes wrong with the frame is an answer too."""
    try:
        return _ANSWERS[operation](head, payload)
    except (codecs.RefusedError, ValueError, RuntimeError, MemoryError, TypeError) as error:
        # A codec's own words may quote the file: its type is enough.
        said = str(error) if isinstance(error, codecs.RefusedError) else type(error).__name__
        return Outcome.REFUSED, said.encode(), b""


def _code_block(head: bytes, payload: bytearray) -> Answer:
    return Outcome.DONE, b"", codecs.code_block(FrameLayout.unpack(head), payload)


def _open_block(head: bytes, payload: bytearray) -> Answer:
    return Outcome.DONE, b"", codecs.open_block(FrameLayout.unpack(head), payload)


def _decode(head: bytes, payload: bytearray) -> Answer:
    return Outcome.DONE, b"", codecs.decode(*_form(head), bytes(payload))


def _digest(head: bytes, payload: bytearray) -> Answer:
    return Outcome.DONE, b"", codecs.digest(*_form(head), bytes(payload))


def _encode(head: bytes, payload: bytearray) -> Answer:
    stream, photometric = codecs.encode(*_form(head), bytes(payload))
    return Outcome.DONE, photometric.encode(), stream


def _form(head: bytes) -> tuple[str, PixelFormat]:
    raw = json.loads(head)
    return raw.pop("syntax"), PixelFormat.from_json(raw)


def _try_walls(_head: bytes, _payload: bytearray) -> Answer:
    """Try everything a taken-over worker would, and report what the kernel said."""
    attempts: dict[str, Callable[[], object]] = {
        "read a file": lambda: os.open("/etc/hostname", os.O_RDONLY),
        "write a file": lambda: os.open("/tmp/bocage", os.O_WRONLY | os.O_CREAT),  # noqa: S108
        "list a folder": lambda: os.listdir("/"),
        "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "make a pair of sockets": socket.socketpair,
        "start a process": os.fork,
        "run a program": lambda: os.execve("/bin/true", ["true"], {}),  # noqa: S606
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "make memory executable": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    }
    said = {name: _outcome_of(attempt) for name, attempt in attempts.items()}
    return Outcome.DONE, json.dumps(said).encode(), b""


def _outcome_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "unknown")
    return "allowed"


_ANSWERS: dict[Operation, Callable[[bytes, bytearray], Answer]] = {
    Operation.CODE_BLOCK: _code_block,
    Operation.OPEN_BLOCK: _open_block,
    Operation.DECODE: _decode,
    Operation.DIGEST: _digest,
    Operation.ENCODE: _encode,
    Operation.TRY_WALLS: _try_walls,
}

if __name__ == "__main__":
    main()
