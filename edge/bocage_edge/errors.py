"""Surprises of the box; expected results are values instead.

Every message is for an operator: what is wrong, and what to do. No patient text, key or secret.
"""

from __future__ import annotations


class EdgeError(Exception):
    """Something the box cannot go on with."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Say what is wrong and what to do about it."""
        self.message = message
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)


class ConfigError(EdgeError):
    """The configuration cannot be used; the last good one stays in force."""


class SealError(EdgeError):
    """A sealed object cannot be made or opened."""


class KeeperError(EdgeError):
    """The keeper refused, or does not answer."""


class SpoolError(EdgeError):
    """The spool cannot do what was asked."""


class SpoolFullError(SpoolError):
    """The spool has no room; it takes objects again when it has."""


class SpoolCorruptError(SpoolError):
    """A file of the spool is not what its name says."""
