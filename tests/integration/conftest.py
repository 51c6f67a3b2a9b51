"""One laboratory with a working link for all tests of the road that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from tests.integration.road import Road, a_road


@pytest.fixture(scope="session")
def road() -> Iterator[Road]:
    """The boxes are up and unlocked; the line is a fast one."""
    with a_road("road", Laboratory("road", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up


@pytest.fixture(scope="session")
def heavy() -> Iterator[Road]:
    """A laboratory of its own for what loads it, and for what searches all it has written."""
    with a_road("heavy", Laboratory("heavy", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up
