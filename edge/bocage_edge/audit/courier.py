"""Takes what waits to the site's audit repository, in its order, each message at least once.

A batch goes over one connection and leaves the queue when that connection has ended in good order.
Whatever happens before that, the whole batch goes again, byte for byte, under the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bocage_edge.audit.collector import CollectorError
from bocage_edge.audit.happening import Happening, read_happening
from bocage_edge.audit.message import Surroundings, Written, write_message
from bocage_edge.audit.subject import Subject, open_subject
from bocage_edge.audit.syslog import frame, syslog_message
from bocage_edge.seal.errors import BrokenSealError, NotForUsError
from bocage_edge.spool.audit_queue import AuditQueue, WaitingAudit
from bocage_system import logs

LOG = logs.get(__name__)

BATCH_MESSAGES = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0

# Sends frames over one connection. Raises CollectorError.
Send = Callable[[Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes with the repository.

    Args:
        unreachable_since: Unix seconds; None where the last attempt went well.
        reason: of the last attempt that did not.
        is_locked: the oldest message waits for somebody to unlock the box.
    """

    unreachable_since: float | None = None
    reason: str = ""
    is_locked: bool = False
    last_sent_at: float | None = None


class Courier:
    """See the module. For one thread."""

    def __init__(self, queue: AuditQueue, batch_messages: int = BATCH_MESSAGES) -> None:
        """Hold the queue."""
        self._queue = queue
        self._batch_messages = batch_messages
        self._failures = 0
        self._try_at = 0.0
        self.standing = Standing()

    def step(self, send: Send, keys: Sequence[str], around: Surroundings, now: float) -> bool:
        """Send one batch if there is one and the repository is not being left alone.

        Args:
            keys: the opening keys at hand; none where the box is locked.
            now: Unix seconds.

        Returns:
            Whether there may be more to send at once.

        Raises:
            SpoolError: the index failed.
        """
        if now < self._try_at <= now + LONGEST_PAUSE_S:
            return False
        waiting = self._queue.waiting_audits(self._batch_messages)
        read = [(each, _read(each)) for each in waiting]
        ready = list(takewhile(lambda it: bool(keys) or not _needs_key(it[1]), read))
        self._note(is_locked=len(ready) < len(read))
        if not ready:
            return False
        frames = [self._frame(each, found, keys, around) for each, found in ready]
        try:
            send([each for each in frames if each])
        except CollectorError as error:
            self._failed(str(error), now)
            return False
        self._queue.forget_audits(ready[-1][0].id)
        self._failures, self._try_at = 0, 0.0
        if self.standing.unreachable_since is not None:
            LOG.info("audit repository reached again")
        self.standing = Standing(is_locked=self.standing.is_locked, last_sent_at=now)
        return len(waiting) == self._batch_messages and len(ready) == len(read)

    def hasten(self) -> None:
        """Try at once: the configuration has changed."""
        self._try_at = 0.0

    def _failed(self, reason: str, now: float) -> None:
        if reason != self.standing.reason or self.standing.unreachable_since is None:
            LOG.warning("audit repository not reached", reason=reason)
        since = self.standing.unreachable_since
        self.standing = Standing(
            unreachable_since=now if since is None else since,
            reason=reason,
            is_locked=self.standing.is_locked,
            last_sent_at=self.standing.last_sent_at,
        )
        self._try_at = now + min(FIRST_PAUSE_S * 2 ** min(self._failures, 10), LONGEST_PAUSE_S)
        self._failures += 1

    def _note(self, *, is_locked: bool) -> None:
        old = self.standing
        self.standing = Standing(old.unreachable_since, old.reason, is_locked, old.last_sent_at)

    def _frame(
        self,
        waiting: WaitingAudit,
        happening: Happening | None,
        keys: Sequence[str],
        around: Surroundings,
    ) -> bytes:
        """Write a message; one that cannot be written is none, and holds up no other."""
        if happening is None:
            LOG.error("audit message cannot be read", number=waiting.id)
            return b""
        try:
            written = self._write(happening, keys, around)
        except KeyError:
            LOG.error("audit message of an unknown kind", number=waiting.id)
            return b""
        return frame(
            syslog_message(
                written.xml,
                around.device,
                waiting.id,
                happening.at,
                is_failure=written.is_failure,
            )
        )

    def _write(self, happening: Happening, keys: Sequence[str], around: Surroundings) -> Written:
        subject = None if happening.transfer is None else self._subject(happening, keys)
        return write_message(happening, subject, around)

    def _subject(self, happening: Happening, keys: Sequence[str]) -> Subject | None:
        transfer = happening.transfer
        if transfer is None:
            return None
        sealed = self._queue.audit_subject(transfer.link, transfer.exam_id)
        if sealed is None:
            return None
        try:
            return open_subject(sealed, keys)
        except (NotForUsError, BrokenSealError) as error:
            # Told without the patient rather than not at all: the exam's id leads there.
            LOG.error("exam's particulars cannot be opened", error=type(error).__name__)
            return None


def _read(waiting: WaitingAudit) -> Happening | None:
    try:
        return read_happening(waiting.body)
    except (ValueError, TypeError, KeyError):
        return None


def _needs_key(happening: Happening | None) -> bool:
    return happening is not None and happening.needs_key
