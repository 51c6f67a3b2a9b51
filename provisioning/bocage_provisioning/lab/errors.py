"""Surprises of the laboratory, for the person who started it."""

from __future__ import annotations


class LabError(Exception):
    """The laboratory cannot go on."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Say what is wrong and what to do about it."""
        self.message = message
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)
