"""One connection of a sender: bytes in, answers out. Knows no socket, and time comes in. Pure.

Messages are answered in their order, each before the next is looked at, so that a sender that does
not wait for answers gets them all the same. Whatever comes, nothing here raises, and an answer has
less than 16 KiB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bocage_edge.hl7.errors import FrameTooLongError, FramingError
from bocage_edge.hl7.framing import LIMIT_BYTES, Deframer, frame, parted
from bocage_edge.receive.hl7_answer import Hl7Answer

# Takes a whole message; gives the answer to send, None where the sender wants none. Never raises.
Take = Callable[[bytes], bytes | None]
# Answers a message, by its beginning, that is none.
Refuse = Callable[[bytes, Hl7Answer], bytes]


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a sender may make us wait.

    Args:
        idle_s: between two messages.
        message_s: from a message's first byte to its last, however short it is.
        slowest_bytes_s: what a longer one must keep up with beyond that.
    """

    idle_s: float = 3600.0
    message_s: float = 60.0
    slowest_bytes_s: float = 64 * 1024
    message_bytes: int = LIMIT_BYTES


class Session:
    """See the module. Used by one thread."""

    def __init__(self, take: Take, refuse: Refuse, limits: SessionLimits, now: float) -> None:
        """Begin, before the first byte.

        Args:
            now: seconds of a clock that never jumps; so everywhere here.
        """
        self._take = take
        self._refuse = refuse
        self._limits = limits
        self._deframer = Deframer(limits.message_bytes)
        self._began_at = now  # of the message that has begun, else of the silence
        self._is_inside = False
        self._inside_bytes = 0
        self.is_over = False

    @property
    def held_bytes(self) -> int:
        """How much of a message is in memory."""
        return self._deframer.held_bytes

    @property
    def is_in_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._is_inside

    def feed(self, piece: bytes, now: float) -> Iterator[bytes]:
        """Take what came, and give the answers one by one, each as soon as it is true."""
        try:
            messages = self._deframer.feed(piece)
        except FrameTooLongError as error:
            self.is_over = True
            yield frame(self._refuse(error.beginning, Hl7Answer.TOO_LONG))
            return
        except FramingError:
            self.is_over = True  # there is no message that could be answered
            return
        self._note(len(piece), now, is_new=bool(messages))
        for message in messages:
            yield from self._answers(message)

    def waited(self, seconds: float) -> None:
        """Do not count a time in which we did not read."""
        self._began_at += seconds

    def look(self, now: float) -> Iterator[bytes]:
        """See whether the sender takes too long; if so the connection is over."""
        limits = self._limits
        if not self._is_inside:
            self.is_over = now - self._began_at > limits.idle_s
            return
        allowed_s = limits.message_s + self._inside_bytes / limits.slowest_bytes_s
        if now - self._began_at > allowed_s:
            yield from self.ended()

    def ended(self) -> Iterator[bytes]:
        """Take note that nothing more comes; a message without an end is refused."""
        self.is_over = True
        if self._is_inside:
            yield frame(self._refuse(self._deframer.beginning, Hl7Answer.UNENDED))

    def _answers(self, message: bytes) -> Iterator[bytes]:
        unended, last = parted(message)
        for each in unended:
            yield frame(self._refuse(each, Hl7Answer.UNENDED))
        answer = self._take(last)
        if answer is not None:
            yield frame(answer)

    def _note(self, size: int, now: float, *, is_new: bool) -> None:
        """Remember since when what is held has been coming."""
        was_inside, self._is_inside = self._is_inside, self._deframer.is_inside
        if is_new or was_inside is not self._is_inside:
            self._began_at, self._inside_bytes = now, 0
        self._inside_bytes += size
