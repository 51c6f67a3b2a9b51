"""What can be wrong with what a peer sends as HL7. Texts are ours: they never quote the message."""

from __future__ import annotations

from bocage_edge.errors import EdgeError


class Hl7Error(EdgeError):
    """A message cannot be read."""


class FramingError(Hl7Error):
    """What comes on the connection is no MLLP: the connection is of no use any more."""


class FrameTooLongError(FramingError):
    """A message goes on past the limit.

    Args:
        beginning: its first bytes, for the answer.
    """

    def __init__(self, limit_bytes: int, beginning: bytes) -> None:
        """Say which limit it was."""
        super().__init__(f"a message may have {limit_bytes // (1024 * 1024)} MiB at most")
        self.beginning = beginning


class UnwritableError(Hl7Error):
    """A message cannot be written in a character set without losing something of it."""
