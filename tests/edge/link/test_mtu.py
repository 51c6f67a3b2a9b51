"""The search for the path MTU."""

from __future__ import annotations

import pytest

from bocage_edge.link.mtu import (
    LADDER,
    MtuState,
    after_new_path,
    after_probe,
    is_probe_due,
    probe,
    size_to_try,
)
from tests.fakes.host import FakeHost


@pytest.mark.parametrize(
    ("carries", "found"),
    [(1500, 1420), (1420, 1420), (1412, 1412), (1400, 1392), (1311, 1310), (1280, 1280), (0, 1280)],
)
def test_the_first_size_that_is_answered_is_taken(carries: int, found: int) -> None:
    state, tries = MtuState(), 0
    while is_probe_due(state, is_connected=True, now=0):
        state = after_probe(state, answered=size_to_try(state) <= carries, now=0)
        tries += 1
    assert state.mtu == found
    assert tries <= len(LADDER)


def test_nothing_is_tried_while_the_partner_is_away() -> None:
    assert not is_probe_due(MtuState(), is_connected=False, now=0)


def test_the_search_begins_anew_after_ten_minutes_and_on_a_new_path() -> None:
    found = MtuState(1392, found_at=0)
    assert not is_probe_due(found, is_connected=True, now=599)
    assert is_probe_due(found, is_connected=True, now=600)
    assert is_probe_due(after_new_path(found), is_connected=True, now=1)


def test_the_size_found_before_serves_while_a_search_runs() -> None:
    state = after_probe(MtuState(1392, found_at=0), answered=False, now=600)
    assert state.mtu == 1392
    assert size_to_try(state) == LADDER[1]


def test_ladder_falls_within_what_wireguard_and_ipv6_allow() -> None:
    assert list(LADDER) == sorted(LADDER, reverse=True)
    assert LADDER[0] <= 1420 and LADDER[-1] > 1280


def test_a_probe_is_an_echo_of_just_that_size() -> None:
    host = FakeHost()
    host.plug("bw0a1b2c3g1", "fd00::1/128")
    host.answers_up_to_bytes = 1412
    assert not probe(host, "bw0a1b2c3g1", "fd00::2", 1420)
    assert probe(host, "bw0a1b2c3g1", "fd00::2", 1412)
    assert "1364" in host.ran[-1]  # 1412 - 40 (IPv6) - 8 (ICMPv6)
