"""What the standard forbids of a UID, and what it merely frowns upon. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

MAX_UID_CHARACTERS = 64  # PS3.5 9.1

_CHARACTERS = re.compile(r"[0-9.]+")
_COMPONENTS = re.compile(r"[0-9]+(\.[0-9]+)*")
_CONFORMANT = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


class UidFault(StrEnum):
    """Why an identifier cannot be one."""

    EMPTY = "empty"
    TOO_LONG = "longer than 64 characters"
    CHARACTERS = "has other characters than digits and dots"
    COMPONENT = "has an empty component"


def uid_fault(uid: str) -> UidFault | None:
    """Say why a UID is to be refused, or None.

    Leading zeros break the standard too, but modalities in service send them, and every archive
    keys by the text as it is; `is_conformant` reports those.

    Args:
        uid: without padding.

    Source: PS3.5 9.1.
    """
    if not uid:
        return UidFault.EMPTY
    if len(uid) > MAX_UID_CHARACTERS:
        return UidFault.TOO_LONG
    if not _CHARACTERS.fullmatch(uid):
        return UidFault.CHARACTERS
    if not _COMPONENTS.fullmatch(uid):
        return UidFault.COMPONENT
    return None


def is_conformant(uid: str) -> bool:
    """Whether a UID keeps every rule: at least two components, none empty, no leading zero."""
    return len(uid) <= MAX_UID_CHARACTERS and _CONFORMANT.fullmatch(uid) is not None
