"""Who each unit is for the kernel."""

from __future__ import annotations

import os

import pytest

from bocage_edge.units import (
    ADMINISTRATOR,
    UNITS,
    Owners,
    format_owners,
    own_owners,
    parse_owners,
)

NUMBERED = Owners({unit.name: 31001 + place for place, unit in enumerate(UNITS)}, 31000)


def test_owners_are_written_and_read() -> None:
    """As the laboratory and the package hand them to set-up."""
    assert parse_owners(format_owners(NUMBERED)) == NUMBERED


@pytest.mark.parametrize("text", ["", "group=1", "receive=x,group=1", "receive=1"])
def test_owners_with_a_gap_are_refused(text: str) -> None:
    """Every unit needs one."""
    with pytest.raises((ValueError, KeyError)):
        parse_owners(text)


def test_a_unit_is_told_by_its_user() -> None:
    """And a stranger is nobody."""
    for unit in UNITS:
        assert NUMBERED.unit_of(NUMBERED.uids[unit.name]) == unit.name
    assert NUMBERED.unit_of(0) == ADMINISTRATOR
    assert NUMBERED.unit_of(4_000_000) is None


def test_one_plain_user_is_the_administrator_of_everything() -> None:
    """For a developer with a checkout."""
    assert own_owners().unit_of(os.getuid()) == ADMINISTRATOR


def test_only_the_link_unit_keeps_powers_of_root() -> None:
    """And they are named."""
    assert {unit.name: unit.capabilities for unit in UNITS if unit.capabilities} == {
        "link": ("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_TIME")
    }
    assert len({unit.user for unit in UNITS}) == len(UNITS)
