"""Surprises of the console; every message is for an operator: what is wrong, and what to do."""

from __future__ import annotations


class ConsoleError(Exception):
    """Something the console cannot go on with."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Say what is wrong and what to do about it."""
        self.message = message
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)


class UnknownError(ConsoleError):
    """What was named does not exist."""


class ConflictError(ConsoleError):
    """It cannot be done as things stand."""


class BrokerError(ConsoleError):
    """The broker does not run as it must."""
