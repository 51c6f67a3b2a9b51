"""One statement about the box's health."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; the numbers are the exit status of the doctor."""

    OK = 0
    WARNING = 1  # works, but somebody should look
    BAD = 2  # something does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one subject.

    Args:
        text: for a person at the site; no patient data.
        hint: what to do, where there is something to do.
    """

    subject: str
    level: Level
    text: str
    hint: str = ""


def ok(subject: str, text: str) -> Finding:
    """Say that something is well."""
    return Finding(subject, Level.OK, text)


def warning(subject: str, text: str, hint: str = "") -> Finding:
    """Say that somebody should look."""
    return Finding(subject, Level.WARNING, text, hint)


def bad(subject: str, text: str, hint: str = "") -> Finding:
    """Say that something does not work."""
    return Finding(subject, Level.BAD, text, hint)


def worst(findings: Iterable[Finding]) -> Level:
    """Give the worst level; all is well where there is nothing to say."""
    return max((finding.level for finding in findings), default=Level.OK)
