"""Where data set fragments go. Nothing here raises: pynetdicom's threads must go on.

A fault is latched at the fragment it comes with; the rest of the instance is swallowed, the answer
says what happened, and the next instance on the same association has its own sink.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from bocage_edge.errors import SealError, SpoolError, SpoolFullError
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.store import Acceptance, Arrival, Writer
from bocage_edge.spool.incoming import IncomingFile

# ENOSPC, EDQUOT: somebody can make room; anything else of the disk's is a fault.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Verdict = tuple[Answer, str]
Say = Callable[[Answer], Verdict]


class RefusedSink:
    """Swallows an instance that may not begin."""

    def __init__(self, verdict: Verdict) -> None:
        """Keep the answer."""
        self._verdict = verdict

    def write(self, data: bytes | memoryview) -> None:
        """Swallow."""

    def finish(self) -> Verdict:
        """Say why."""
        return self._verdict

    def close(self) -> None:
        """Nothing is open."""


class InstanceSink:
    """Seals one instance into the spool."""

    def __init__(
        self,
        arrival: Arrival,
        incoming: IncomingFile,
        writer: Writer,
        acceptance: Acceptance,
        *,
        say: Say,
        on_fault: Callable[[str, Exception], None],
    ) -> None:
        """Take over an incoming file and the writer that writes into it.

        Args:
            say: counts an answer and finds the comment for it.
            on_fault: told of errors that no answer explains.
        """
        self._arrival = arrival
        self._incoming = incoming
        self._writer = writer
        self._acceptance = acceptance
        self._say = say
        self._on_fault = on_fault
        self._fault: Answer | None = None
        self._is_over = False

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment, or swallow it after a fault."""
        if self._fault is None:
            try:
                self._writer.write(data)
            except Exception as error:
                self._latch(error)

    def finish(self) -> Verdict:
        """Make the instance durable; success is said only after that."""
        if self._fault is None:
            try:
                sealed = self._writer.finish()
                if isinstance(sealed, Answer):
                    self._fault = sealed
                else:
                    answer = self._acceptance.accept(self._arrival, self._incoming, sealed)
                    self._fault = None if answer.is_success else answer
            except Exception as error:
                self._latch(error)
        self.close()
        return self._say(self._fault or Answer.STORED)

    def close(self) -> None:
        """Give up what is not in the spool; does nothing to what is."""
        if self._is_over:
            return
        self._is_over = True
        for give_up in (self._writer.abort, self._incoming.discard):
            try:
                give_up()
            except Exception as error:
                self._on_fault("giving up an instance", error)

    def _latch(self, error: Exception) -> None:
        self._fault = answer_to(error)
        if self._fault in (Answer.FAULT, Answer.DISK_FAULT):
            self._on_fault("storing an instance", error)
        # The room it took is needed by others before its last fragment has come.
        self.close()


def answer_to(error: BaseException) -> Answer:
    """Say what an error means for the sender: the first of its causes that we know."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SpoolFullError):
            return Answer.NO_ROOM
        if isinstance(cause, OSError):
            return Answer.NO_ROOM if cause.errno in _NO_ROOM else Answer.DISK_FAULT
        cause = cause.__cause__
    if isinstance(error, SpoolError):
        return Answer.DISK_FAULT
    return Answer.UNREADABLE if isinstance(error, SealError) else Answer.FAULT
