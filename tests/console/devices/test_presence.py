from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_console.devices.presence import (
    FRESH_S,
    HANDSHAKE_FRESH_S,
    Evidence,
    Presence,
    judge,
)

NOW = 1_795_000_000.0

CASES = [
    (Evidence(None), Presence.NEVER_SEEN),
    (Evidence(NOW - 5), Presence.ONLINE),
    (Evidence(NOW - FRESH_S), Presence.OFFLINE),
    # A broker that was killed told nobody: silence alone ends it.
    (Evidence(NOW - 600), Presence.OFFLINE),
    # The will came late, after the box had spoken again.
    (Evidence(NOW - 5, session_ended_at=NOW - 60), Presence.ONLINE),
    (Evidence(NOW - 5, session_ended_at=NOW - 2), Presence.OFFLINE),
    (Evidence(NOW - 600, partner_handshake_at=NOW - 30), Presence.CONSOLE_LINE_DOWN),
    (Evidence(None, partner_handshake_at=NOW - 30), Presence.CONSOLE_LINE_DOWN),
    (Evidence(NOW - 600, partner_handshake_at=NOW - HANDSHAKE_FRESH_S), Presence.OFFLINE),
]


@pytest.mark.parametrize(("evidence", "expected"), CASES)
def test_the_verdict(evidence: Evidence, expected: Presence) -> None:
    verdict = judge(evidence, NOW)
    assert verdict.presence is expected
    assert verdict.reasons


TIMES = st.none() | st.floats(NOW - 10_000, NOW)


@given(TIMES, TIMES, TIMES)
def test_nobody_is_online_who_was_not_heard_lately(
    heard: float | None, ended: float | None, seen: float | None
) -> None:
    evidence = Evidence(heard, session_ended_at=ended, partner_handshake_at=seen)
    if judge(evidence, NOW).presence is Presence.ONLINE:
        assert heard is not None and NOW - heard < FRESH_S


def test_reasons_are_said_in_both_languages_with_their_age() -> None:
    verdict = judge(Evidence(NOW - 7200, partner_handshake_at=NOW - 200_000), NOW)
    assert verdict.reasons[0] == ("Dernier message il y a 2 h.", "Last message 2 h ago.")
    assert verdict.reasons[1] == (
        "Le partenaire l'a entendu il y a 2 j.",
        "Its partner heard it 2 d ago.",
    )
