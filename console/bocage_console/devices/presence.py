"""Is a box there? Judged from evidence with ages, never from one message. Pure.

A broker's word that a session ended can come late or never; a retained "online" outlives its box;
a box whose console line is down may be seen by its partner. So each sign has a time, old signs
prove nothing, and the verdict comes with its reasons in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# A box speaks every 10 s by default, or thinned to a minute on a poor line.
FRESH_S = 90.0
# WireGuard makes a handshake every two minutes while anything moves.
HANDSHAKE_FRESH_S = 180.0


class Presence(StrEnum):
    """The verdict."""

    ONLINE = "online"
    CONSOLE_LINE_DOWN = "console_line_down"  # its partner hears it, we do not
    OFFLINE = "offline"
    NEVER_SEEN = "never_seen"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one box, and when. Times are Unix seconds on the console's clock.

    Args:
        session_ended_at: when the broker said that its session ended, if that is its last word.
        partner_handshake_at: when a partner last saw a handshake with it, by the partner's report.
    """

    heard_at: float | None
    session_ended_at: float | None = None
    partner_handshake_at: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with its reasons, each (French, English)."""

    presence: Presence
    reasons: Sequence[tuple[str, str]]


def judge(evidence: Evidence, now: float) -> Verdict:
    """Say whether a box is there."""
    heard, seen = evidence.heard_at, evidence.partner_handshake_at
    if heard is None and seen is None:
        return Verdict(
            Presence.NEVER_SEEN,
            [("Le boîtier ne s'est jamais annoncé.", "The box has never been heard.")],
        )
    reasons = []
    if heard is not None:
        reasons.append(_ago("Dernier message il y a {}.", "Last message {} ago.", now - heard))
    if _is_after(evidence.session_ended_at, heard):
        ended = now - (evidence.session_ended_at or now)
        reasons.append(_ago("Session terminée il y a {}.", "Its session ended {} ago.", ended))
    if seen is not None:
        text = "Le partenaire l'a entendu il y a {}.", "Its partner heard it {} ago."
        reasons.append(_ago(*text, now - seen))
    is_heard = heard is not None and now - heard < FRESH_S
    if is_heard and not _is_after(evidence.session_ended_at, heard):
        return Verdict(Presence.ONLINE, reasons)
    if seen is not None and now - seen < HANDSHAKE_FRESH_S:
        return Verdict(Presence.CONSOLE_LINE_DOWN, reasons)
    return Verdict(Presence.OFFLINE, reasons)


def _is_after(one: float | None, other: float | None) -> bool:
    return one is not None and (other is None or one >= other)


def _ago(french: str, english: str, age_s: float) -> tuple[str, str]:
    return french.format(_age(age_s, "j")), english.format(_age(age_s, "d"))


def _age(age_s: float, day: str) -> str:
    if age_s < 0:
        return "0 s"
    for unit, length_s in ((day, 86_400), ("h", 3600), ("min", 60)):
        if age_s >= length_s:
            return f"{int(age_s // length_s)} {unit}"
    return f"{int(age_s)} s"
