"""A RIS that listens by MLLP on loopback, and behaves as a test tells it: also badly.

It reads frames by itself, with nothing of the product's.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bocage_contract.destination import Hl7Destination

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
DRIP_EVERY_S = 0.02

# Gets the connection, the message, and what is set once the RIS closes; False: hangs up.
Manners = Callable[[socket.socket, bytes, threading.Event], bool]


@dataclass
class Ris:
    """What came, and where it listens."""

    manners: list[Manners]
    port: int = 0
    came: list[bytes] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def destination(self, name: str = "ris", **more: Any) -> Hl7Destination:
        """Give the configuration of this RIS; times may be shorter than a real one's."""
        there = Hl7Destination(name=name, kind="hl7", host="127.0.0.1", port=self.port)
        return there.model_copy(update={"answer_s": 10.0, **more})

    def control_ids(self) -> list[str]:
        """List MSH-10 of what came."""
        return [control_id(message) for message in self.came]

    def wait_for(self, count: int, within_s: float = 20.0) -> bool:
        """Wait until so many messages came whole."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.came) >= count, within_s)

    def _manner(self) -> Manners:
        return self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]

    def talk(self, connection: socket.socket) -> None:
        """Serve one connection."""
        held = b""
        with contextlib.suppress(OSError), connection:
            while not self.closing.is_set():
                piece = connection.recv(65536)
                if not piece:
                    return
                held += piece
                while FS in held:
                    framed, held = held.split(FS, 1)
                    held = held.removeprefix(CR)
                    if not self._take(framed.partition(VT)[2], connection):
                        return

    def _take(self, message: bytes, connection: socket.socket) -> bool:
        is_answer = b"\rMSA" in message
        with self.changed:
            self.came.append(message)
            manner = manners_none if is_answer else self._manner()
            self.changed.notify_all()
        return manner(connection, message, self.closing)


def control_id(message: bytes) -> str:
    """Give MSH-10."""
    return message.split(b"\r")[0].split(b"|")[9].decode()


def answer_to(message: bytes, code: str, *, control: str = "", more: str = "") -> bytes:
    """Write an acknowledgement, framed.

    Args:
        control: MSA-2; the message's own where not given.
        more: further segments.
    """
    lines = ["MSH|^~\\&|RIS|CH|BOCAGE|CH|20261124||ACK|A1|P|2.5", f"MSA|{code}|"]
    lines[1] += control or control_id(message)
    return VT + ("\r".join([*lines, *([more] if more else [])]) + "\r").encode() + FS + CR


def acks(code: str = "AA", *, error: str = "", control: str = "") -> Manners:
    """Answer at once.

    Args:
        error: a code of table 0357, in ERR-3.
    """
    more = f"ERR|||{error}^x^HL70357|E" if error else ""

    def manner(connection: socket.socket, message: bytes, _closing: threading.Event) -> bool:
        connection.sendall(answer_to(message, code, control=control, more=more))
        return True

    return manner


def says(*pieces: bytes | Callable[[bytes], bytes], then: bool = True) -> Manners:
    """Send some bytes, made from the message where they are functions; hang up unless `then`."""

    def manner(connection: socket.socket, message: bytes, _closing: threading.Event) -> bool:
        for piece in pieces:
            connection.sendall(piece if isinstance(piece, bytes) else piece(message))
        return then

    return manner


def drips(_: socket.socket, message: bytes, closing: threading.Event) -> bool:
    """Answer a byte now and then, and never come to the end of it."""
    with contextlib.suppress(OSError):
        _.sendall(VT)
        while not closing.wait(DRIP_EVERY_S):
            _.sendall(b"M")
    return False


def manners_none(_: socket.socket, _message: bytes, _closing: threading.Event) -> bool:
    """Say nothing."""
    return True


silent: Manners = manners_none
hangs_up: Manners = says(then=False)


@contextlib.contextmanager
def ris(*manners: Manners, port: int = 0) -> Iterator[Ris]:
    """Run a RIS.

    Args:
        manners: one for each message that comes; the last one for all that follow.
    """
    here = Ris(list(manners) or [acks()])
    listener = socket.create_server(("127.0.0.1", port))
    here.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            here.connections += 1
            open_ones.append(connection)
            threads.append(threading.Thread(target=here.talk, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield here
    finally:
        here.closing.set()
        # An accept that waits is woken by shutdown only.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(10)
        for connection in open_ones:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in threads:
            thread.join(10)
