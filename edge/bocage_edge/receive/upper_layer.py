"""pynetdicom's upper layer, with bounds on what a stranger may make it read.

pynetdicom runs the state machine of PS3.8 chapter 9; this class reads the PDUs for it, since there
(3.0.4, `dul.py`, `transport.py`) a PDU of 4 GiB is read into memory before anybody looks at its
length, accepted sockets have no time-out at all, an error in an action of the state machine leaves
a dead thread behind an open socket, both timers follow the wall clock, which on a box without a
battery jumps by years when it first hears the time, and an idle thread wakes every millisecond.

P-DATA of an established association never reaches the state machine, whose answer to it is always
the same (PS3.8 9.2, Sta6 with Evt9 and Evt10): it goes straight to `Dimse`, in this thread, as
views of the buffer it was read into, and the answer straight to the socket (docs/adr/0010).
"""

from __future__ import annotations

import os
import queue
import select
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import A_P_ABORT
from pynetdicom.timer import Timer

from bocage_edge.receive.bell import Bell, RingingQueue

if TYPE_CHECKING:
    import socket

    from pynetdicom.association import Association

# PS3.8 9.3.1: PDU types
ASSOCIATE_RQ = 0x01
P_DATA = 0x04
_HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">IB")
_CALLED_TITLE = slice(10, 26)
_CALLING_TITLE = slice(26, 42)

# Ours. 128 contexts with 40 transfer syntaxes each are some 300 KiB.
MAX_ASSOCIATE_BYTES = 512 << 10
MAX_OTHER_BYTES = 1 << 10
TIMER_LOOK_S = 0.25
# Whole PDUs that are read at once, beyond the longest one.
READ_AHEAD_BYTES = 128 << 10

ESTABLISHED = "Sta6"  # PS3.8 9.2.1: ready for data transfer
_CLOSING = "Sta13"  # waits for the connection to be closed

_NEUTRAL = bytes(c if 0x20 <= c < 0x7F and c != 0x5C else 0x3F for c in range(256))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long a peer may make us wait.

    Args:
        max_pdu_bytes: of a P-DATA-TF, negotiated (PS3.8 D.1).
        socket_timeout_s: of one call on the socket; also bounds how long an answer may block.
        pdu_deadline_s: from the first byte of a PDU to its last.
        request_deadline_s: from the connection to the A-ASSOCIATE-RQ (ARTIM, PS3.8 9.1.5).
    """

    max_pdu_bytes: int = 131072
    socket_timeout_s: float = 10.0
    pdu_deadline_s: float = 60.0
    request_deadline_s: float = 30.0


# Of one P-DATA-TF: context id, message control header and fragment.
Values = Sequence[tuple[int, memoryview]]


class _CutError(OSError):
    """The stream ended, or stalled for too long, inside a PDU."""


class MonotonicTimer(Timer):
    """pynetdicom's timer on a clock that never jumps."""

    @property
    def remaining(self) -> float:
        """Seconds left; 1 if it never expires."""
        if self.timeout is None:
            return 1.0
        if self._start_time is None:
            return self.timeout
        end = time.monotonic() if self._end_time is None else self._end_time
        return self.timeout - (end - self._start_time)

    def start(self) -> None:
        """Run from now on."""
        self._start_time = time.monotonic()
        self._end_time = None

    def stop(self) -> None:
        """Stand still."""
        self._end_time = time.monotonic()


class UpperLayer(DULServiceProvider):
    """One association's upper layer; runs in its own thread, which reads and writes the socket."""

    def __init__(
        self,
        assoc: Association,
        limits: Limits,
        on_fault: Callable[[str, Exception], None],
        on_data: Callable[[Values], None],
    ) -> None:
        """Make it; `start` runs it.

        Args:
            on_fault: told of errors that pynetdicom would lose.
            on_data: takes the values of a P-DATA-TF, which it may not keep, and may `send_data`.
        """
        super().__init__(assoc)
        # A process that is told to stop must not wait for a peer.
        self.daemon = True
        self._idle_timer = MonotonicTimer(60)
        self.artim_timer = MonotonicTimer(limits.request_deadline_s)
        self.calling_title = b""
        self.called_title = b""
        self._limits = limits
        self._on_fault = on_fault
        self._on_data = on_data
        longest = _HEADER.size + max(limits.max_pdu_bytes, MAX_OTHER_BYTES)
        self._buffer = memoryview(bytearray(longest + READ_AHEAD_BYTES))
        self._start = self._end = 0  # of what was read into it and not yet taken
        self._is_ended = False  # the peer sends nothing more
        self._is_lost = False
        self.bell = Bell()
        self.to_provider_queue = RingingQueue(self.bell.ring)

    def run_reactor(self) -> None:
        """Run until the association is over, and tell its other thread in every case."""
        self._idle_timer.start()
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                self._turn()
        except Exception as error:
            # The state machine's actions build objects from what was sent; those that cannot be
            # built (an even context id, say) raise here.
            self._on_fault("upper layer", error)
        finally:
            if self.socket is not None:
                self.socket._shutdown_socket()
            self.to_user_queue.put(A_P_ABORT())

    def kill_dul(self) -> None:
        """End the thread."""
        super().kill_dul()
        self.bell.ring()

    def stop_dul(self) -> bool:
        """End the thread if the connection is over; whether it was."""
        if self.state_machine.current_state != "Sta1":
            return False
        self.kill_dul()
        self.join()
        return True

    @property
    def is_established(self) -> bool:
        """Whether data may be sent."""
        return self.state_machine.current_state == ESTABLISHED

    def send_data(self, pdus: bytes) -> None:
        """Send P-DATA-TF PDUs, from within `on_data`.

        Raises:
            OSError: the peer has gone or does not take them; the connection is over.
        """
        sock = self._live_socket()
        if sock is None:
            raise _CutError
        sock.sendall(pdus)

    def _turn(self) -> None:
        """Do what is next: a timer, a primitive of ours, a PDU of the peer's; or wait for one."""
        if self.artim_timer.expired:
            self.event_queue.put("Evt18")
        is_ours = self._process_recv_primitive()
        is_theirs = not is_ours and self._is_transport_event()
        if is_theirs:
            self._idle_timer.restart()
        try:
            event = self.event_queue.get(block=False)
        except queue.Empty:
            if not is_theirs:
                sock = self._live_socket()
                self.bell.wait(None if sock is None else sock.fileno(), TIMER_LOOK_S)
        else:
            self.state_machine.do_action(event)

    def _is_transport_event(self) -> bool:
        """Take what the peer has sent, if anything; whether there was something.

        Source: PS3.8 9.2.3, AA-6 and AR-5 for what still comes in Sta13.
        """
        if self._start < self._end or self._read_some() is not None:
            self._read_pdu_data()
            return True
        if self.state_machine.current_state == _CLOSING and self.socket is not None:
            self.socket.close()
            return True
        return False

    def _read_pdu_data(self) -> None:
        """Read one PDU and put its event on the queue, unless it was data and could be passed on.

        Source: PS3.8 9.2, events 6, 10, 12, 13, 16, 17, 19.
        """
        if self._is_lost:
            self._put_event("Evt17")
            return
        started = time.monotonic()
        wait_s = self._limits.pdu_deadline_s
        if self.state_machine.current_state == "Sta2":
            wait_s = min(wait_s, max(self.artim_timer.remaining, 0.0))
        try:
            event = self._read_pdu(started + wait_s)
        except OSError:
            event = "Evt17"
        if event is not None:
            self._put_event(event)

    def _put_event(self, event: str) -> None:
        self.event_queue.put(event)

    def _read_pdu(self, deadline: float) -> str | None:
        self._have(_HEADER.size, deadline)
        pdu_type, length = _HEADER.unpack_from(self._buffer, self._start)
        if length > self._longest(pdu_type):
            # What follows could only be read to be thrown away.
            self._is_lost = True
            return "Evt19"
        if pdu_type == P_DATA:
            self._have(_HEADER.size + length, deadline)
            body = self._take(_HEADER.size + length)[_HEADER.size :]
            return self._take_data(body)
        return self._take_other(pdu_type, self._whole(_HEADER.size + length, deadline))

    def _longest(self, pdu_type: int) -> int:
        if pdu_type == P_DATA:
            return self._limits.max_pdu_bytes
        return MAX_ASSOCIATE_BYTES if pdu_type == ASSOCIATE_RQ else MAX_OTHER_BYTES

    def _take_data(self, body: memoryview) -> str | None:
        """Pass on what a P-DATA-TF holds; it is gone from `body` with the next read."""
        values = []
        offset, end = 0, len(body)
        while offset < end:
            if end - offset < _ITEM.size:
                return "Evt19"
            length, context_id = _ITEM.unpack_from(body, offset)
            last = offset + 4 + length
            if length < 2 or last > end:
                return "Evt19"
            values.append((context_id, body[offset + _ITEM.size : last]))
            offset = last
        if not self.is_established:
            self._recv_pdu.put(P_DATA_TF())  # AA-6 takes it away without a look
            return "Evt10"
        self._on_data(values)
        return None

    def _take_other(self, pdu_type: int, whole: bytearray) -> str:
        if pdu_type == ASSOCIATE_RQ:
            self.called_title = bytes(whole[_CALLED_TITLE])
            self.calling_title = bytes(whole[_CALLING_TITLE])
            # Titles are judged as sent, by us; pynetdicom would take one that is not ASCII for a
            # broken PDU, and quote it in its log.
            whole[_CALLED_TITLE] = _neutral(self.called_title)
            whole[_CALLING_TITLE] = _neutral(self.calling_title)
        try:
            pdu, event = self._decode_pdu(whole)
        except Exception as error:
            self._on_fault("PDU", error)
            return "Evt19"
        self._recv_pdu.put(pdu)
        return event

    def _have(self, size: int, deadline: float) -> None:
        """Read until so many bytes are there, in one piece."""
        while self._end - self._start < size:
            if len(self._buffer) - self._start < size:
                held = self._end - self._start
                self._buffer[:held] = self._buffer[self._start : self._end]
                self._start, self._end = 0, held
            self._read_on(deadline)

    def _whole(self, size: int, deadline: float) -> bytearray:
        """Read a PDU that may be longer than the buffer; a request with many contexts."""
        whole = bytearray()
        while True:
            step = min(size - len(whole), self._end - self._start)
            whole += self._take(step)
            if len(whole) == size:
                return whole
            self._read_on(deadline)

    def _take(self, size: int) -> memoryview:
        """Give the first bytes of what was read; they stay until the next read."""
        taken = self._buffer[self._start : self._start + size]
        self._start += size
        return taken

    def _read_on(self, deadline: float) -> None:
        count = self._read_some()
        if count is None:
            sock = self._live_socket()
            if sock is not None:
                _wait_for(sock.fileno(), min(self._limits.socket_timeout_s, _until(deadline)))
            count = self._read_some()
        if self._is_ended or not _until(deadline) or self._kill_thread:
            raise _CutError

    def _read_some(self) -> int | None:
        """Read what is there, without waiting; None where there is nothing, 0 at the end."""
        sock = self._live_socket()
        if sock is None:
            return None
        if self._start == self._end:
            self._start = self._end = 0
        try:
            # Not by the socket's own methods: each of them asks first whether there is anything.
            count = os.readv(sock.fileno(), [self._buffer[self._end :]])
        except BlockingIOError:
            return None
        except OSError:
            count = 0
        self._is_ended = count == 0
        self._end += count
        return count

    def _live_socket(self) -> socket.socket | None:
        return None if self.socket is None else self.socket.socket


def _until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _wait_for(descriptor: int, timeout_s: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(timeout_s * 1000)


def _neutral(title: bytes) -> bytes:
    return title.translate(_NEUTRAL) if title.strip(b" \0") else b"?".ljust(16)
