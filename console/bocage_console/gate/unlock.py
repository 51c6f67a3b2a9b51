"""May this box have its unlock secret? Pure.

The enrolled key, once a boot, no other live session, from the site's own address; whatever else is
so waits for an operator's click. A thief with the card on another network gets nothing, and is
seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The answer."""

    GRANTED = "granted"
    FENCED = "fenced"
    ALREADY_THIS_BOOT = "already_this_boot"
    ELSEWHERE = "elsewhere"  # from an address that is not the site's
    DOUBLED = "doubled"  # the same identity lives twice


@dataclass(frozen=True, slots=True)
class Asking:
    """A box that asks, and what is known.

    Args:
        is_active: enrolled with this very session key and not fenced.
        boot: the boot id it asks for.
        last_boot: the boot id it was last unlocked for.
        is_at_home: it calls from one of its site's addresses.
        is_doubled: its counters have diverged: two boxes bear one identity.
        allowed_boot: the boot id an operator allowed by a click.
    """

    is_active: bool
    boot: str
    last_boot: str | None
    is_at_home: bool
    is_doubled: bool
    allowed_boot: str | None


def judge(asking: Asking) -> Verdict:
    """Decide."""
    if not asking.is_active:
        return Verdict.FENCED
    if asking.is_doubled:
        return Verdict.DOUBLED
    if asking.allowed_boot == asking.boot:
        return Verdict.GRANTED
    if asking.last_boot == asking.boot:
        return Verdict.ALREADY_THIS_BOOT
    return Verdict.GRANTED if asking.is_at_home else Verdict.ELSEWHERE
