"""Is this instance the same as one we hold?

Source: docs of the design, "identity of an instance": the digest is over the bytes as received, the
content digest over what they mean, so that an instance sent again in another transfer syntax is
known again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar


class Known(Protocol):
    """What must be remembered of an instance to tell it again: its two digests."""

    @property
    def digest(self) -> str:
        """Over the data set as received, 64 hex digits."""

    @property
    def content_digest(self) -> str | None:
        """Over the decoded content, 64 hex digits; None where it could not be decoded."""


K = TypeVar("K", bound=Known)


@dataclass(frozen=True, slots=True)
class Same(Generic[K]):
    """The bytes, or at least the content, are those of an instance we know."""

    known: K


class Different(Enum):
    """Not the same as any instance we know."""

    NEW = "new"
    CHANGED = "changed"


def compare(digest: str, content_digest: str | None, known: Iterable[K]) -> Same[K] | Different:
    """Compare an instance with those known under its SOP Instance UID.

    Without a content digest on both sides only equal bytes are the same: to keep an instance
    twice is cheap, to drop one is not.

    Args:
        known: every instance held or remembered under this UID on this link, oldest first.
    """
    others = list(known)
    for other in others:
        if other.digest == digest:
            return Same(other)
    for other in others:
        if content_digest is not None and other.content_digest == content_digest:
            return Same(other)
    return Different.CHANGED if others else Different.NEW
