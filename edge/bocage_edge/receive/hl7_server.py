"""Listens for the site's HL7 senders: one thread a connection, and never more than agreed.

Strangers are hung up on before they get a thread. Long messages take turns for the memory they
need; whoever waits for that is not read from, and TCP makes the sender wait.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Protocol

from bocage_edge.receive.hl7_session import Session
from bocage_edge.receive.server import KEEPALIVE

# Ours.
PIECE_BYTES = 64 * 1024
LOOK_S = 0.5
SEND_WITHIN_S = 20.0
LARGE_BYTES = 1024 * 1024
LARGE_AT_ONCE = 2
_BACKLOG = 64


class Hl7Door(Protocol):
    """What decides; see `hl7_reception`. Safe to use from any thread."""

    def may_connect(self, address: str) -> bool:
        """Whether one more connection from there gets a thread; if so it is counted."""

    def disconnected(self, address: str) -> None:
        """Count the connection no longer."""

    def session(self, address: str) -> Session:
        """Begin to listen to a connection."""

    def fault(self, where: str, error: Exception) -> None:
        """Note an error that has no better place to go."""


class Hl7Server:
    """See the module."""

    def __init__(self, address: tuple[str, int], door: Hl7Door) -> None:
        """Bind and listen; `serve` runs it.

        Args:
            address: IP address and port; port 0 takes any.

        Raises:
            OSError: the address is not ours or taken.
        """
        self.address = address
        self._door = door
        self._listener = socket.create_server(address, family=_family(address), backlog=_BACKLOG)
        self._listener.settimeout(LOOK_S)
        self._stop = threading.Event()
        self._large = threading.Semaphore(LARGE_AT_ONCE)
        self._lock = threading.Lock()
        self._connections: set[threading.Thread] = set()
        self._acceptor = threading.Thread(target=self._accept, name="hl7 acceptor", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Take connections in a thread until `close`."""
        self._acceptor.start()

    def close(self, within_s: float) -> None:
        """Take no more connections, and end those that are open.

        A message that is whole is still taken and answered; what is not whole is cut, and its
        sender sends it again.

        Args:
            within_s: to wait for that.
        """
        self._stop.set()
        deadline = time.monotonic() + within_s
        if self._acceptor.is_alive():
            self._acceptor.join(max(LOOK_S * 2, within_s))
        self._listener.close()
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, peer = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # Out of descriptors, say: the next look may find some.
                self._door.fault("HL7 accept", error)
                self._stop.wait(LOOK_S)
                continue
            address = str(peer[0]).split("%", 1)[0]
            if not self._door.may_connect(address):
                connection.close()
                continue
            self._begin(connection, address)

    def _begin(self, connection: socket.socket, address: str) -> None:
        thread = threading.Thread(
            target=self._run, args=(connection, address), name="hl7 connection", daemon=True
        )
        with self._lock:
            self._connections.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread for us
            self._end(connection, address, thread)
            self._door.fault("HL7 connection", error)

    def _run(self, connection: socket.socket, address: str) -> None:
        try:
            _set_up(connection)
            self._listen(connection, self._door.session(address))
        except OSError:
            pass  # the sender has gone; what it got no answer to, it sends again
        except Exception as error:
            self._door.fault("HL7 connection", error)
        finally:
            self._end(connection, address, threading.current_thread())

    def _end(self, connection: socket.socket, address: str, thread: threading.Thread) -> None:
        connection.close()
        with self._lock:
            self._connections.discard(thread)
        self._door.disconnected(address)

    def _listen(self, connection: socket.socket, session: Session) -> None:
        with contextlib.ExitStack() as seat:
            has_seat = False
            while not session.is_over and not self._stop.is_set():
                piece = _read(connection)
                now = time.monotonic()
                if piece is None:
                    answers = session.look(now)
                elif not piece:
                    answers = session.ended()
                else:
                    answers = session.feed(piece, now)
                for answer in answers:
                    connection.settimeout(SEND_WITHIN_S)
                    connection.sendall(answer)
                    if self._stop.is_set():
                        return
                if session.held_bytes > LARGE_BYTES and not has_seat:
                    has_seat = self._wait_for_seat(seat, session)
                elif has_seat and session.held_bytes <= LARGE_BYTES:
                    seat.close()
                    has_seat = False
                if piece:
                    for answer in session.look(now):
                        connection.sendall(answer)

    def _wait_for_seat(self, seat: contextlib.ExitStack, session: Session) -> bool:
        began = time.monotonic()
        while not self._stop.is_set():
            if self._large.acquire(timeout=LOOK_S):
                seat.callback(self._large.release)
                session.waited(time.monotonic() - began)
                return True
        return False


def _set_up(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _read(connection: socket.socket) -> bytes | None:
    """Read what there is; None: nothing came in a while, empty: nothing more will."""
    connection.settimeout(LOOK_S)
    try:
        return connection.recv(PIECE_BYTES)
    except TimeoutError:
        return None


def _family(address: tuple[str, int]) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET
